r"""LikeFile: a component that takes and gives bytes, as a file, for code that is not built of components.

`component.background()` gives a Handle: messages in, messages out, at any box. A LikeFile is such a
handle seen as a stream of bytes, so that whatever takes a file object takes a component: `json.load`,
`csv.reader`, `tarfile`, `shutil.copyfileobj`, `io.TextIOWrapper`, `io.BufferedRWPair`.

Laws
1. No byte is lost, added or reordered: the messages' bounds are not seen, only their bytes.
2. Any number may be open, each used from any thread; one that reads and one that writes at the same
   time do not hold up each other.
3. Reading and writing wait, for at most `timeout`; what the component fails with is raised by whichever
   of them comes next, and an end that was none is never taken for one.
"""

from __future__ import annotations

import io
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from kamesh import Component, Graphline, Handle, Pipeline
from kamesh.components.refusing import at_least
from kamesh.errors import ComponentFailed, EmptyInbox, Ended, Full, KameshError, NotSuitable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["LikeFile", "LikeFileTimeout"]

PIECE = 65_536  # bytes that are written in one message at most


class LikeFileTimeout(KameshError, TimeoutError):
    """Nothing could be read, or written, in the time that was given."""


class LikeFile(io.RawIOBase):
    r"""A component that runs in the background, as a file object.

    What is written goes to its `inbox` (default "inbox") in messages of at most 64 KiB, what is read
    comes from its `outbox` (default "outbox"), whose messages are bytes, or like bytes. `timeout` is how
    many seconds a read or a write may wait (default None: for ever); then it raises LikeFileTimeout, a
    TimeoutError, and nothing is lost: it can be tried again (but a buffered file around it may lose what
    it had read by halves, as with sockets). `read()` with no size waits for the end.

    It is a raw stream: a read gives what there is, at least one byte. For text, and for reads of exact
    sizes, put `io.BufferedReader`, `io.BufferedRWPair` or `io.TextIOWrapper` around it, as with any.

    Example:
        >>> with LikeFile(Pipeline(bytes.upper), timeout=5.0) as shout:
        ...     shout.write(b"one\ntwo\n")
        ...     shout.finish()
        ...     list(shout)
        8
        [b'ONE\n', b'TWO\n']

    How it ends: `finish()` says that nothing more will be written; reading then goes on to the
    component's end. `close()`, or leaving the `with`, finishes, gives up what has not been read, and
    waits up to `patience` seconds (default 5) for the component to end before it is told to stop; what
    it failed with is raised.
    """

    def __init__(
        self,
        component: Component,
        timeout: float | None = None,
        *,
        inbox: str = "inbox",
        outbox: str = "outbox",
        patience: float = 5.0,
    ) -> None:
        """Start `component` in a thread; it must have at least one of the two boxes."""
        at_least(0, patience, "the seconds that close() waits")
        super().__init__()
        self._writes, self._reads = _leads_in(component, inbox), _leads_out(component, outbox)
        if not (self._writes or self._reads):
            super().close()
            raise NotSuitable(
                f"{component.path} is not like a file: it has neither an inbox {inbox!r} to write to "
                f"nor an outbox {outbox!r} to read from"
            )
        self._component = component
        self.timeout = timeout
        self.patience = patience
        self.name = component.path
        self._inbox, self._outbox = inbox, outbox
        self._rest = memoryview(b"")  # of the last message, what has not been read
        self._over = self._finished = False  # nothing more comes; nothing more goes
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._handle = Handle(component)

    # -- what a file says of itself

    def readable(self) -> bool:
        """Say whether the component has the outbox."""
        self._check_open()
        return self._reads

    def writable(self) -> bool:
        """Say whether the component has the inbox, and nothing has been said to be the last."""
        self._check_open()
        return self._writes and not self._finished

    # -- reading

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` with what there is, waiting for the first byte; 0 at the end."""
        self._check_open()
        if not self._reads:
            raise io.UnsupportedOperation(
                f"{self.name} has no outbox {self._outbox!r} to read from"
            )
        with self._reading:
            space = memoryview(buffer).cast("B")
            if not space or not self._fill():
                return 0
            count = min(len(space), len(self._rest))
            space[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count

    def peek(self, size: int = 1) -> bytes:
        """Give what comes next without taking it, waiting for the first byte; b"" at the end."""
        self._check_open()
        with self._reading:
            return bytes(self._rest[: max(size, 8192)]) if self._reads and self._fill() else b""

    def _fill(self) -> bool:
        """Have at least one byte to read; False at the end."""
        until = None if self.timeout is None else monotonic() + self.timeout
        while not self._rest and not self._over:
            left = None if until is None else max(0.0, until - monotonic())
            try:
                message = self._handle.get(self._outbox, left)
            except EmptyInbox:
                raise LikeFileTimeout(
                    f"nothing has come from {self.name} within {self.timeout:g} seconds"
                ) from None
            except Ended:
                self._over = True
                self._raise_failure()
                break
            self._rest = self._bytes_of(message)
        return bool(self._rest)

    def _bytes_of(self, message: Any) -> memoryview:
        try:
            return memoryview(message).cast("B")
        except TypeError:
            raise NotSuitable(
                f"{self.name} sent {message!r}, which is no bytes: a LikeFile is for components that "
                f"send bytes (put one that encodes behind it)"
            ) from None

    # -- writing

    def write(self, data: ReadableBuffer) -> int:
        """Write all of `data`, waiting for room; give the number of bytes written.

        When the time is over it gives how many bytes went in by then, and raises if there were none.
        """
        self._check_open()
        if not self._writes:
            raise io.UnsupportedOperation(f"{self.name} has no inbox {self._inbox!r} to write to")
        whole = memoryview(data).cast("B")
        until = None if self.timeout is None else monotonic() + self.timeout
        with self._writing:
            for start in range(0, len(whole), PIECE):
                left = None if until is None else until - monotonic()
                try:
                    self._handle.put(bytes(whole[start : start + PIECE]), self._inbox, left)
                except Full:
                    if start:
                        return start
                    raise LikeFileTimeout(
                        f"{self.name} has taken nothing within {self.timeout:g} seconds"
                    ) from None
                except Ended as error:
                    self._raise_failure()
                    raise BrokenPipeError(str(error)) from error
        return len(whole)

    # -- ending

    def finish(self) -> None:
        """Say that nothing more will be written; reading goes on."""
        self._check_open()
        self._finished = True
        self._handle.finish()

    def close(self) -> None:
        """Finish, give up what is unread, and wait for the component's end; closing twice is once."""
        if self.closed:
            return
        try:
            self._finished = True
            self._handle.finish()
            self._read_off()
            if not self._handle.wait(0):
                self._handle.stop()
                if not self._handle.wait(self.patience):
                    self._component.stop()  # it heeds nothing
                    self._handle.wait(self.patience)
        finally:
            self._rest = memoryview(b"")
            super().close()

    def _read_off(self) -> None:
        """Take what the component still sends until it has ended, so that it can; up to `patience`."""
        until = monotonic() + self.patience
        while not self._handle.wait(0) and monotonic() < until:
            try:
                self._handle.get(self._outbox if self._reads else "signal", until - monotonic())
            except (Ended, EmptyInbox):
                self._handle.wait(max(0.0, until - monotonic()))

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"the file of {self.name} is closed")

    def _raise_failure(self) -> None:
        """Raise what the component failed with, if it did."""
        failure = self._handle.failure(self._outbox) if self._reads else None
        if failure is not None:
            raise ComponentFailed(failure)
        self._handle.wait(0)


def _leads_in(component: Component, inbox: str) -> bool:
    """Say whether it has that inbox; of a chassis, whether a part of it reads what comes there."""
    box = component._strand.inboxes.get(inbox)
    return box is not None and (
        bool(box.targets) or not isinstance(component, Pipeline | Graphline)
    )


def _leads_out(component: Component, outbox: str) -> bool:
    """Say whether it has that outbox; of a chassis, whether a part of it sends by it."""
    box = component._strand.outboxes.get(outbox)
    return box is not None and (
        bool(box.sources) or not isinstance(component, Pipeline | Graphline)
    )
