"""The spool: what `kamesh record` has been sent and its disk has not taken yet.

A thread of its own writes, so that a slow disk never delays what is seen, and never the mesh.

Laws
1. It holds so many bytes and no more; what has no room is dropped as its policy says, counted, and noted
   in the journal where it is missing. Under `block` nothing is: whoever puts in looks whether it is
   `full` first, and is told when it has been `freed`.
2. When writing fails, whoever waits for it is told, and what was written before is whole.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from kamesh.components.files import FileError
from kamesh.components.journal import JournalWriter, Record

__all__ = ["POLICIES", "Spool"]

POLICIES = ("drop_oldest", "drop_newest", "block")
MOST = 64 * 1024 * 1024  # bytes that wait for the disk
PATIENCE = 30.0  # seconds that a disk may take for the last of it


class Spool:
    """Gives records to a journal from a thread of its own.

    Example: `spool = Spool(journal, "drop_oldest", failed=stop.set); spool.put(record)`, and at the end
    `spool.close(seconds)`. `failed` is called from that thread, and so is `freed`.
    """

    def __init__(
        self, journal: JournalWriter, policy: str, failed: Callable[[], None], most: int = MOST,
        freed: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to write."""
        self.error: FileError | None = None
        self.dropped: Counter[int] = Counter()  # messages, by box
        self._untold: Counter[int] = Counter()
        self._journal, self._policy, self._failed, self._most = journal, policy, failed, most
        self._freed = freed
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._last = 0.0  # seconds of the record written last
        self._ends = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether, under `block`, nothing should be put in before it is `freed`."""
        return self._policy == "block" and self._bytes >= self._most and self.error is None

    def put(self, record: Record) -> None:
        """Take a record, or drop it or older ones where there is no room."""
        size = record.bytes
        with self._changed:
            while self._waiting and self._bytes + size > self._most and self._policy != "block":
                if self._policy == "drop_newest":
                    self._drop(record)
                    return
                oldest = self._waiting.popleft()
                self._bytes -= oldest.bytes
                self._drop(oldest)
            self._waiting.append(record)
            self._bytes += size
            self._changed.notify()

    def _drop(self, record: Record) -> None:
        self.dropped[record.box] += record.count
        self._untold[record.box] += record.count

    def missed(self, box: int, count: int) -> None:
        """Note messages that were dropped before they came here."""
        with self._changed:
            self._untold[box] += count

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: bool(self._waiting or self._ends), self._journal.wait()
                    )
                    records, self._waiting = self._waiting, deque()
                    freed, self._bytes = self.full, 0
                    untold, self._untold = self._untold, Counter()
                    if self._ends and not records and not untold:
                        return
                if freed:
                    self._freed()
                self._write(records, untold)
        except FileError as error:
            self.error = error
            self._failed()

    def _write(self, records: deque[Record], untold: Counter[int]) -> None:
        for box, count in untold.items():
            at = records[0].seconds if records else self._last
            self._journal.missed(at, count, box)
        for record in records:
            self._journal.add(record)
            self._last = record.seconds
        self._journal.flush()

    def close(self, seconds: float) -> None:
        """Write all that waits, note that the recording ended then, and close the journal.

        FileError if the disk has not taken it.
        """
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise FileError(
                f"{self._journal.path} is not complete: its disk has taken nothing for {PATIENCE:g} s"
            )
        if self.error is not None:
            self._journal.abandon()
            raise self.error
        self._journal.close(seconds)


