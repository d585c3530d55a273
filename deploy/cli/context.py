"""What a verb of the command line has at hand: where to write, and how to reach what runs.

Law: a verb uses nothing of its surroundings but this, so that a test can give it another.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TextIO, cast

if TYPE_CHECKING:
    from kamesh.deploy.launching.runs import Run
    from kamesh.nodes.reports import NodeReport

__all__ = ["Connect", "Context", "Fed", "Talker", "Tapped", "usual"]


class Tapped(Protocol):
    """What a tap gives; `kamesh.nodes.taps.Tap` is the real one."""

    dropped: int  # messages that were sent and are not among those given
    why: str  # why some of them could not be copied; "" if the reader was slow

    def __aiter__(self) -> AsyncIterator[object]:
        """Give what comes."""
        ...

    async def aclose(self) -> None:
        """End the copying."""
        ...


class Fed(Protocol):
    """What takes many messages for an inbox; `kamesh.nodes.feeding.Feed` is the real one."""

    waits: bool  # for room

    @property
    def delivered(self) -> int:
        """How many messages are in the inbox, or were."""
        ...

    async def send(self, message: object) -> None:
        """Send a message, waiting for room."""
        ...


class Talker(Protocol):
    """What a verb asks of the nodes of a run; `kamesh.nodes.client.Client` is the real one."""

    async def nodes(self) -> list[NodeReport]:
        """Give a report of every node."""
        ...

    def tap(self, box: str, policy: str = "drop_oldest") -> Tapped:
        """Give every message that an outbox sends from now on, as far as `policy` says."""
        ...

    def feed(self, box: str) -> AbstractAsyncContextManager[Fed]:
        """Give a linkage into an inbox, for many messages."""
        ...

    async def send(self, box: str, message: object) -> None:
        """Put a message into an inbox."""
        ...

    async def link(self, source: str, sink: str, policy: str = "block") -> None:
        """Link an outbox to an inbox."""
        ...

    async def unlink(self, source: str, sink: str) -> int:
        """Undo linkages; say how many there were."""
        ...

    async def stop(self) -> None:
        """Have all nodes end in order."""
        ...


class Connect(Protocol):
    """Joins the mesh of a run for a moment."""

    def __call__(self, run: Run) -> AbstractAsyncContextManager[Talker]:
        """Give a client to be used in `async with`."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Where a verb writes and reads, how wide it may write, and how it reaches a run."""

    out: TextIO
    err: TextIO
    read: TextIO
    connect: Connect
    width: Callable[[], int]

    def say(self, text: str = "") -> None:
        """Write a line of what was asked for; where it cannot be shown as it is, as near as can be."""
        encoding = getattr(self.out, "encoding", None) or "utf-8"
        self.out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self.out.flush()

    def say_json(self, value: object) -> None:
        """Write a value as one line of JSON."""
        self.say(json.dumps(value, ensure_ascii=True))

    def remark(self, text: str) -> None:
        """Write a line that is not what was asked for, where it does not get between it."""
        self.err.write(f"{text}\n")
        self.err.flush()

    @property
    def draws(self) -> bool:
        """Whether line-drawing characters arrive at the other end."""
        encoding = getattr(self.out, "encoding", None) or "utf-8"
        try:
            "╭─┼▼◀█".encode(encoding)
        except UnicodeEncodeError:
            return False
        return True


def usual() -> Context:
    """Give the context of a process: its own streams, the terminal, real links."""
    return Context(sys.stdout, sys.stderr, sys.stdin, _connect, _width)


def _connect(run: Run) -> AbstractAsyncContextManager[Talker]:
    connect = cast("Connect", import_module("kamesh.deploy.launching.contact").connect)  # zmq: 40 ms
    return connect(run)


def _width() -> int:
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return 120
    return shutil.get_terminal_size((100, 24)).columns
