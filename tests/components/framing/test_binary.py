"""Prefixes, netstrings, records, delimiters and chunks: their forms, limits and mistakes."""

import subprocess

import pytest

from kamesh.components.framing import (
    BadFrame,
    Chunker,
    DataDeChunker,
    DeChunker,
    DelimiterJoiner,
    DelimiterSplitter,
    FrameTooLong,
    NetstringSplitter,
    PrefixJoiner,
    PrefixSplitter,
    RecordJoiner,
    SplitDelimited,
    SplitPrefixed,
    SplitRecords,
)
from kamesh.testing import run


class TestPrefixes:
    @pytest.mark.parametrize(
        ("size", "order", "frame"),
        [
            (1, "big", b"\3one"),
            (2, "big", b"\0\3one"),
            (2, "little", b"\3\0one"),
            (4, "big", b"\0\0\0\3one"),
            (8, "little", b"\3\0\0\0\0\0\0\0one"),
            ("varint", "big", b"\3one"),
        ],
    )
    def test_their_form(self, size, order, frame):
        """The length in that many bytes, in that order, and the frame behind it."""
        assert PrefixJoiner(size, order).feed(b"one") == [frame]
        assert PrefixSplitter(size, order).feed(frame) == [b"one"]

    def test_a_varint_is_that_of_protocol_buffers(self):
        """300 is AC 02, as their page on the encoding has it."""
        assert PrefixJoiner("varint").feed(b"x" * 300)[0][:2] == b"\xac\x02"

    def test_one_that_is_too_long_is_refused_before_it_comes(self):
        """The length is enough: nothing is kept for a frame that is announced too long."""
        with pytest.raises(FrameTooLong, match="frame 1 has a length of 4294967295 bytes"):
            PrefixSplitter().feed(b"\xff\xff\xff\xff")

    def test_a_varint_without_end(self):
        """More than 64 bits of length are no length."""
        with pytest.raises(BadFrame, match="more than 64 bits"):
            PrefixSplitter("varint").feed(b"\xff" * 10)

    def test_a_message_the_prefix_cannot_say(self):
        """A message of 256 bytes does not go behind one byte."""
        with pytest.raises(FrameTooLong, match="256 bytes does not go behind a length of 1 byte:"):
            PrefixJoiner(1).feed(bytes(256))

    def test_refused_at_once(self):
        """A size or an order there is not, and a limit of nothing."""
        with pytest.raises(ValueError, match="1, 2, 4, 8 or 'varint'"):
            SplitPrefixed(3)
        with pytest.raises(ValueError, match="'big' or 'little', not 'middle'"):
            SplitPrefixed(4, "middle")
        with pytest.raises(ValueError, match="at most 0 bytes"):
            SplitPrefixed(4, longest=0)


@pytest.mark.parametrize("stream", [b"x", b"3x", b"03:one,", b":,", b"3:one;", b"-1:", b" 3:one,"])
def test_no_netstrings(stream):
    """What is not a length, a colon, the bytes and a comma is refused as soon as it is seen."""
    with pytest.raises(BadFrame, match="netstring 1 does not"):
        NetstringSplitter().feed(stream)


def test_a_netstring_that_is_too_long():
    """It is refused by its length, also where the colon has not come."""
    for stream in (b"20:", b"20", b"100000000000000000000"):
        with pytest.raises(FrameTooLong, match="more than the 19 bytes"):
            NetstringSplitter(19).feed(stream)


class TestRecords:
    def test_filled_up(self):
        """A short record is filled up if that was asked for, and refused if not."""
        assert RecordJoiner(4, b"\0").feed(b"ab") == [b"ab\0\0"]
        with pytest.raises(BadFrame, match="a record of 2 bytes came, and they have 4 here"):
            RecordJoiner(4).feed(b"ab")
        with pytest.raises(BadFrame, match="5 bytes"):
            RecordJoiner(4, b"\0").feed(b"abcde")

    def test_refused_at_once(self):
        """No size, and more than a byte to fill up with."""
        with pytest.raises(ValueError, match="at least 1 byte, and not 0"):
            SplitRecords(0)
        with pytest.raises(ValueError, match="filled up with one byte"):
            RecordJoiner(4, b"ab")


class TestDelimiters:
    def test_as_find_writes_them(self, tmp_path):
        """`find -print0` writes names that any byte may be in, and they come out one by one."""
        names = ["plain", "with blank", "line\nfeed"]
        for name in names:
            (tmp_path / name).touch()
        made = subprocess.run(
            ["find", tmp_path, "-type", "f", "-print0"], capture_output=True, check=True
        ).stdout
        frames = DelimiterSplitter(b"\0", last="refuse")
        found = frames.feed(made) + frames.finish()
        assert sorted(found) == sorted(str(tmp_path / name).encode() for name in names)

    def test_kept_or_not(self):
        """With keep=True each frame has its delimiter; the last has none if none came."""
        frames = DelimiterSplitter(b"\r\n", keep=True)
        assert frames.feed(b"one\r\ntwo\r") == [b"one\r\n"]
        assert frames.feed(b"\nthree") == [b"two\r\n"]
        assert frames.finish() == [b"three"]

    def test_too_long(self):
        """A frame past the limit is refused while it comes; the delimiter does not count."""
        frames = DelimiterSplitter(b"--", longest=4)
        assert frames.feed(b"1234--") == [b"1234"]
        assert frames.feed(b"1234-") == []
        with pytest.raises(FrameTooLong, match="frame 2 goes on for more than 4 bytes"):
            frames.feed(b"5")

    @pytest.mark.parametrize("message", [b"a;b", b";", b"x;"])
    def test_a_message_that_would_be_cut(self, message):
        """What holds the delimiter is refused, not sent as two."""
        with pytest.raises(BadFrame, match="has the delimiter b';' in it"):
            DelimiterJoiner(b";").feed(message)

    def test_a_message_that_would_end_too_soon(self):
        """One that with the delimiter has it sooner is refused as well."""
        with pytest.raises(BadFrame, match="1 bytes has the delimiter"):
            DelimiterJoiner(b"aa").feed(b"a")

    def test_refused_at_once(self):
        """No delimiter, and a wish that is neither."""
        with pytest.raises(ValueError, match="at least one byte"):
            SplitDelimited(b"")
        with pytest.raises(ValueError, match="'send' or 'refuse', not 'drop'"):
            SplitDelimited(b";", last="drop")


class TestChunks:
    def test_entering_in_the_middle(self):
        """Whatever a receiver begins with, from the next marker on it has every chunk."""
        chunker = Chunker()
        frames = [b"XX%", b"", b"chunk 3", b"X" * 30, bytes(range(256))]
        stream = b"".join(part for frame in frames for part in chunker.feed(frame))
        for begin in range(1, 30):
            chunks = DeChunker()
            assert chunks.feed(stream[begin:]) + chunks.finish() == frames[1:]

    def test_lost_bytes_cost_their_own_chunks_only(self):
        """With any bytes lost, all chunks that none was lost of are there, in order."""
        frames = [b"chunk %d X" % n for n in range(10)]
        framed = [b"".join(Chunker().feed(frame)) for frame in frames]
        stream = b"".join(framed)
        for at in range(len(framed[0]), len(stream) - 2 * len(framed[0]), 7):
            chunks = DeChunker()
            got = chunks.feed(stream[:at] + stream[at + 5 :]) + chunks.finish()
            first, last = at // len(framed[0]), (at + 4) // len(framed[0])
            whole = frames[: max(first - 1, 0)] + frames[last + 1 :]
            assert [frame for frame in got if frame in whole] == whole

    def test_damage_is_counted(self):
        """What no sender can have made is left out, and the figures say so."""
        chunks = DeChunker(b"<>")
        assert chunks.feed(b"junk<>one<>tw<o<>%zz<>four<>") == [b"one", b"four"]
        assert (chunks.skipped, chunks.damaged) == (4, 2)

    def test_flush(self):
        """Asked for at "flush", the chunk under way is sent; then a new marker is waited for."""
        dechunker = DataDeChunker(b"<>")
        sent = run(dechunker, {"inbox": [b"<>one<>two"], "flush": ["now"]})["outbox"]
        assert sent == [b"one", b"two"]
        chunks = DeChunker(b"<>")
        assert chunks.feed(b"<>one") == []
        assert list(chunks.flush()) == [b"one"]
        assert chunks.feed(b"lost<>two") == []
        assert chunks.finish() == [b"two"]

    def test_what_is_kept_is_bounded(self):
        """A stream without any marker is not kept, and a chunk without an end is refused."""
        chunks = DeChunker(longest=100)
        for _ in range(50):
            assert chunks.feed(b"no marker here") == []
        assert len(chunks._kept) < 24
        with pytest.raises(FrameTooLong, match="more than 100 bytes without a marker"):
            chunks.feed(b"X" * 24 + b"x" * 125)

    @pytest.mark.parametrize("marker", [b"", b"%%", b"5", b"ABC"])
    def test_what_cannot_be_a_marker(self, marker):
        """A marker begins with a byte that no escape holds."""
        with pytest.raises(ValueError, match="cannot be a marker"):
            Chunker(marker)
