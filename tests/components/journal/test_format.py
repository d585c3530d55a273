"""The journal on disk: golden bytes, every cut, every damaged byte, and hostile numbers."""

import io
import struct
import zlib
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import Shutdown
from kamesh.codec import encode
from kamesh.components.journal import Info, JournalReader, Kind, NotAJournal, Record
from kamesh.components.journal.format import (
    HEAD,
    MAGIC,
    RECORD,
    file_head,
    read_file_head,
    read_record_head,
    record_head,
    record_of,
)

INFO = Info(1.0, ("a/B.outbox",))
MESSAGES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(max_size=40) | st.integers(16_380, 16_390).map(bytes),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
BATCHES = st.lists(
    st.tuples(st.integers(0, 10**15), st.lists(MESSAGES, min_size=1, max_size=4)), max_size=5
)


def whole(record):
    """Give a record as it is on disk."""
    return record_head(record) + bytes(record.payload) + b"".join(map(bytes, record.buffers))


def journal(batches, info=INFO):
    """Give a journal of (time, messages) as bytes, and where each record ends."""
    data, ends = file_head(info), []
    for time, messages in batches:
        data += whole(record_of(time, encode(messages)))
        ends.append(len(data))
    return data, ends


def read(data):
    """Read a journal; give what it holds and the reader."""
    reader = JournalReader(io.BytesIO(data), "x.kj")
    return [(record.time, record.messages()) for record in reader], reader


def test_golden_bytes():
    """A journal of version 1 is these bytes, for ever: whoever changes them makes a version 2."""
    assert file_head(Info(1.0, ("a/B.outbox",), 7)).hex() == GOLDEN_HEAD
    message = record_of(1_500_000_000, encode(["hello", 3]))
    assert whole(message).hex() == GOLDEN_MESSAGES
    assert whole(Record(5, Kind.MISSED, 2, 12)).hex() == GOLDEN_MISSED
    assert whole(Record(6, Kind.END, 0, 2)).hex() == GOLDEN_END
    data = bytes.fromhex(GOLDEN_HEAD + GOLDEN_MESSAGES + GOLDEN_MISSED + GOLDEN_END)
    reader = JournalReader(io.BytesIO(data))
    assert reader.info == Info(1.0, ("a/B.outbox",), 7)
    assert [(r.time, r.box, r.messages()) for r in reader] == [(1_500_000_000, 0, ["hello", 3])]
    assert (reader.missed, reader.ended, reader.torn, reader.damaged) == (12, True, 0, 0)


GOLDEN_HEAD = (
    "8b6b616d6573680a000100000000002b24af9ab2009183a5626567616ecb3ff0000000000000a562"
    "6f78657391aa612f422e6f7574626f78a5666972737407"
)
GOLDEN_MESSAGES = (
    "b058a6f6000000090000000059682f00010000000000000200000009000000000092a568656c6c6f"
    "03"
)
GOLDEN_MISSED = "7516f859000000000000000000000005020000020000000c0000000000000000"
GOLDEN_END = "207a5c9500000000000000000000000603000000000000020000000000000000"


def test_golden_bytes_of_a_message_of_our_own():
    """A record of kamesh's own is found again by its name, wherever its class has moved to."""
    assert whole(record_of(2_000_000_000, encode([Shutdown("why")]))).hex() == GOLDEN_SHUTDOWN
    data = bytes.fromhex(GOLDEN_HEAD + GOLDEN_SHUTDOWN)
    assert [r.messages() for r in JournalReader(io.BytesIO(data))] == [[Shutdown("why")]]


GOLDEN_SHUTDOWN = (
    "b70bc7da0000001a000000007735940001000000000000010000001a000000000091c7151993a85368"
    "7574646f776ea6726561736f6ea3776879"
)


def test_a_record_with_buffers_is_laid_out_as_it_is_written_down():
    """The lengths of the buffers come first, then the payload, then the buffers, and one checksum."""
    big = bytes(20_000)
    record = record_of(9, encode([big, "x", big]))
    data = whole(record)
    crc, size, time, kind, zero, box, count, payload, buffers = struct.unpack_from(">IIQBBHIII", data)
    assert (time, kind, zero, box, count, buffers) == (9, 1, 0, 0, 3, 2)
    assert size == len(data) - RECORD == 8 + payload + 40_000 == record.bytes - RECORD
    assert struct.unpack_from(">2I", data, RECORD) == (20_000, 20_000)
    assert crc == zlib.crc32(data[4:])


def test_no_buffer_is_copied():
    """What is given to be written are the sender's own buffers."""
    big = bytearray(100_000)
    record = record_of(0, encode([big]))
    assert record.buffers[0] is big


@given(BATCHES)
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_written(batches):
    """Any messages, at any times, come back equal and in order."""
    found, reader = read(journal(batches)[0])
    assert found == batches
    assert (reader.torn, reader.damaged, reader.ended) == (0, 0, False)
    assert reader.trouble() == ""
    assert [(r.time, r.messages()) for r in reader] == batches  # and once more


def test_a_cut_at_every_byte_loses_nothing_before_it():
    """Wherever a journal is cut off, every whole record is read and the rest is counted."""
    batches = [(n, [n, "text" * n, {"n": [n]}]) for n in range(5)] + [(9, [bytes(17_000), "end"])]
    data, ends = journal(batches)
    begin = len(file_head(INFO))
    for cut in [*range(ends[-2] + 100), *range(len(data) - 200, len(data) + 1)]:
        if cut < begin:
            with pytest.raises(NotAJournal, match=r"^x\.kj (is empty|is a journal that was cut off)"):
                read(data[:cut])
            continue
        found, reader = read(data[:cut])
        kept = [end for end in ends if end <= cut]
        assert found == batches[: len(kept)]
        assert reader.torn == cut - (kept[-1] if kept else begin)
        assert ("torn off" in reader.trouble()) == bool(reader.torn)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_byte_costs_one_record_at_most_unless_it_hides_where_it_ends(data):
    """Whatever byte is changed, nothing before it is lost, nothing wrong is read, and it is counted."""
    batches = [(n, [n, "text" * n]) for n in range(6)]
    good, ends = journal(batches)
    begin = len(file_head(INFO))
    at = data.draw(st.integers(begin, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    found, reader = read(bytes(bad))
    hit = sum(end <= at for end in ends)
    assert found[:hit] == batches[:hit]
    assert found[hit:] in ([], batches[hit + 1 :])
    if hit < 5 and found[hit:]:
        assert (reader.damaged, reader.torn) == (1, 0)
    else:
        assert reader.torn == len(good) - ([begin, *ends][hit])


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_at_all_are_a_journal_or_a_sentence(data):
    """No bytes make the reader fail in any other way, or take memory for what is not there."""
    for each in (data, MAGIC + data, file_head(INFO) + data):
        try:
            _, reader = read(each)
        except NotAJournal as error:
            assert str(error).startswith("x.kj ")  # noqa: PT017
        else:
            assert reader.torn <= len(data)


def test_hostile_sizes_take_no_memory():
    """A head that promises more than there is, or than a record may have, is none."""
    pack = struct.Struct(">IIQBBHIII").pack
    assert read_record_head(pack(0, 2**32 - 1, 0, 1, 0, 0, 1, 0, 0), 10**12) is None
    assert read_record_head(pack(0, 100, 0, 1, 0, 0, 1, 0, 0), 99) is None
    assert read_record_head(pack(0, 100, 0, 1, 0, 0, 1, 0, 2**32 - 1), 100) is None
    assert read_record_head(pack(0, 100, 0, 1, 0, 0, 1, 100, 0), 100) is not None


def test_a_kind_that_is_not_known_is_left_out():
    """A later version may write kinds that this one does not know: they are skipped."""
    data = file_head(INFO) + whole(Record(1, 99, 0, 5, b"abc")) + whole(record_of(2, encode(["x"])))
    found, reader = read(data)
    assert found == [(2, ["x"])]
    assert reader.damaged == reader.torn == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "x.kj is empty"),
        (b"hello, world, this is text", "x.kj is no journal of kamesh"),
        (MAGIC.replace(b"\n", b"\r\n") + bytes(40), "x.kj is no journal of kamesh"),
        (
            MAGIC + struct.pack(">HHII", 2, 0, 0, 0),
            "x.kj is a journal of format 2, and this version of kamesh reads format 1",
        ),
        (
            MAGIC + struct.pack(">HHII", 1, 0, 1, 5) + b"x",
            "x.kj is a journal whose head is damaged",
        ),
    ],
)
def test_what_is_no_journal_is_said(data, sentence):
    """Each file that is no journal is refused in a sentence of its own."""
    with pytest.raises(NotAJournal) as raised:
        read(data)
    assert str(raised.value) == sentence


def test_a_head_that_says_nonsense_is_said():
    """A head with the right checksum and the wrong fields is refused."""
    for fields in ([], ["x"], [{"began": "never", "boxes": [], "first": 0}], [{"boxes": []}]):
        said = encode(fields).payload
        data = MAGIC + struct.pack(">HHII", 1, 0, len(said), zlib.crc32(said)) + said
        with pytest.raises(NotAJournal, match="head cannot be read"):
            read_file_head(data)
    assert HEAD == 20


def test_reading_is_lazy():
    """A record is read when it is asked for."""
    stream = io.BytesIO(journal([(n, [bytes(20_000)]) for n in range(10)])[0])
    records = iter(JournalReader(stream))
    deque((next(records) for _ in range(2)), maxlen=0)
    assert stream.tell() < 50_000
