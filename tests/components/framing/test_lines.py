"""Lines out of bytes: the same however the bytes were cut, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import ComponentFailed, Pipeline
from kamesh.components.framing.lines import LineSplitter, LineTooLong, SplitLines, UnknownEncoding
from kamesh.components.sources import DataSink, DataSource


def split(pieces, **options):
    """Feed pieces to a splitter; give all the lines."""
    splitter = LineSplitter(**options)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return lines + splitter.finish()


@given(st.text(alphabet="ab\n\r\N{SNOWMAN}\N{GRINNING FACE}"), st.data())
def test_cuts_make_no_difference(text, data):
    """Cut anywhere, in the middle of a character or of a CR LF, the lines are the same."""
    whole = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert split(pieces) == split([whole])


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\n\r\ntwo\r", ["one", "", "two\r"]),
        (b"a\rb\n", ["a\rb"]),
    ],
)
def test_where_a_line_ends(data, lines):
    """A line feed ends a line, with or without a carriage return; the last may do without."""
    assert split([data]) == lines


def test_feed_gives_only_complete_lines():
    """What is not finished waits for the rest."""
    lines = LineSplitter()
    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"o\nthree") == ["two"]
    assert lines.finish() == ["three"]
    assert lines.finish() == []


def test_bytes_that_are_not_text():
    """By default they are an error; "replace" puts U+FFFD, for a character cut off at the end too."""
    with pytest.raises(UnicodeDecodeError):
        split([b"\xff"])
    assert split([b"a\xffb\n\xe2\x98"], errors="replace") == ["a\ufffdb", "\ufffd"]


def test_other_encodings():
    """The encoding is the caller's choice, and one that does not exist is an error at once."""
    assert split([b"caf\xe9\n"], encoding="latin-1") == ["caf\u00e9"]
    for encoding, errors in (
        ("klingon", "strict"),
        ("hex", "strict"),
        (None, "strict"),
        ("utf-8", "no"),
    ):
        with pytest.raises(UnknownEncoding, match="bytes cannot be read as text by"):
            LineSplitter(encoding, errors)


@pytest.mark.parametrize(
    ("encoding", "data", "lines", "words"),
    [
        ("utf-16", b"o\0n\0e\0\n\0", [], "it cannot be read"),
        ("iso2022_jp", b"one\n\x1b$onhree\n", ["one"], ""),
        ("utf-8", b"one\ntwo\xff\n", ["one"], "there is the byte 0xff"),
    ],
)
def test_what_an_encoding_cannot_read(encoding, data, lines, words):
    """The lines before it are given, however it is cut, and the sentence says what was found."""
    for step in (1, 2, 100):
        got = []
        cut = [data[at : at + step] for at in range(0, len(data), step)]
        with pytest.raises(ComponentFailed, match=f"a.txt is not text in {encoding}: .*{words}"):
            Pipeline(DataSource(cut), SplitLines(encoding, source="a.txt"), DataSink(got)).run()
        assert got == lines


def test_a_line_has_a_longest_length():
    """A line past the limit is refused, in one piece or in many; short lines never are."""
    assert split([b"12345678\n" * 10], longest=8) == ["12345678"] * 10
    with pytest.raises(LineTooLong, match="more than 8 characters"):
        split([b"1234", b"5678", b"9"], longest=8)
    with pytest.raises(LineTooLong):
        split([b"ok\n123456789"], longest=8)


def test_the_longest_line_of_the_component():
    """It is said as for the other splitters."""
    whole = [b"fo", b"ur\n"]
    Pipeline(DataSource(whole), SplitLines(longest=4), DataSink(got := [])).run()
    assert got == ["four"]
    with pytest.raises(ComponentFailed, match="more than 4 characters"):
        Pipeline(DataSource([b"four\nfi", b"ve!\n"]), SplitLines(longest=4), DataSink()).run()
