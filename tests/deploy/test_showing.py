"""What is shown of messages, numbers and times, in lines and in tables."""

import pytest

from kamesh.deploy.pictures.canvas import Canvas
from kamesh.deploy.pictures.showing import as_json, count, duration, one_line, printable, size
from kamesh.deploy.pictures.tables import clip, fit, table


def test_lines_join_where_they_meet():
    """Corners, crossings and joins come of the lines; text stands above."""
    canvas = Canvas()
    canvas.frame(0, 0, 2, 6)
    canvas.down(3, 0, 4)
    canvas.across(1, 3, 8, round_corners=True)
    canvas.down(8, 1, 3, round_corners=True)
    canvas.text(2, 1, "é音")
    assert str(canvas).split("\n") == [
        "┌──┬──┐",
        "│  ├──┼─╮",
        "└é音──┘ │",
        "   │    │",
        "   │",
    ]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([], ["NAME  PID"]),
        ([("a", "12345"), ("音", "1")], ["NAME    PID", "a     12345", "音        1"]),
    ],
)
def test_tables(rows, lines):
    """Columns are as wide as what is in them, numbers stand to the right, wide letters count double."""
    assert table(["NAME", "PID"], rows, right=["PID"]) == lines


def test_cutting_and_filling():
    """A text is made to fit, whatever the width of its letters."""
    assert [clip("abcdef", 4), clip("abc", 3), clip("音声合", 4), clip("ab", 0)] == [
        "abc…",
        "abc",
        "音…",
        "",
    ]
    assert [fit("ab", 4), fit("ab", 4, right=True), fit("音声", 3)] == ["ab  ", "  ab", "音…"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.42, "0.4 s"), (12.9, "12 s"), (60, "1 min"), (185, "3 min 5 s"),
     (7800, "2 h 10 min"), (3600, "1 h"), (356400, "4 d 3 h")],
)  # fmt: skip
def test_durations(seconds, text):
    """A time that has passed is told in the two units that matter."""
    assert duration(seconds) == text


def test_numbers():
    """Thousands are set apart, bytes are told in binary units."""
    assert count(1234567) == "1,234,567"
    assert [size(n) for n in (0, 1023, 1024, 1536, 1 << 20, 5 << 30, 9 << 50)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB", "9216.0 TiB",
    ]  # fmt: skip


class Grid:
    shape, dtype = (720, 1280, 3), "uint8"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello\n\x1b[31mred", "hello\\n\\x1b[31mred"),
        ("x" * 50, "x" * 29 + "…"),
        (b"\x00\xff", "b'\\x00\\xff'"),
        (b"a" * 100, ("b'" + "a" * 64)[:29] + "…"),
        (Grid(), "<array 720x1280x3 uint8>"),
        ({"n": 1}, "{'n': 1}"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9…"),
        (None, "None"),
    ],
)
def test_messages_in_one_line(message, text):
    """Any message is one printable line of the length that is asked for."""
    assert one_line(message, 30) == text


def test_unprintable_text():
    """Every kind of control character is written out, lone surrogates too."""
    assert printable("a\x9b\u202eb\ud800") == "a\\x9b\\u202eb\\ud800"


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        ([1, (True, None), "x"], [1, [True, None], "x"]),
        ({"a": 1.5}, {"a": 1.5}),
        ({1: 2}, {"type": "dict", "text": "{1: 2}"}),
        (float("nan"), {"type": "float", "text": "nan"}),
        (b"\x01\x02", {"type": "bytes", "length": 2, "head": "0102"}),
        (3 + 4j, {"type": "complex", "text": "(3+4j)"}),
    ],
)
def test_messages_as_json(message, plain):
    """What JSON holds goes as it is, the rest with its type."""
    assert as_json(message) == plain


def test_endless_messages_end():
    """A message that holds itself, and one of a million items, are cut."""
    round_about = []
    round_about.append(round_about)
    as_json(round_about)
    assert len(as_json(list(range(1_000_000)))) == 1000
