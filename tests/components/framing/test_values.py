"""JSON lines, MessagePack and kamesh's own messages: their forms, limits and mistakes."""

import dataclasses
import json
import tracemalloc
from datetime import UTC, datetime

import msgpack
import pytest

from kamesh import ComponentFailed, Pipeline, register
from kamesh.components.framing import (
    BadFrame,
    BytesToMessages,
    FrameTooLong,
    JSONJoiner,
    JSONSplitter,
    MessagePackJoiner,
    MessagePackSplitter,
    MessageSplitter,
    MessagesToBytes,
    frame_messages,
)
from kamesh.components.sources import DataSink, DataSource


@register
@dataclasses.dataclass(frozen=True)
class Reading:
    """What travels in these tests."""

    sensor: str
    celsius: float


class TestJSON:
    def test_pythons_own_json_reads_it(self):
        """Each line is JSON by itself, in UTF-8, and has no line feed in it."""
        values = [{"a": [1, 2.5, None, True]}, "line\nfeed \N{SNOWMAN}"]
        lines = b"".join(part for value in values for part in JSONJoiner().feed(value))
        assert [json.loads(line) for line in lines.splitlines()] == values

    def test_what_is_left_out(self):
        """Empty lines, carriage returns and a byte order mark are nothing."""
        values = JSONSplitter()
        assert values.feed(b"\xef\xbb\xbf1\r\n\r\n  \n2\n") == [1, 2]

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            (b"{'a': 1}", "Expecting property name"),
            (b"NaN", "NaN is no number there"),
            (b"1 2", "Extra data at character 3"),
            (b'"\xff"', "there is the byte 0xff, so it is not UTF-8"),
            (b"[" * 100_000, "nested too deep"),
            (b"1" * 5000, "digits"),
        ],
    )
    def test_what_is_not_json(self, line, words):
        """It is refused with the line's number and the reason, whatever it is."""
        with pytest.raises(BadFrame, match="line 2 is") as raised:
            JSONSplitter().feed(b"\n" + line + b"\n")
        assert words in str(raised.value)

    @pytest.mark.parametrize("value", [b"bytes", {1, 2}, float("nan"), "\ud800", object()])
    def test_what_does_not_go_into_json(self, value):
        """It is refused by its type."""
        with pytest.raises(BadFrame, match=f"of the type {type(value).__name__} does not go into"):
            JSONJoiner().feed(value)

    def test_a_line_that_is_too_long(self):
        """It is refused while it comes."""
        with pytest.raises(FrameTooLong):
            JSONSplitter(10).feed(b"12345678901")


class TestMessagePack:
    def test_msgpack_itself_reads_and_writes_it(self):
        """What `msgpack.packb` makes is read, and `msgpack.unpackb` reads what is made."""
        values = [None, True, -1, 2.5, "one", b"two", [1, [2]], {"a": {"b": []}}]
        assert MessagePackSplitter().feed(b"".join(map(msgpack.packb, values))) == values
        packer = MessagePackJoiner()
        assert [msgpack.unpackb(packer.feed(value)[0]) for value in values] == values

    def test_times(self):
        """A datetime with a zone is a timestamp, and comes back in UTC."""
        moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
        (packed,) = MessagePackJoiner().feed(moment)
        assert MessagePackSplitter().feed(packed) == [moment]

    @pytest.mark.parametrize(
        "header", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdd\x00\x0f\xff\xff" * 300]
    )
    def test_a_header_that_claims_much_costs_nothing(self, header):
        """No room is made for what has not come, nor for arrays in arrays that claim a million."""
        tracemalloc.start()
        try:
            assert MessagePackSplitter().feed(header) == []
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("stream", "words"),
        [
            (b"\xc1", "value 2 cannot be read as MessagePack"),
            (b"\x91" * 3000 + b"\1", "nested too deep"),
            (b"\x81\x01\x02", "int is not allowed for map key"),
            (b"\xa1\xff", "codec can't decode"),
        ],
    )
    def test_what_is_refused(self, stream, words):
        """What no sender should send is refused, by its place in the stream."""
        values = MessagePackSplitter()
        assert values.feed(b"\1" + stream[:1]) == [1] or stream == b"\xc1"
        with pytest.raises(BadFrame, match=words):
            values.feed(stream[1:] or b"\1")

    def test_any_key(self):
        """Maps with keys that are numbers are read where the sender is trusted."""
        assert MessagePackSplitter(any_key=True).feed(b"\x81\x01\x02") == [{1: 2}]

    def test_too_long(self):
        """A value past the limit is refused, whether it comes in one piece or not."""
        packed = msgpack.packb(bytes(200_000))
        for step in (1000, 300_000):
            values = MessagePackSplitter(100_000)
            pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
            with pytest.raises(FrameTooLong, match="value 1 has more than 100000 bytes"):
                list(map(values.feed, pieces))

    def test_a_large_one_in_small_pieces(self):
        """A value of nearly the limit comes through."""
        packed = msgpack.packb(list(range(20_000)))
        values = MessagePackSplitter(len(packed))
        got = [
            each for at in range(0, len(packed), 999) for each in values.feed(packed[at : at + 999])
        ]
        assert got == [list(range(20_000))]

    def test_what_does_not_go_into_it(self):
        """It is refused by its type."""
        packer = MessagePackJoiner()
        with pytest.raises(BadFrame, match="can not serialize 'object'"):
            packer.feed([1, object()])


class TestMessages:
    def test_golden_bytes(self):
        """The form on the wire: nodes of different ages talk to each other."""
        assert frame_messages([1, "two"]).hex() == "0100000000000007" + "0092" + "01" + "a374776f"
        large = bytes(20_000)
        framed = frame_messages([large])
        assert framed[:8].hex() == "010000010000000" + hex(len(framed) - 16 - 20_000)[2:]
        assert framed[8:16] == (20_000).to_bytes(8, "big")
        assert framed[-20_000:] == large

    def test_every_type_comes_back(self):
        """What goes in comes out, of the same type: tuples, sets, records, large data."""
        values = [
            (1, [2]),
            {3},
            Reading("hall", 20.5),
            bytes(100_000),
            bytearray(b"x"),
            None,
            2**100,
        ]
        got = []
        Pipeline(DataSource(values), MessagesToBytes(), BytesToMessages(), DataSink(got)).run()
        assert got == values
        assert [type(each) for each in got] == [type(each) for each in values]

    def test_many_and_large(self):
        """More than goes into one frame goes into several; large data is sent as it is."""
        values = [[n, bytes(1_500_000)] for n in range(12)] + list(range(5000))
        made = DataSink()
        Pipeline(DataSource(values), MessagesToBytes(), made).run()
        assert max(map(len, made.messages)) < 2 << 20
        messages = MessageSplitter()
        assert [each for piece in made.messages for each in messages.feed(piece)] == values

    def test_one_message_of_many_parts_overfills_nothing(self):
        """A message with much large data in it goes into a small inbox as there is room."""

        class Small(DataSink):
            bounds = {"inbox": 3}
            most = 0

            def main(self):
                while not self.stopping():
                    self.most = max(self.most, len(self.inbox))
                    self.messages.extend(self.inbox)
                    yield self.pause()

        small = Small()
        values = [[bytearray(70_000) for _ in range(40)] for _ in range(3)]
        Pipeline(DataSource(values), MessagesToBytes(), small).run()
        assert small.most == 3
        messages = MessageSplitter()
        assert [each for piece in small.messages for each in messages.feed(piece)] == values

    def test_what_does_not_travel(self):
        """Those before it in the same turn are sent; it is refused by its type."""
        got = []
        with pytest.raises(ComponentFailed, match="the type object, which does not travel"):
            Pipeline(
                DataSource([1, 2, object(), 3]), MessagesToBytes(), BytesToMessages(), DataSink(got)
            ).run()
        assert got == [1, 2]

    @pytest.mark.parametrize(
        ("stream", "error", "words"),
        [
            (b"HTTP/1.1 200 OK", BadFrame, "not of the form that MessagesToBytes makes"),
            (b"\1\0\0\0\xff\xff\xff\xff", FrameTooLong, "4294967303 bytes, more than the 67108864"),
            (b"\1\0\0\1\0\0\0\1" + b"\xff" * 8, FrameTooLong, "more than the 67108864"),
            (b"\1\0\0\0\0\0\0\1\xff", BadFrame, "frame 1 cannot be read: the payload"),
            (b"\1\0\0\0\0\0\0\0", BadFrame, "frame 1 cannot be read"),
        ],
    )
    def test_hostile_bytes(self, stream, error, words):
        """They are refused, as soon as they are seen, and do nothing else."""
        with pytest.raises(error, match=words):
            MessageSplitter().feed(stream)
