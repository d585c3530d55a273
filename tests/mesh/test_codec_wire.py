"""The wire: numbers and bytes that must never change, and what the code that reads it may not import."""

from __future__ import annotations

import ast
import enum
import pathlib
import uuid
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from same import same

import kamesh
from kamesh.codec import decode, encode, register
from kamesh.codec.wire import Code, Mode


@register(name="g:E")
class Letter(enum.Enum):
    A = 1


@register(name="g:R")
@dataclass
class Record:
    a: Any
    b: Any


NUMBERS = {
    "INT": 1, "COMPLEX": 2, "BYTES": 3, "BYTEARRAY": 4, "MEMORYVIEW": 5, "TEXT": 6, "TUPLE": 7, "SET": 8,
    "FROZENSET": 9, "DICT": 10, "ORDERED_DICT": 11, "COUNTER": 12, "DEQUE": 13, "DATE": 14, "TIME": 15,
    "DATETIME": 16, "TIMEDELTA": 17, "TIMEZONE": 18, "ZONEINFO": 19, "DECIMAL": 20, "FRACTION": 21,
    "UUID": 22, "PATH": 23, "ENUM": 24, "RECORD": 25, "ARRAY": 26, "SCALAR": 27, "VIDEO_FRAME": 28,
    "AUDIO_FRAME": 29, "PACKET": 30,
}  # fmt: skip

GOLDEN: list[tuple[Any, str]] = [
    (None, "0091c0"),
    ({"n": 17}, "009181a16e11"),
    ([1, "a", b"b"], "00919301a161c40162"),
    ((1,), "01919101"),
    ([(1,), []], "009192d507910190"),
    (2**64, "0091c70901010000000000000000"),
    (-(2**63) - 1, "0091c70901ff7fffffffffffffff"),
    (1.5, "0091cb3ff8000000000000"),
    (1j, "0091d80200000000000000003ff0000000000000"),
    ("\ud800", "0091a3eda080"),
    (bytes(16384), "0091d5039100"),
    (bytearray(b"a"), "0091d60491c40161"),
    (memoryview(b"ab"), "0091c7090593a1429102c4026162"),
    ({1}, "0091d5089101"),
    (frozenset({1}), "0091d5099101"),
    ({1: 2}, "0091c7050a9291019102"),
    (OrderedDict(a=1), "0091c7060b9291a1619101"),
    (Counter("a"), "0091c7060c9291a1619101"),
    (deque([1], 2), "0091c7030d920201"),
    (date(2026, 1, 2), "0091c7060e93cd07ea0102"),
    (time(1, 2, 3, 4, fold=1), "0091c7070f960102030401c0"),
    (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "0091c70e1099cd07ea01020304050600c70012"),
    (timedelta(1, 2, 3), "0091d61193010203"),
    (UTC, "0091c70012"),
    (timezone(timedelta(hours=1), "X"), "0091d7129400cd0e1000a158"),
    (ZoneInfo("UTC"), "0091c70313555443"),
    (Decimal("1.50"), "0091d614312e3530"),
    (Fraction(1, 3), "0091c70315920103"),
    (uuid.UUID(int=1), "0091d81600000000000000000000000000000001"),
    (pathlib.PurePosixPath("a"), "0091d6179200a161"),
    (pathlib.PureWindowsPath("a"), "0091d6179201a161"),
    (Letter.A, "0091c7071892a3673a45a141"),
    (Record(1, [2]), "0091c70c1994a3673a52a3612c62019102"),
]


def test_the_numbers_are_what_they_were() -> None:
    """Only ever appended: a number given away keeps its meaning."""
    now = {name: value for name, value in vars(Code).items() if not name.startswith("_")}
    assert {name: now[name] for name in NUMBERS} == NUMBERS
    assert len(set(now.values())) == len(now)
    assert (Mode.LISTS, Mode.TUPLES) == (0, 1)


def _name(it: Any) -> str:
    return "memory" if isinstance(it, memoryview) else str(it)[:24]


@pytest.mark.parametrize(("message", "golden"), GOLDEN, ids=_name)
def test_the_bytes_are_what_they_were(message: Any, golden: str) -> None:
    """Both ways: an older node reads what we write, and we read what it wrote."""
    encoded = encode([message])
    assert encoded.payload.hex() == golden
    (arrived,) = decode(bytes.fromhex(golden), encoded.buffers)
    assert same(message, arrived)


def test_the_bytes_of_a_large_text_are_what_they_were() -> None:
    """It refers to a buffer in UTF-8."""
    assert decode(bytes.fromhex("0091d5069100"), ["ö".encode()]) == ["ö"]
    assert encode(["x" * 2_000_000]).payload.hex() == "0091d5069100"


def test_the_bytes_of_arrays_are_what_they_were() -> None:
    """Plain and structured, C and Fortran, scalars."""
    np = pytest.importorskip("numpy")
    for message, golden in [
        (np.arange(2, dtype="<i2"), "0091c70f1a94a33c6932a1439102c40400000100"),
        (np.zeros((1, 2), [("a", "u1")], order="F"),
         "0091c7161a949491a16191a37c7531910001a143920102c4020000"),
        (np.float32(1.5), "0091c70b1b92a33c6634c4040000c03f"),
        (np.str_("a"), "0091d71b92a474657874a161"),
    ]:  # fmt: skip
        assert encode([message]).payload.hex() == golden
        assert same(message, decode(bytes.fromhex(golden))[0])


def test_the_bytes_of_media_are_what_they_were() -> None:
    """A picture (whose lines another FFmpeg may pad differently), sound, a packet."""
    av = pytest.importorskip("av")
    sound = av.AudioFrame("u8", "mono", 2)
    memoryview(sound.planes[0])[:] = bytes(sound.planes[0].buffer_size)
    sound.sample_rate = 8
    packet = av.Packet(b"ab")
    packet.pts, packet.is_keyframe = 1, True
    for message, golden in [
        (sound, "0091c7161d95a27538a46d6f6e6f0296c0c000c008c291c4020000"),
        (packet, "0091c70d1e939601c000c0c3c290c4026162"),
    ]:
        assert encode([message]).payload.hex() == golden
        assert same(message, decode(bytes.fromhex(golden))[0])
    picture = (
        "0091c7301c980201a4677261799a01c000c703159201190002000202c2911091c4100000000000000000000000"
        "0000000000c400c2"
    )
    (frame,) = decode(bytes.fromhex(picture))
    assert (frame.width, frame.height, frame.format.name, frame.pts) == (2, 1, "gray", 1)
    assert frame.time_base == Fraction(1, 25)


def test_nothing_on_the_wire_path_can_run_code() -> None:
    """No pickle, marshal, yaml, eval or import by name in the code that reads the wire."""
    root = pathlib.Path(kamesh.__file__).parent
    modules = {
        "pickle",
        "cPickle",
        "_pickle",
        "marshal",
        "shelve",
        "yaml",
        "dill",
        "cloudpickle",
        "jsonpickle",
    }
    names = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "import_module",
        "__reduce__",
        "__setstate__",
        "find_class",
    }
    files = sorted(root.glob("*.py")) + [
        path
        for part in ("codec", "link", "membership", "transport")
        for path in (root / part).rglob("*.py")
    ]
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            found: set[str] = set()
            if isinstance(node, ast.Import):
                found = {alias.name.split(".")[0] for alias in node.names} & modules
            elif isinstance(node, ast.ImportFrom):
                found = {(node.module or "").split(".")[0]} & modules
            elif isinstance(node, ast.Name):
                found = {node.id} & names
            elif isinstance(node, ast.Attribute) and not _is_regular_expression(node):
                found = {node.attr} & names
            assert not found, f"{path}:{node.lineno}: {found}"


def _is_regular_expression(node: ast.Attribute) -> bool:
    return node.attr == "compile" and isinstance(node.value, ast.Name) and node.value.id == "re"
