"""Tail: every line that is added is sent once, whatever happens to the file."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import Component, ComponentFailed, EmptyInbox, Pipeline, ProducerFinished
from kamesh.components.files import Tail
from kamesh.components.files.following import Look, Step, next_step, tail_begin

SOON = 10.0  # seconds: generous, only so that a failing test ends
OFTEN = 0.005


class TestDecisions:
    @pytest.mark.parametrize(
        ("opened", "position", "found", "step"),
        [
            (None, 0, None, Step.WAIT),
            (None, 0, Look((1, 7), 9), Step.OPEN),
            ((1, 7), 5, Look((1, 7), 9), Step.READ),
            ((1, 7), 5, Look((1, 7), 5), Step.READ),
            ((1, 7), 5, Look((1, 7), 4), Step.REWIND),
            ((1, 7), 5, None, Step.READ),
            ((1, 7), 5, Look((1, 8), 9), Step.CHANGE),
            ((1, 7), 5, Look((2, 7), 9), Step.CHANGE),
        ],
    )
    def test_what_to_do_next(self, opened, position, found, step):
        """By what is open, how far it was read, and what stands under the name."""
        assert next_step(opened, position, found) is step

    @given(
        st.lists(st.sampled_from([b"a", b"bb", b""]), max_size=6),
        st.integers(0, 7),
        st.integers(1, 9),
    )
    def test_where_the_last_lines_begin(self, lines, count, size):
        """Looked for block by block from the end, it is where counting from the front finds it."""
        text = b"".join(line + b"\n" for line in lines) + b"unfinished"
        at, missing = len(text), count
        while at > 0:
            begin = max(0, at - size)
            place, missing = tail_begin(text[begin:at], missing)
            at = begin + place
            if place:
                break
        expected = b"".join(line + b"\n" for line in lines[max(0, len(lines) - count) :])
        assert text[at:] == expected + b"unfinished"


class Following:
    """A Tail that runs, with what it is asked for."""

    def __init__(self, path, *arguments, **options):
        self.tail = Tail(path, *arguments, interval=OFTEN, **options)

    def __enter__(self):
        self.handle = self.tail.background()
        return self

    def lines(self, count):
        """Wait for so many lines."""
        return [self.handle.get(timeout=SOON) for _ in range(count)]

    def settle(self):
        """Wait until it has looked at the file twice."""
        before = self.tail.statistics().details
        for _ in range(3):
            with pytest.raises(EmptyInbox):
                self.handle.get(timeout=4 * OFTEN)
        return before

    def __exit__(self, kind, error, traceback):
        self.handle.stop()
        assert self.handle.wait(SOON)


def add(path, text):
    """Add text to a file."""
    with path.open("a") as file:
        file.write(text)


@pytest.fixture
def log(tmp_path):
    """Give a file of three lines."""
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthree\n")
    return path


@pytest.mark.parametrize(("last", "lines"), [(None, 3), (0, 0), (1, 1), (2, 2), (3, 3), (99, 3)])
def test_where_it_begins(log, last, lines):
    """With so many of the lines that are there, or all of them; then with those that are added."""
    with Following(log, last) as tail:
        if lines:
            assert tail.lines(lines) == ["one", "two", "three"][3 - lines :]
        tail.settle()
        add(log, "four\n")
        assert tail.lines(1) == ["four"]


def test_only_whole_lines(log):
    """A line is sent when its end has come, however it is written."""
    with Following(log) as tail:
        tail.settle()
        add(log, "fo")
        tail.settle()
        add(log, "ur\nfi")
        assert tail.lines(1) == ["four"]
        add(log, "ve\n")
        assert tail.lines(1) == ["five"]


def test_moved_away_and_replaced(log):
    """As logs are rotated: the rest of the old one, also what is written to it late, and then the new."""
    with Following(log) as tail:
        tail.settle()
        with log.open("a") as old:
            log.rename(log.with_name("log.1"))
            tail.settle()
            old.write("late\nunfinished")
            old.flush()
            assert tail.lines(1) == ["late"]
        new = log.with_name("new")
        new.write_text("first of the new\n")
        os.replace(new, log)
        assert tail.lines(2) == ["unfinished", "first of the new"]
        assert tail.tail.details()["changes"] == 1


def test_emptied(log):
    """A file that has become shorter is read from its beginning."""
    with Following(log, None) as tail:
        tail.lines(3)
        log.write_text("anew\n")
        assert tail.lines(1) == ["anew"]
        assert tail.tail.details()["rewinds"] == 1


def test_vanishes_and_comes_back(log):
    """While it is not there it is waited for; what comes in its place is read from the beginning."""
    with Following(log, None) as tail:
        tail.lines(3)
        log.unlink()
        tail.settle()
        log.write_text("back\n")
        assert tail.lines(1) == ["back"]


def test_not_there_yet(tmp_path):
    """A file that is not there at the start, nor its folder, is read from its beginning when it comes."""
    path = tmp_path / "later" / "log"
    with Following(path, 0) as tail:
        tail.settle()
        path.parent.mkdir()
        path.write_text("first\n")
        assert tail.lines(1) == ["first"]


def test_a_large_file_from_its_end(tmp_path):
    """Of a file of many blocks the last lines are found without reading the rest."""
    path = tmp_path / "log"
    path.write_text("".join(f"line {n}\n" for n in range(100_000)))
    with Following(path, 20_000) as tail:
        assert tail.lines(20_000) == [f"line {n}" for n in range(80_000, 100_000)]
        assert tail.tail.details()["bytes"] < path.stat().st_size / 4


def test_told_to_finish(log):
    """ProducerFinished: what is there is sent first, an unfinished last line too."""
    add(log, "four")
    tail = Tail(log, None, interval=OFTEN)
    tail.control.deliver(ProducerFinished())
    with tail.background() as handle:
        assert [handle.get(timeout=SOON) for _ in range(4)] == ["one", "two", "three", "four"]
        assert handle.wait(SOON)


def test_a_reader_that_does_not_read(tmp_path):
    """It reads no further than there is room, however large the file is."""
    path = tmp_path / "log"
    path.write_text("x" * 1000 + "\n")
    add(path, ("x" * 1000 + "\n") * 5000)

    class Deaf(Component):
        bounds = {"inbox": 2}

        def main(self):
            until = self.now() + 0.2
            while self.now() < until:
                yield self.pause(0.05)

    tail = Tail(path, None)
    Pipeline(tail, Deaf()).run()
    assert 0 < tail.details()["bytes"] < 1_000_000


def test_what_cannot_be_followed(tmp_path):
    """A folder, bytes that are no text where that matters, and a line without end are said by name."""
    (tmp_path / "bytes").write_bytes(b"one\n\xff\n")
    for tail, words in (
        (Tail(tmp_path), f"{tmp_path} cannot be read: it is a folder"),
        (
            Tail(tmp_path / "bytes", None, errors="strict"),
            "is not text in utf-8: there is the byte 0xff",
        ),
    ):
        with pytest.raises(ComponentFailed) as raised:
            tail.run()
        assert words in raised.value.failure.message


def test_refused_at_once():
    """Fewer than no lines, and no time between two looks."""
    with pytest.raises(ValueError, match="the last -1 lines"):
        Tail("log", -1)
    with pytest.raises(ValueError, match="more than 0 seconds, not 0"):
        Tail("log", interval=0)
    assert Tail("log").details() == {"bytes": 0, "changes": 0, "rewinds": 0}
