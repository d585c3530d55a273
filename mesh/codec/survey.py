"""Looking over a batch before it is packed, or after it is unpacked, at the speed of C.

MessagePack packs bytearray and memoryview as if they were bytes and would copy large bytes, so the
batch is looked through first: level by level, all types of a level in one pass, then all containers
of a type flattened in one pass. A batch of a thousand small dicts costs some 60 ns a message.

Laws: no recursion, so depth is bounded by counting and a message that holds itself is found by it;
the number of values is known before a level is made, so nothing can grow beyond `MAX_VALUES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from gc import get_referents
from itertools import chain
from typing import Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import ADOPT, CONTAINERS, PACK, Container, unknown
from kamesh.codec.wire import LARGE, MAX_DEPTH, MAX_VALUES

__all__ = ["TooDeep", "TooMany", "shallow", "survey"]

_NATIVE = {type(None), bool, int, float, str, bytes, list, dict}
_KEYS = {str, bytes}
_CONTAINERS = CONTAINERS.keys()
_WIDE = {bytearray, memoryview}
_ODD_DICT = 6  # what a dict counts for beyond its own when it travels as an extension
_PLAIN = {list, tuple, dict}
_LISTS_ALL = [len(get_referents(one)) for one in ({"a": 1.5}, {1: 1.5}, ["b"], (None,))] == [1, 2, 1, 1]
"""Whether the garbage collector lists all that is in lists, tuples and dicts, and of keys those of
dicts whose keys are not all str: CPython's does, several times as fast as iterating over them."""


class TooDeep(Cannot):
    """Containers lie deeper than `MAX_DEPTH`."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            f"is nested deeper than {MAX_DEPTH} containers", "send its parts with keys between them"
        )


class TooMany(Cannot):
    """The batch is past a limit of size."""


def survey(messages: Sequence[Any], large: type = bytes) -> tuple[set[type], bool, int]:
    """Give all types in a batch, whether any of it must be lifted out, and its count of values.

    To be lifted are bytearray, memoryview, large ones of the type `large` (bytes, or str), and
    dicts with keys other than str or bytes. Raises `Cannot` for a type that does not travel, and at
    the limits.
    """
    found: set[type] = set()
    lift = False
    weight = len(messages) + 2
    level: Sequence[Any] = messages
    for depth in range(MAX_DEPTH + 1):
        kinds = set(map(type, level))
        found |= kinds
        if large in kinds and not lift:
            lift = max(map(len, _only(large, level, kinds))) >= LARGE
        inner = kinds & _CONTAINERS
        if not inner:
            break
        if depth == MAX_DEPTH:
            raise TooDeep
        groups = [(kind, _only(kind, level, kinds)) for kind in inner]
        weight += sum(_weight(CONTAINERS[kind], group) for kind, group in groups)
        _bounded(weight)
        below: list[Any] = []
        for kind, group in groups:
            contents: Iterable[object] = (
                get_referents(*group)
                if kind in _PLAIN and _LISTS_ALL
                else CONTAINERS[kind].contents(group)
            )
            if kind is dict and _odd(group, contents):
                lift = True
                weight += _ODD_DICT * len(group)
                _bounded(weight)
                contents = CONTAINERS[dict].contents(group)
            below += contents
        level = below
    _known(found)
    return found, lift or not found.isdisjoint(_WIDE), weight


def _only(kind: type, level: Sequence[Any], kinds: set[type]) -> Any:
    return level if len(kinds) == 1 else [value for value in level if type(value) is kind]


def _odd(dicts: list[Any], contents: Iterable[object]) -> bool:
    """Say whether any key is neither str nor bytes. Where none is listed, all of them are str."""
    if isinstance(contents, list) and len(contents) == sum(map(len, dicts)):
        return False
    return not set(map(type, chain.from_iterable(dicts))) <= _KEYS


def _bounded(weight: int) -> None:
    if weight > MAX_VALUES:
        raise TooMany(
            f"holds more than {MAX_VALUES:,} values (a container counts as three)",
            "split it, or send numbers as a NumPy array or as bytes",
        )


def _weight(container: Container, instances: list[Any]) -> int:
    return container.count(instances) + container.own * len(instances)


def _known(found: set[type]) -> None:
    for kind in found - _NATIVE:
        if kind not in PACK and not any(adopt(kind) for adopt in ADOPT):
            raise unknown(kind)


def shallow(messages: list[Any]) -> None:
    """Check the depth of a batch that consists of MessagePack's own types, in less time.

    The garbage collector must know every container within a container and lists them several times
    as fast as `survey` does; scalars may be missing in its answer, and are not asked for.
    """
    level: list[Any] = messages
    for _ in range(MAX_DEPTH):
        level = get_referents(*level)
        if not level:
            return
    if not set(map(type, level)).isdisjoint((list, tuple, dict)):
        raise TooDeep
