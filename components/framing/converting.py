"""Converting: components around an Incremental, in the event loop or in a thread of their own.

Laws
1. One message is worked on at a time, and what it makes is made as there is room for it.
2. After a Shutdown nothing more is sent, and a stream that broke off there is no mistake.
   Nothing is made an end of that broke off before it: no last frame, no seal, no hash.
3. What works long at a message (compression, encryption) does so in a thread.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any, ClassVar, Generic, TypeVar

from kamesh import Component, ThreadedComponent
from kamesh.components.framing.incremental import FramingError, Incremental
from kamesh.components.refusing import as_bytes
from kamesh.components.sending import sending, shut_down

__all__ = ["Held", "Joining", "Splitting", "ThreadedConverting", "gathered", "named", "whole"]

Piece = TypeVar("Piece")

ENOUGH = 65536  # bytes from which frames are sent rather than gathered into one message


class Splitting(Component):
    """Takes messages out of bytes, by an Incremental: one of this package, or your own.

    Example:
        >>> run(Splitting(NetstringSplitter()), [b"3:on", b"e,"])["outbox"]
        [b'one']

    Boxes: "inbox" bytes; "outbox" what the Incremental makes of them; "control".

    How it ends: with its inbox, after what the end completes; told Shutdown, at once. It fails with
    what the Incremental raises, said of `source`, after all before that is sent.
    """

    inboxes: ClassVar = {"inbox": "bytes", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "what they hold, frame by frame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 16}

    def __init__(
        self, core: Incremental[bytes, Any], *, source: str = "", name: str | None = None
    ) -> None:
        """Take what does the work, and what a mistake is said of."""
        super().__init__(name=name)
        self.source = source
        self._core = core

    def main(self) -> Generator[None, None, None]:
        """Send what has become whole, as there is room for it."""
        while not self.stopping():
            if self.data_ready():
                data = as_bytes(self.recv(), self.path)
                yield from self._sending(self._core.pieces(data))
            else:
                yield self.pause()
        if whole(self):
            yield from self._sending(self._core.rest())

    def _sending(self, frames: Iterable[object]) -> Generator[None, None, None]:
        held = Held(frames)
        yield from sending(self, held)
        try:
            held.release()
        except ValueError as error:
            explained = self._explained(error)
            raise explained from (None if explained is error else error)

    def _explained(self, error: ValueError) -> Exception:
        return named(error, self.source)


class Joining(Component):
    """Makes bytes of messages, by an Incremental: one of this package, or your own.

    Example:
        >>> run(Joining(NetstringJoiner()), [b"one"])["outbox"]
        [b'3:one,']

    Boxes: "inbox" bytes, or what the subclass says; "outbox" bytes, those of several messages in one
    where several wait; "control".

    How it ends: with its inbox, after what the end adds; told Shutdown, at once. It fails with what
    the Incremental raises, after all before that is sent.
    """

    inboxes: ClassVar = {"inbox": "bytes", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "frames, several in a message where several wait",
        "signal": "passes on what was told on control",
    }
    _takes_bytes: ClassVar = True

    def __init__(self, core: Incremental[Any, bytes], *, name: str | None = None) -> None:
        """Take what does the work."""
        super().__init__(name=name)
        self._core = core

    def main(self) -> Generator[None, None, None]:
        """Frame what has arrived."""
        while not self.stopping():
            held = Held(self._framed())
            yield from sending(self, gathered(held))
            held.release()
            yield self.pause()
        if whole(self):
            yield from sending(self, gathered(self._core.rest()))

    def _framed(self) -> Iterator[bytes]:
        takes_bytes = self._takes_bytes
        for message in self.inbox:
            yield from self._core.pieces(as_bytes(message, self.path) if takes_bytes else message)


class ThreadedConverting(ThreadedComponent):
    """Makes something else of bytes in a thread, by an Incremental that takes its time.

    Example:
        >>> run(ThreadedConverting(Base64Encoder()), [b"one"])["outbox"]
        [b'b25l']

    Boxes: "inbox" bytes; "outbox" what the Incremental makes of them; "control".

    How it ends: as Splitting does.
    """

    inboxes: ClassVar = {"inbox": "bytes", "control": "told here to finish or to stop"}
    outboxes: ClassVar = {"outbox": "bytes", "signal": "passes on what was told on control"}
    bounds: ClassVar = {"inbox": 16}
    outgoing: ClassVar = 16

    def __init__(
        self, core: Incremental[bytes, Any], *, source: str = "", name: str | None = None
    ) -> None:
        """Take what does the work, and what a mistake is said of."""
        super().__init__(name=name)
        self.source = source
        self.bytes_in = self.bytes_out = 0
        self._core = core

    def main(self) -> None:
        """Convert message after message."""
        try:
            for message in self.inbox:
                data = as_bytes(message, self.path)
                self.bytes_in += len(data)
                self._send_on(self._core.pieces(data))
            if whole(self):
                self._send_on(self._core.rest())
        except FramingError as error:
            if not self.source:
                raise
            raise named(error, self.source) from error

    def _send_on(self, pieces: Iterable[Any]) -> None:
        for piece in pieces:
            if shut_down(self):
                return
            self.bytes_out += len(piece)
            self.send(piece)

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {"bytes_in": self.bytes_in, "bytes_out": self.bytes_out}


def whole(component: Component) -> bool:
    """Say whether what came to `component` has come to its end: neither stopped nor broken off."""
    return not shut_down(component) and component.inbox.failure is None


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces to messages of up to 64 KiB; one that is larger goes as it is."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if waiting and size + len(piece) > ENOUGH:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    if waiting:
        yield waiting[0] if len(waiting) == 1 else b"".join(waiting)


class Held(Generic[Piece]):
    """Pieces up to a mistake, which is held until those before it are sent.

    Example:
        held = Held(core.pieces(data))
        yield from sending(self, held)
        held.release()
    """

    def __init__(self, pieces: Iterable[Piece]) -> None:
        """Take the pieces."""
        self._pieces = pieces
        self._mistake: Exception | None = None

    def __iter__(self) -> Iterator[Piece]:
        """Give the pieces, up to the end or a mistake."""
        try:
            yield from self._pieces
        except Exception as error:
            self._mistake = error

    def release(self) -> None:
        """Raise the mistake, if there was one."""
        if self._mistake is not None:
            raise self._mistake


def named(error: ValueError, source: str) -> ValueError:
    """Give a mistake in a stream as one of `source`."""
    if source and isinstance(error, FramingError):
        return type(error)(f"{source}: {error}")
    return error
