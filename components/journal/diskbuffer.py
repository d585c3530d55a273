"""DiskBuffer: what a slow receiver has not taken waits on the disk, not in memory.

Laws
1. Messages leave in the order in which they came; none is lost while it runs, whatever the disk does.
2. It holds no more than it was told to: then, and while the disk is full, its source waits.
3. With `keep`, all that passes is on the disk first, and what its receiver had not taken when it ended,
   was stopped or was killed is there again; after a kill perhaps some of what had been taken as well.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from kamesh import Policy, ThreadedComponent
from kamesh.codec import Unsendable
from kamesh.components.files import FileError
from kamesh.components.files.errors import a_path
from kamesh.components.journal.recorder import NotRecordable
from kamesh.components.journal.segments import LARGE, Segments
from kamesh.components.journal.syncing import Sync, Syncing
from kamesh.components.journal.weight import places, weight
from kamesh.components.refusing import whole
from kamesh.components.sending import shut_down
from kamesh.errors import Ended
from kamesh.inbox import Inbox
from kamesh.scheduler import ENDED
from kamesh.strand import Strand
from kamesh.threadstrand import ThreadOutbox

__all__ = ["DiskBuffer"]

log = logging.getLogger("kamesh")

TOGETHER = 256  # messages of one record and in the inbox, unless they are large
AHEAD = 64  # messages sent that no inbox has taken, unless they are large
HEAVY = 1024 * 1024  # bytes, as far as they can be told, that are taken at a time
LOOK = 0.1  # seconds between two looks at what the link to another node has taken
AGAIN = 1.0  # seconds until a full disk is tried again
GIB = 1 << 30


class DiskBuffer(ThreadedComponent):
    """Holds what a slow receiver has not taken, on disk.

    `folder` is made if it is not there; only one buffer at a time can use it. It holds `most_bytes`
    (default 1 GiB) on disk and, if that is given, `most_messages`; what is beyond waits at the source.
    With `keep`, what was not taken when it ended is there again the next time (what a link to another
    node has accepted counts as taken); without, the folder is emptied at the start and at the end, and
    while the receiver keeps up nothing is written at all.
    `sync` is as for Recorder. Only what could travel to another process can wait on disk. A full disk
    is said once, in a sentence, and tried again every second; until then the source waits.

    Example:
        >>> Pipeline(DataSource(range(5)), DiskBuffer("spool"), DataSink(held := [])).run()
        >>> held
        [0, 1, 2, 3, 4]

    Boxes: "inbox" anything that can travel; "outbox" the same; "control".

    How it ends: with its inbox, or told ProducerFinished, once all that it holds is sent; told
    Shutdown, at once, and then what it held is kept only with `keep`. It fails, with a sentence, if the
    folder cannot be used, or for a message that cannot travel.
    """

    inboxes: ClassVar = {
        "inbox": "anything that can travel",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {"outbox": "the same", "signal": "passes on what was told on control"}
    bounds: ClassVar = {"inbox": TOGETHER}
    outgoing: ClassVar = AHEAD

    def __init__(
        self, folder: str | Path, *, most_bytes: int = GIB, most_messages: int | None = None,
        keep: bool = False, sync: Sync = "none", name: str | None = None,
    ) -> None:
        """Remember where and how much; WrongFigure for a bound or a `sync` that there cannot be."""
        super().__init__(name=name)
        whole(1, most_bytes, "the bytes that a buffer holds")
        if most_messages is not None:
            whole(1, most_messages, "the messages that a buffer holds")
        Syncing.of(sync)
        self.folder = a_path(folder)
        self.most_bytes, self.most_messages = most_bytes, most_messages
        self.keep, self.sync = keep, sync
        self.trouble = ""  # why the disk takes nothing
        self._said = False
        self._ahead = AHEAD
        self._held: deque[Any] = deque()  # taken from the inbox, and not on disk yet
        self._front: deque[Any] = deque()  # read from the disk, and not sent yet
        self._done: dict[Inbox, int] = {}  # messages that each receiver is done with
        self._hearing: dict[Inbox, Callable[[int], None]] = {}
        self._figures = {"waiting": 0, "bytes": 0, "taken": 0}

    def main(self) -> None:
        """Take, keep and give until the end."""
        large = min(LARGE, max(1, self.most_bytes // 4))
        store = Segments(self.folder, self.inbox.label, sync=self.sync, large=large)
        try:
            if not self.keep:
                store.clear()
            while True:
                self._listen()
                self._take(store)
                self._give(store)
                if self._over(store):
                    break
                self._wait(store)
            self._leave(store)
        finally:
            store.close(remove=not self.keep)
            with suppress(Ended):  # there is nobody left to be heard
                self._strand.in_loop(self._hear_no_more)

    # -- in

    def _take(self, store: Segments) -> None:
        inbox = self.inbox
        if not self.keep and not self._held and self._behind(store) == 0:
            for _ in range(min(len(inbox.queue), self._places())):
                self.send(self.recv())
        much = 0
        for _ in range(min(len(inbox.queue), self._room(store))):
            message = self.recv()
            self._held.append(message)
            much += weight(message)
            if much > HEAVY:
                break
        if much:
            self._fit(much)
        if self._held and not self.trouble:
            self._store(store)

    def _fit(self, much: int) -> None:
        """Let few large messages wait in memory where many small ones may."""
        bound = places(much, len(self._held), TOGETHER)
        if bound != self.inbox.bound:
            self._ahead = min(AHEAD, bound)
            self._strand.in_loop(partial(setattr, self.inbox, "bound", bound))

    def _store(self, store: Segments) -> None:
        """Bring to the disk what it takes: all together, or fewer, or one by one."""
        count = len(self._held)
        while self._held:
            try:
                store.append(list(islice(self._held, count)))
            except FileError as error:
                if count > 1:
                    count = count // 2
                    continue
                self._cannot(str(error))
                return
            except Unsendable as error:
                raise NotRecordable(
                    f"{self.path} cannot keep a {error.type_name} on disk, as "
                    f"{f'its part {error.path}' if error.path else 'it'} {error.why}; {error.way_out}"
                ) from error
            for _ in range(min(count, len(self._held))):
                self._held.popleft()
        self.trouble = ""
        if self._said:
            self._said = False
            log.info("%s: the disk takes messages again", self.path)

    def _cannot(self, why: str) -> None:
        self.trouble = why
        if not self._said:
            self._said = True
            log.error("%s: %s; its source waits until that is over", self.path, why)

    def _room(self, store: Segments) -> int:
        """Say how many messages may be taken now."""
        if self.trouble or self._held or store.bytes >= self.most_bytes:
            return 0
        most = TOGETHER if self.most_messages is None else self.most_messages - self._behind(store)
        return max(0, min(TOGETHER, most))

    def _behind(self, store: Segments) -> int:
        """Count the messages on disk that have not been sent."""
        return store.after - store.next + len(self._front)

    # -- out

    def _places(self) -> int:
        """Say how many messages can be sent without waiting."""
        return self._ahead - self._outgoing()

    def _outgoing(self) -> int:
        assert isinstance(self.outbox, ThreadOutbox)
        return len(self.outbox.outgoing)

    def _give(self, store: Segments) -> None:
        for _ in range(0 if shut_down(self) else self._places()):
            if not self._front:
                self._front.extend(store.take())
            if self._front:
                self.send(self._front.popleft())
            elif self._held and self.trouble and not self.keep:
                self.send(self._held.popleft())  # nothing on disk is before it
                self.trouble = self.trouble if self._held else ""
            else:
                break
        self._acknowledge(store)
        self._figures = {
            "waiting": self._behind(store) + len(self._held), "bytes": store.bytes,
            "taken": store.first,
        }

    def _unread(self) -> int:
        """Say how many of the messages sent their receivers may not be done with."""
        counts = [0]
        for feed in self.outbox.feeds:
            sink, waiting = feed.sink, len(feed.sink.queue)
            sure = sink in self._done and len(sink.feeds) == 1 and feed.policy is Policy.BLOCK
            counts.append(max(feed.sent - self._done[sink], waiting) if sure else waiting)
        return max(counts)

    def _listen(self) -> None:
        """Be told by every receiver what it is done with; the end of a link does not tell."""
        for feed in self.outbox.feeds:
            tells = isinstance(feed.sink.owner, Strand)
            if self.keep and tells and feed.sink not in self._done:
                self._strand.in_loop(partial(self._hear_of, feed.sink))

    def _hear_of(self, sink: Inbox) -> None:
        """From now on, be told how many messages `sink` is done with; from the event loop."""
        before = sink.taken + sink.discarded

        def hear(count: int) -> None:
            self._done[sink] = count - before
            self._strand.wake()

        self._done[sink] = 0
        self._hearing[sink] = hear
        sink.hearers += (hear,)

    def _hear_no_more(self) -> None:
        for sink, hear in self._hearing.items():
            sink.hearers = tuple(each for each in sink.hearers if each is not hear)
        self._hearing.clear()

    def _open(self) -> int:
        """Count the messages sent that are not done with: without `keep` none is."""
        return self._outgoing() + self._unread() if self.keep else 0

    def _finished(self, store: Segments) -> int:
        """Give the number of the first message that somebody may still want."""
        return store.next - len(self._front) - self._open()

    def _acknowledge(self, store: Segments) -> None:
        store.acknowledge(self._finished(store))

    # -- waiting and the end

    def _over(self, store: Segments) -> bool:
        if shut_down(self):
            return True
        if self.inbox.queue or self._held or self._behind(store) or not self.stopping():
            return False
        return self._open() == 0 or self._receiver_gone()

    def _receiver_gone(self) -> bool:
        feeds = self.outbox.feeds
        return bool(feeds) and all(feed.sink.closed for feed in feeds)

    def _wait(self, store: Segments) -> None:
        """Wait until there is something to take and room for it, or something to give."""
        waits = [store.wait()]
        if self.trouble:
            waits.append(AGAIN)
        if self.keep and not all(feed.sink in self._done for feed in self.outbox.feeds):
            waits.append(LOOK)
        timeout = min((one for one in waits if one is not None), default=None)
        if not self._strand.wait_until(lambda: self._can_go_on(store), timeout):
            store.flush()
        self._strand.check()
        if self.trouble and self._held:
            self._store(store)

    def _can_go_on(self, store: Segments) -> bool:
        if self._strand.state is ENDED or self._over(store):
            return True
        if self.inbox.queue and self._room(store):
            return True
        if self._finished(store) > store.first:
            return True
        held = self._behind(store) or (self._held and not self.keep)
        return bool(held) and self._places() > 0

    def _leave(self, store: Segments) -> None:
        self._acknowledge(store)
        if shut_down(self):  # what nobody has made room for is not sent any more
            outbox = self.outbox
            assert isinstance(outbox, ThreadOutbox)
            self._strand.in_loop(outbox.outgoing.clear)
        if self._held:  # it was told to stop while the disk was full
            raise FileError(
                f"{self.path} was stopped while it could not write, and {len(self._held)} messages "
                f"that it had taken are lost: {self.trouble}"
            )

    def details(self) -> dict[str, object]:
        """Give the figures that are its own."""
        return {**self._figures, **({"trouble": self.trouble} if self.trouble else {})}
