"""Chat: lines between all who are connected, over a backplane.

Laws
1. Everybody speaks to a room, and hears it, by a backplane; nobody knows the others.
2. A client that does not read misses what was said meanwhile, the oldest first; it holds up nobody.
3. What is shown to a client is text of one line: what would control its terminal is left out.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

from kamesh import Component, Graphline, PublishTo, SubscribeTo, register
from kamesh.components.framing import LineSplitter, LineTooLong
from kamesh.inbox import Inbox

__all__ = ["Chat", "Note", "Talk"]

LONGEST = 1000  # characters a line may have
NAME = 20  # characters a name may have


@register(name="protocols.Note")
@dataclass(frozen=True, slots=True)
class Note:
    """What goes through a room: `nick` has said, joined, left, named (itself `text`), or asks who is there.

    "here" is the answer to that, for whoever `text` names.
    """

    what: str
    nick: str
    text: str = ""


class Talk(Component):
    r"""Makes notes to a room of what one client types, and lines for it of what is heard there.

    The client's commands are `/nick NAME`, `/who` and `/quit`. `nick` is what it is called at first.

    Example:
        >>> told = run(Talk("anna"), {"inbox": [b"/nick bob\nhel", b"lo\n"]})
        >>> [(note.what, note.nick, note.text) for note in told["say"]]
        [('joined', 'anna', ''), ('named', 'anna', 'bob'), ('said', 'bob', 'hello'), ('left', 'bob', '')]

    Boxes: "inbox" bytes from the client; "outbox" bytes to it; "say" a `Note` to the room; "heard" the
    notes of everybody there, of which the latest 256 wait; "control".

    How it ends: when the client has said all, or /quit.
    """

    inboxes: ClassVar = {"inbox": "bytes from the client", "heard": "notes of everybody"}
    outboxes: ClassVar = {"outbox": "bytes to the client", "say": "notes to everybody"}
    bounds: ClassVar = {"heard": 256}

    heard: Inbox

    def __init__(self, nick: str = "", *, name: str | None = None) -> None:
        """Take a name for it."""
        super().__init__(name=name)
        self.nick = nick or f"guest{self.id}"
        self.others: set[str] = set()
        self.quits = False
        self._lines = LineSplitter(errors="replace", longest=LONGEST)

    def main(self) -> Generator[None, None, None]:
        """Talk, until the client leaves."""
        self.tell(f"You are {self.nick}. /nick NAME, /who, /quit")
        self.say("joined")
        while not (self.quits or self.inbox.ended or self.stopping()):
            for data in self.inbox:
                self.read(data)
            for note in self.heard:
                self.hear(note)
            if not self.quits:
                yield self.pause()
        self.say("left")

    def tell(self, line: str) -> None:
        """Show the client a line."""
        shown = "".join(letter for letter in line if letter.isprintable())
        self.send(shown.encode() + b"\r\n")

    def say(self, what: str, text: str = "") -> None:
        """Tell the room."""
        self.send(Note(what, self.nick, text), "say")

    def read(self, data: bytes) -> None:
        """Take what the client has typed."""
        try:
            for line in self._lines.feed(data):
                command, _, rest = line.strip().partition(" ")
                if command == "/quit":
                    self.quits = True
                elif command == "/who":
                    self.say("who")
                elif command == "/nick":
                    self.rename(rest.strip())
                elif command and not self.quits:
                    self.say("said", line.strip())
        except LineTooLong:
            self.tell(f"A line has at most {LONGEST} characters. Goodbye.")
            self.quits = True

    def rename(self, nick: str) -> None:
        """Call the client otherwise."""
        if not (nick.isidentifier() and len(nick) <= NAME) or nick in self.others:
            self.tell(f"{nick or 'nothing'} is no name, or is taken")
            return
        self.say("named", nick)
        self.nick = nick

    def hear(self, note: Note) -> None:
        """Show what is meant for the client, and note who is there."""
        mine = note.nick == self.nick
        if note.what == "who":
            self.say("here", note.nick)
        elif note.what == "here" and note.text == self.nick:
            self.tell(f"* {note.nick} is here")
        elif note.what == "said" and not mine:
            self.tell(f"{note.nick}: {note.text}")
        elif note.what in ("joined", "left") and not mine:
            self.tell(f"* {note.nick} has {note.what}")
        elif note.what == "named" and note.text != self.nick:
            self.tell(f"* {note.nick} is now {note.text}")
        self.others.add(note.nick)
        if note.what in ("left", "named"):
            self.others.discard(note.nick)
        if note.what == "named":
            self.others.add(note.text)
        self.others.discard(self.nick)


class Chat(Graphline):
    """A client's place in a chat room: the protocol of a chat server.

    `room` is the name of the Backplane beside the server.

    Example:
        >>> from kamesh.components.network import TCPServer
        >>> chat = Graphline(ROOM=Backplane("CHAT"), SERVER=TCPServer(Chat, port=0))
        >>> with chat.background() as running:
        ...     running.stop()

    Boxes: "inbox" bytes from the client; "outbox" bytes to it; "control".

    How it ends: when the client has said all, or /quit.
    """

    def __init__(self, room: str = "CHAT", nick: str = "", *, name: str | None = None) -> None:
        """Put a Talk between the client and the room."""
        super().__init__(
            name=name,
            TALK=Talk(nick),
            SAYS=PublishTo(room),
            HEARS=SubscribeTo(room, policy="drop_oldest"),
            linkages={
                ("", "inbox"): ("TALK", "inbox"),
                ("TALK", "outbox"): ("", "outbox"),
                ("TALK", "say"): ("SAYS", "inbox"),
                ("HEARS", "outbox"): ("TALK", "heard"),
                ("TALK", "signal"): ("HEARS", "control"),
            },
        )
