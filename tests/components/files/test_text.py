"""Text: lines out of bytes, bytes out of messages, and both with files."""

import pytest

from kamesh import ComponentFailed, Pipeline, ProducerFinished, Shutdown
from kamesh.components.files import JoinLines, LineReader, LineWriter, SplitLines
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import run


def read(*arguments):
    """Read the lines of a file."""
    lines = []
    Pipeline(LineReader(*arguments), DataSink(lines)).run()
    return lines


def test_split_lines():
    """Bytes in pieces become lines, the last one at the end of the stream."""
    assert run(SplitLines(), [b"on", b"e\ntwo\nth", b"ree"])["outbox"] == ["one", "two", "three"]


def test_one_message_may_hold_more_lines_than_there_is_room_for():
    """A chunk of many lines goes through a small inbox and never overfills it; nothing is lost."""

    class Small(DataSink):
        bounds = {"inbox": 3}
        most = 0

        def main(self):
            while not self.stopping():
                self.most = max(self.most, len(self.inbox))
                self.messages.extend(self.inbox)
                yield self.pause()

    small = Small()
    chunk = b"".join(b"%d\n" % n for n in range(500))
    Pipeline(DataSource([chunk] * 40), SplitLines(), small).run()
    assert small.messages == [str(n) for n in range(500)] * 40
    assert small.most == 3


def test_split_lines_told_to_finish():
    """ProducerFinished drains: what had arrived is sent, the unfinished line too."""
    split = SplitLines()
    split.inbox.deliver(b"one\ntwo")
    split.control.deliver(ProducerFinished())
    assert run(split, {})["outbox"] == ["one", "two"]


def test_split_lines_told_shutdown():
    """Shutdown stops it though lines wait."""
    split = SplitLines()
    split.inbox.deliver(b"one\ntwo")
    split.control.deliver(Shutdown())
    assert run(split, {})["outbox"] == []


def test_bytes_that_are_not_text():
    """They fail it with a sentence that names the source, the line and the byte."""
    with pytest.raises(ComponentFailed) as raised:
        run(SplitLines(source="a.bin"), [b"one\ntwo\n", b"th\xffree"])
    assert raised.value.failure.message == (
        "a.bin is not text in utf-8: after line 2 there is the byte 0xff; "
        "name another encoding, or take it as bytes"
    )
    assert run(SplitLines(errors="replace"), [b"\xff"])["outbox"] == ["\ufffd"]


def test_lines_before_a_mistake_are_sent():
    """Good lines in the same chunk as bytes that are no text arrive before it fails, and are counted."""
    lines = []
    with pytest.raises(ComponentFailed, match="after line 3 there is the byte 0xff"):
        Pipeline(DataSource([b"one\ntwo\nthree\nf\xff"]), SplitLines(), DataSink(lines)).run()
    assert lines == ["one", "two", "three"]


def test_join_lines():
    """Messages become lines of bytes; a line feed that is there already is enough."""
    assert b"".join(run(JoinLines(), ["one", 2, "three\n", ""])["outbox"]) == b"one\n2\nthree\n\n"


def test_lines_go_to_a_file_and_come_back(tmp_path):
    """What LineWriter wrote LineReader reads, in order, whatever the alphabet."""
    lines = [f"{n} \N{SNOWMAN}" for n in range(30_000)]
    Pipeline(DataSource(lines), LineWriter(tmp_path / "out")).run()
    assert read(tmp_path / "out") == lines


def test_append(tmp_path):
    """With mode "append" lines are added to those there are."""
    for line in ("one", "two"):
        Pipeline(DataSource([line]), LineWriter(tmp_path / "out", "append")).run()
    assert read(tmp_path / "out") == ["one", "two"]


def test_a_file_in_another_encoding(tmp_path):
    """The encoding can be named; a file that is not text in it is named in the sentence."""
    (tmp_path / "old").write_bytes(b"caf\xe9\n")
    assert read(tmp_path / "old", "latin-1") == ["caf\u00e9"]
    with pytest.raises(ComponentFailed, match="old is not text in utf-8"):
        read(tmp_path / "old")


def test_a_file_that_is_missing(tmp_path):
    """The reader's sentence comes through."""
    with pytest.raises(ComponentFailed, match="there is no file"):
        read(tmp_path / "nowhere")
