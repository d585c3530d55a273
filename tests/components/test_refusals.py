"""What no component of the library takes: a figure that is none is refused when it is made.

One plain sentence, of a KameshError: whoever catches that catches every mistake of a user.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
from typing import Any

import pytest

from kamesh import KameshError
from kamesh.components.catalogue import Entry, catalogue
from kamesh.components.plumbing import PassThrough
from kamesh.components.protocols import Echo

GIVEN: dict[str, Any] = {  # what must be given to some, by the parameter's name
    "name": "a name", "factory": PassThrough, "function": str, "messages": (), "message": "one",
    "interval": 1.0, "seconds": 1.0, "predicate": bool, "factories": (), "inboxes": 2, "key": str,
    "routes": ["a"], "delimiter": b",", "size": 2, "path": "a.path", "folder": "a.folder",
    "framing": 2, "group": "239.255.1.1", "port": 5004, "interface": "127.0.0.1", "host": "127.0.0.1",
    "protocol": Echo, "url": "http://127.0.0.1:9/", "command": "true", "graph": "null",
    "device": "default", "rate": 25, "pattern": "a.%d.png", "inputs": 2,
    "tls": {"certificate": "a.crt", "key": "a.key"},
}  # fmt: skip
MORE: dict[str, dict[str, Any]] = {  # and what some need besides
    "Encrypt": {"passphrase": "secret"},
    "Decrypt": {"passphrase": "secret"},
    "RateLimiter": {"per_second": 1.0},
    "AudioFilter": {"graph": "anull"},
}
NUMBER = re.compile(r"^(int|float)( \| (int|float|None))*$")
ENTRIES = {entry.name: entry for entry in catalogue().entries}


def _class_of(entry: Entry) -> Any:
    module, _, name = entry.use.partition(":")
    return getattr(importlib.import_module(module), name)


def _given(entry: Entry) -> dict[str, Any]:
    """Give the arguments it cannot be made without."""
    parameters = inspect.signature(_class_of(entry)).parameters.values()
    needed = [it.name for it in parameters if it.default is it.empty and it.kind.value in (0, 1, 3)]
    if entry.name == "Tee":
        return {"side": PassThrough()}
    return {name: GIVEN[name] for name in needed} | MORE.get(entry.name, {})


NUMBERS = [
    (entry.name, it.name)
    for entry in ENTRIES.values()
    for it in inspect.signature(_class_of(entry)).parameters.values()
    if NUMBER.match(str(it.annotation))
]
ARGUMENTS = [
    (entry.name, it.name)
    for entry in ENTRIES.values()
    for it in inspect.signature(_class_of(entry)).parameters.values()
    if it.name not in ("name", "component_name") and it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)
]
WORDS = [
    (entry.name, it.name)
    for entry in ENTRIES.values()
    for it in inspect.signature(_class_of(entry)).parameters.values()
    if isinstance(it.default, str) and it.default
]


@pytest.mark.parametrize(
    "bad", ["some", math.nan, -math.inf, object(), [1]], ids=["text", "nan", "-inf", "object", "list"]
)
@pytest.mark.parametrize(("name", "figure"), NUMBERS)
def test_what_is_no_number_is_refused_when_it_is_made(name: str, figure: str, bad: object) -> None:
    """Not when the first message comes, nor by an error of Python's own that names a file of ours."""
    entry = ENTRIES[name]
    with pytest.raises(KameshError):
        _class_of(entry)(**{**_given(entry), figure: bad})


@pytest.mark.parametrize("bad", [-1, 0, 10**400, 0.5], ids=lambda bad: str(bad)[:9])
@pytest.mark.parametrize(("name", "figure"), NUMBERS)
def test_a_number_is_taken_or_refused_in_a_sentence(name: str, figure: str, bad: float) -> None:
    """Small ones, huge ones and halves: what goes wrong is a KameshError."""
    entry = ENTRIES[name]
    try:
        _class_of(entry)(**{**_given(entry), figure: bad})
    except KameshError as error:
        assert str(error)  # noqa: PT017  it need not be refused


@pytest.mark.parametrize("bad", ["no such word", "", 5, None], ids=repr)
@pytest.mark.parametrize(("name", "word"), WORDS)
def test_a_word_is_taken_or_refused_in_a_sentence(name: str, word: str, bad: object) -> None:
    """A mode, a container, an encoding: what goes wrong is a KameshError."""
    entry = ENTRIES[name]
    try:
        _class_of(entry)(**{**_given(entry), word: bad})
    except KameshError as error:
        assert str(error)  # noqa: PT017  it need not be refused


ODD = (None, 5, -1, "x", "", b"x", [1], {}, "a\0b")


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_whatever_is_given_it_is_taken_or_refused_in_a_sentence(name: str, argument: str) -> None:
    """A path, a dict, a function: `except KameshError` is enough for what a user gets wrong."""
    entry = ENTRIES[name]
    for odd in (*ODD, object()):
        try:
            _class_of(entry)(**{**_given(entry), argument: odd})
        except KameshError as error:
            assert str(error)  # noqa: PT017  it need not be refused


@pytest.mark.parametrize("name", ENTRIES)
def test_what_the_above_needs(name: str) -> None:
    """Each can be made with the arguments that are changed above one by one."""
    entry = ENTRIES[name]
    _class_of(entry)(**_given(entry))
