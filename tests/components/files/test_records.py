"""Records in files: any framing, and a file that ends in the middle of one."""

import pytest

from kamesh import ComponentFailed, Pipeline
from kamesh.components.files import RecordReader, RecordWriter
from kamesh.components.framing import (
    BytesToMessages,
    DataChunker,
    DataDeChunker,
    JoinDelimited,
    JoinJSON,
    JoinMessagePack,
    JoinNetstrings,
    JoinPrefixed,
    SplitDelimited,
    SplitJSON,
    SplitMessagePack,
    SplitNetstrings,
    SplitPrefixed,
)
from kamesh.components.sources import DataSink, DataSource

PAIRS = {
    "fixed": (lambda: 5, lambda: 5),
    "prefixed": (JoinPrefixed, SplitPrefixed),
    "netstrings": (JoinNetstrings, SplitNetstrings),
    "delimited": (lambda: JoinDelimited(b"\0"), lambda: SplitDelimited(b"\0")),
    "chunks": (DataChunker, DataDeChunker),
    "MessagePack": (JoinMessagePack, SplitMessagePack),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_written_and_read(tmp_path, kind):
    """What is written in two goes is read as one."""
    join, split = PAIRS[kind]
    records = [b"%05d" % n for n in range(3000)]
    for part in (records[:1000], records[1000:]):
        Pipeline(DataSource(part), RecordWriter(tmp_path / "r", join(), "append")).run()
    got = []
    Pipeline(RecordReader(tmp_path / "r", split()), DataSink(got)).run()
    assert got == records


def test_json(tmp_path):
    """Values go to JSON lines and come back."""
    Pipeline(DataSource([{"n": 1}, [2]]), RecordWriter(tmp_path / "r", JoinJSON())).run()
    got = []
    Pipeline(RecordReader(tmp_path / "r", SplitJSON()), DataSink(got)).run()
    assert got == [{"n": 1}, [2]]


@pytest.mark.parametrize("framing", [4, SplitPrefixed(1), BytesToMessages()])
def test_a_file_that_ends_in_the_middle(tmp_path, framing):
    """It is said, with the name of the file."""
    (tmp_path / "r").write_bytes(b"\1\0\5")
    with pytest.raises(ComponentFailed) as raised:
        Pipeline(RecordReader(tmp_path / "r", framing), DataSink()).run()
    assert raised.value.failure.message.startswith(
        f"{tmp_path / 'r'}: the stream ended in the middle"
    )


def test_refused_at_once():
    """A size of nothing, and a mode there is not."""
    with pytest.raises(ValueError, match="at least 1 byte"):
        RecordReader("r", 0)
    with pytest.raises(ValueError, match="did you mean 'append'"):
        RecordWriter("r", 4, "apend")
