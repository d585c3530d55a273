"""Chat: one client alone, several in a room, slow ones, and a client nobody here wrote."""

import contextlib
import shutil
import socket
import subprocess
import threading

import pytest
from serving_kit import LIMIT, connected, serving

from kamesh import Backplane, Graphline
from kamesh.components.network import TCPServer
from kamesh.components.protocols import Chat, Note, Talk
from kamesh.testing import keeps_promises, run
from kamesh.testing.conversing import converse


def notes(*typed):
    """Say what a Talk of that client tells the room, without that it joins and leaves."""
    told = run(Talk("anna"), {"inbox": typed})["say"]
    assert (told[0].what, told[-1].what) == ("joined", "left")
    return [(note.what, note.nick, note.text) for note in told[1:-1]]


def shown(*heard):
    """Say what a client is shown of what is heard, without the greeting."""
    lines = run(Talk("anna"), {"inbox": [], "heard": heard})["outbox"]
    return b"".join(lines[1:]).decode().splitlines()


def test_lines_become_notes():
    """However they were cut; empty ones do not; what follows /quit is not said."""
    assert notes(b"hel", b"lo\r\n\n", b"and\xff\n/quit\nmore\n") == [
        ("said", "anna", "hello"),
        ("said", "anna", "and\N{REPLACEMENT CHARACTER}"),
    ]


@pytest.mark.parametrize("cuts", range(4))
def test_cuts_make_no_difference(cuts):
    """What the client is answered is the same wherever its lines were cut."""
    answer = converse(Talk("anna"), b"/nick bob\n/nick not a name\n/nick\n", cuts=cuts)
    assert answer.decode().splitlines() == [
        "You are anna. /nick NAME, /who, /quit",
        "not a name is no name, or is taken",
        "nothing is no name, or is taken",
    ]


def test_names_that_are_heard_are_taken():
    """Two of one name are refused while the other is heard of."""
    told = run(Talk("anna"), {"heard": [Note("joined", "bob")], "inbox": [b"/nick bob\n"]})
    assert [note.what for note in told["say"]] in (
        ["joined", "left"],
        ["joined", "named", "left"],  # where the client came first
    )


def test_notes_become_lines():
    """What others say and do is shown, one's own is not; nothing controls the terminal."""
    assert shown(
        Note("joined", "anna"),
        Note("joined", "bob"),
        Note("said", "anna", "mine"),
        Note("said", "bob", "hello \x1b[2J\x07there\n"),
        Note("named", "bob", "rob"),
        Note("here", "rob", "anna"),
        Note("here", "rob", "carl"),
        Note("left", "rob"),
    ) in (
        [
            "* bob has joined",
            "bob: hello [2Jthere",
            "* bob is now rob",
            "* rob is here",
            "* rob has left",
        ],
        [],
    )


def test_a_line_without_an_end_ends_the_client():
    """More than a line may have is refused, and not kept."""
    answer = run(Talk("anna"), [b"x" * 2000, b"hello\n"])["outbox"][-1]
    assert answer == b"A line has at most 1000 characters. Goodbye.\r\n"


def test_promises():
    """It keeps what every component promises."""
    keeps_promises(lambda: Talk("anna"), [b"hello\n"])


class Client:
    """A client that reads lines."""

    def __init__(self, where, name):
        self.socket = socket.create_connection((where.host, where.port), timeout=LIMIT)
        self.lines = self.socket.makefile("rb")
        self.say("/nick " + name)
        self.say("/who")
        self.until(f"* {name} is here")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def until(self, wanted):
        """Read lines up to `wanted`; give those before it."""
        before = []
        while (line := self.lines.readline()) != wanted.encode() + b"\r\n":
            assert line, f"{wanted!r} never came, but {before}"
            before.append(line.decode().strip())
        return before

    def close(self):
        self.lines.close()
        self.socket.close()


@pytest.fixture
def where():
    """Serve a room."""
    room = Graphline(
        ROOM=Backplane("CHAT"),
        SERVER=TCPServer(Chat, stall=1.0),
        linkages={("SERVER", "outbox"): ("", "outbox")},
    )
    with serving(room) as listening:
        yield listening


def test_a_room(where):
    """Several say, hear, ask who is there, and leave."""
    anna, bob = Client(where, "anna"), Client(where, "bob")
    anna.say("hello, all")
    bob.until("anna: hello, all")
    bob.say("/who")
    here = {bob.lines.readline().strip() for _ in range(2)}
    assert here == {b"* anna is here", b"* bob is here"}
    bob.say("/nick anna")
    bob.until("anna is no name, or is taken")
    bob.say("/quit")
    assert bob.lines.read() == b""
    anna.until("* bob has left")
    anna.socket.shutdown(socket.SHUT_WR)
    assert anna.lines.readline() == b""
    anna.close()
    bob.close()


def test_one_slow_client_holds_up_nobody(where):
    """Who does not read misses something; the others hear all of it."""
    slow, anna, bob = Client(where, "slow"), Client(where, "anna"), Client(where, "bob")
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    many = 2000

    def talk():
        for number in range(many):
            anna.say(f"{number} " + "x" * 900)
            if number % 50 == 49:
                anna.say("/who")
                anna.until("* anna is here")

    talker = threading.Thread(target=talk)
    talker.start()
    said = bob.until(f"anna: {many - 1} " + "x" * 900)
    talker.join(LIMIT)
    numbers = [int(line.split()[1]) for line in said if line.startswith("anna: ")]
    assert numbers == list(range(many - 1))
    for each in (slow, anna, bob):
        with contextlib.suppress(OSError):
            each.close()


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_with_socat(where):
    """Lines piped into socat are heard by others."""
    bob = Client(where, "bob")
    subprocess.run(
        ["socat", "-t", "2", "-", f"TCP:127.0.0.1:{where.port}"],
        input=b"/nick carl\nhello\n",
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    bob.until("carl: hello")
    bob.until("* carl has left")
    with connected(where) as one:
        assert one.recv(8) == b"You are "
    bob.close()
