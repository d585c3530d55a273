"""`kamesh echo`, `hz`, `send`, `link` and `unlink`: watching and changing what runs."""

import asyncio
import json
import os

import pytest
from conftest import FakeTap

from kamesh.deploy.cli.lines import lines_of
from kamesh.deploy.cli.watching import Rate
from kamesh.deploy.exits import Exit
from kamesh.nodes.client import NoAnswer


def test_echo(terminal, run):
    """Each message is a line; with a count it ends after so many."""
    terminal.client.messages = ["one", "t\nwo", {"n": 3}, b"\x00"]
    assert terminal("echo", "studio/CAMERA.outbox") == Exit.OK
    assert terminal.out == "one\nt\\nwo\n{'n': 3}\nb'\\x00'\n"
    assert terminal("echo", "CAMERA.outbox", "-n", "2", "--width", "10") == Exit.OK
    assert terminal.out == "one\nt\\nwo\n"
    assert terminal.client.asked == [("tap", "studio/CAMERA.outbox"), ("tap", "CAMERA.outbox")]
    assert terminal("echo", "CAMERA.outbox", "--json") == Exit.OK
    assert [json.loads(line) for line in terminal.out.splitlines()] == [
        "one",
        "t\nwo",
        {"n": 3},
        {"type": "bytes", "length": 1, "head": "00"},
    ]


def test_hz(terminal, run):
    """How many messages came is told when the stream ends, and every so often before."""
    terminal.client.messages = list(range(1250))
    assert terminal("hz", "CAMERA.outbox") == Exit.OK
    assert "(1,250 in 0.0 s); gap " in terminal.out
    assert terminal("hz", "CAMERA.outbox", "--json") == Exit.OK
    assert json.loads(terminal.out)["messages"] == 1250


def test_hz_while_nothing_comes(terminal, run):
    """An outbox that is silent has a rate of 0; after so many lines it ends."""

    class Silent(FakeTap):
        async def __aiter__(self):
            await asyncio.sleep(3600)
            yield None

    terminal.client.tap = lambda box: Silent(terminal.client, box, "drop_oldest")
    assert terminal("hz", "CAMERA.outbox", "-n", "2", "--seconds", "0.01") == Exit.OK
    assert terminal.out.splitlines() == ["0.0 messages/s (0 in 0.0 s)"] * 2


def test_what_goes_wrong_while_counting_is_told(terminal, run):
    """A node that does not answer ends `hz` as it ends `echo`."""
    terminal.client.error = NoAnswer("gone")
    assert terminal("hz", "CAMERA.outbox") == Exit.NO_ANSWER


def test_rates():
    """Messages a second, and the gaps between them, since the last time."""
    rate = Rate(10.0)
    for now in (10.0, 10.1, 10.3):
        rate.happened(now)
    figures = rate.taken(10.5)
    assert {k: round(v, 3) for k, v in figures.items()} == {
        "messages": 3,
        "seconds": 0.5,
        "rate": 6.0,
        "gap": 0.15,
        "gap_min": 0.1,
        "gap_max": 0.2,
        "gap_deviation": 0.05,
    }
    rate.happened(10.6)
    assert rate.taken(10.6)["gap_max"] == pytest.approx(0.3)
    assert rate.taken(10.6)["rate"] == 0.0


def test_send(terminal, run):
    """A text, a JSON value, or each line that is read."""
    assert terminal("send", "B.inbox", "hello world") == Exit.OK
    assert terminal("send", "B.inbox", '[1, {"a": null}]', "--json") == Exit.OK
    terminal.read = "one\ntwo\n"
    assert terminal("send", "B.inbox", "-") == Exit.OK
    assert [one[2] for one in terminal.client.asked] == [
        "hello world",
        [1, {"a": None}],
        "one",
        "two",
    ]
    terminal.client.asked.clear()
    terminal.read = "1\ntwo\n3\n"
    assert terminal("send", "B.inbox", "-", "--json") == Exit.MISTAKE
    assert terminal.err.startswith("kamesh: 'two' is not JSON (")
    assert terminal.client.asked == [("send", "B.inbox", 1)]
    assert terminal("send", "B.inbox", "hello", "--json") == Exit.MISTAKE
    assert terminal.err.startswith("kamesh: 'hello' is not JSON (")


def test_lines_as_they_come(tmp_path):
    """Lines of a pipe are given while it stays open, those of a file at once; no end is lost."""

    async def pipe() -> list[str]:
        out, into = os.pipe()
        with os.fdopen(out, encoding="utf-8") as read, os.fdopen(into, "wb", buffering=0) as write:
            write.write("one\r\ntwö\nthr".encode())
            lines = lines_of(read)
            found = [await anext(lines), await anext(lines)]
            write.write(b"ee\n\nfour")
            found += [await anext(lines), await anext(lines)]
            write.close()
            return [*found, *[line async for line in lines]]

    async def file() -> list[str]:
        path = tmp_path / "lines"
        path.write_text("a\nb")
        with path.open() as read:
            return [line async for line in lines_of(read)]

    assert asyncio.run(pipe()) == ["one", "twö", "three", "", "four"]
    assert asyncio.run(file()) == ["a", "b"]


def test_link_and_unlink(terminal, run):
    """Linkages are made with their policy; undoing what is not there is told."""
    assert terminal("link", "a/X.outbox", "b/Y.inbox", "--policy", "latest") == Exit.OK
    assert terminal("unlink", "a/X.outbox", "b/Y.inbox") == Exit.OK
    terminal.client.undone = 0
    assert terminal("unlink", "a/X.outbox", "b/Y.inbox") == Exit.FAILED
    assert terminal.err == "a/X.outbox was not linked to b/Y.inbox: nothing is undone\n"
    assert terminal.client.asked[:2] == [
        ("link", "a/X.outbox", "b/Y.inbox", "latest"),
        ("unlink", "a/X.outbox", "b/Y.inbox"),
    ]
