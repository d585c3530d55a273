"""Following a file by its name: what to do next, from what a look at the name found. No I/O.

Laws
1. A file that was opened is read to its end, also when another has taken its name meanwhile.
2. Another file under the name is read from its beginning, and so is one that has become shorter.
3. While there is none under the name, it is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Look", "Step", "next_step", "tail_begin"]


@dataclass(frozen=True, slots=True)
class Look:
    """What stands under the name: which file (device and inode), and how many bytes it has."""

    file: tuple[int, int]
    size: int


class Step(Enum):
    """What to do next."""

    WAIT = "wait"  # nothing there
    OPEN = "open"  # and read from the beginning
    READ = "read"  # on, from where it is
    REWIND = "rewind"  # it was emptied: read from the beginning
    CHANGE = "change"  # read the rest of this one, and then open the other


def next_step(opened: tuple[int, int] | None, position: int, found: Look | None) -> Step:
    """Say what to do with the file `opened` (None: none is) that was read up to `position`.

    One that was emptied and has grown past `position` again between two looks cannot be told from one
    that has only grown.
    """
    if opened is None:
        return Step.WAIT if found is None else Step.OPEN
    if found is None:
        return Step.READ  # whoever writes it may still do so, under another name or none
    if found.file != opened:
        return Step.CHANGE
    return Step.REWIND if found.size < position else Step.READ


def tail_begin(block: bytes, lines: int) -> tuple[int, int]:
    """Find where the last `lines` lines of a block begin: the place, and how many are still missing.

    An unfinished line at the end counts for none. With `lines` missing the place is 0, and the block
    before this one is to be asked.
    """
    at = len(block)
    while True:
        at = block.rfind(b"\n", 0, at)
        if at < 0:
            return 0, lines
        if lines == 0:
            return at + 1, 0
        lines -= 1
