"""A tap: what an outbox sends, as an observer takes it.

Laws
1. A message is acknowledged when whoever reads the tap has come back for the next ones: a slow reader
   makes the node hold back, where the tap's policy says what is dropped, and nothing is dropped here.
2. `dropped` counts what is missing up to the message that was read last, and at the end in all.
3. A tap that is closed holds nobody up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from kamesh.errors import KameshError
from kamesh.linking import policy_of
from kamesh.nodes.tapping import Missed

if TYPE_CHECKING:
    from kamesh.nodes.client import Client

__all__ = ["Tap"]

TOGETHER = 256  # messages that are acknowledged together at most


class Tap:
    """What one outbox sends from now on, until its stream ends.

    Example:
        async with client.tap("studio/CAMERA.outbox") as tap:
            async for frame in tap:
                ...
        print(tap.dropped, "were missed")

    How it ends: with the stream; NoAnswer if the node goes. Leaving the `async with`, or `aclose()`,
    ends the copying.
    """

    def __init__(self, client: Client, box: str, policy: str, sink: str) -> None:
        """Copy what `box` sends, under `policy`; it begins with the first message asked for."""
        self.box = box
        self.policy = policy_of(policy).value
        self.dropped = 0  # messages that were sent and are not among those read
        self.why = ""  # why some of them could not be copied at all; "" if the reader was slow
        self._client = client
        self._sink = sink
        self._node = ""
        self._number = 0
        self._batches: deque[tuple[int, list[object]]] = deque()  # the first's number; not read
        self._next = 0  # the number of the next message of the batch that is being read
        self._reading: deque[object] = deque()
        self._news = asyncio.Event()
        self._trouble: KameshError | None = None
        self._begun = self._over = False

    async def __aenter__(self) -> Tap:
        """Begin to copy."""
        await self._begin()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """End it."""
        await self.aclose()

    def __aiter__(self) -> Tap:
        """Take what comes."""
        return self

    async def __anext__(self) -> object:
        """Take the next message, waiting for it."""
        if not self._begun:
            await self._begin()
        while True:
            while self._reading:
                message = self._reading.popleft()
                self._next += 1
                if not isinstance(message, Missed):
                    return message
                self.dropped += message.count
                self.why = message.why or self.why
            if self._next:
                self._acknowledge(self._next - 1)
            if self._batches:
                first, messages = self._batches.popleft()
                self._next = first
                self._reading.extend(messages[:TOGETHER])
                if len(messages) > TOGETHER:
                    self._batches.appendleft((first + TOGETHER, messages[TOGETHER:]))
            elif self._over:
                if self._trouble is not None:
                    raise self._trouble
                raise StopAsyncIteration
            else:
                self._news.clear()
                await self._news.wait()

    def _acknowledge(self, upto: int) -> None:
        self._next = 0
        if self._client.taps.get(self._sink) is self:
            peers = self._client.peers
            peers.link_to(self._node).consumed(self._number, upto, peers.now())
            peers.touch(peers.link_to(self._node))

    async def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        self._node, name = await self._client.place(self.box)
        self._client.taps[self._sink] = self
        try:
            await self._client.ask(self._node, "tap", [name, self._sink, self.policy])
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """Have what still comes refused, and no longer copied."""
        self._client.tapped.pop((self._node, self._number), None)
        if self._client.taps.pop(self._sink, None) is None or not self._number:
            return
        peers = self._client.peers
        link = peers.link_to(self._node)
        link.stop_receiving(self._number, "the observer has seen enough", peers.now())
        peers.touch(link)

    async def aclose(self) -> None:
        """End the copying; what has come and was not read is given up. Closing twice is once."""
        self._batches.clear()
        self._reading.clear()
        self._next = 0
        self._begun = self._over = True
        self._forget()
        self._news.set()

    # -- what the client tells it

    def offered(self, number: int) -> None:
        """Take the linkage that the node offers."""
        self._number = number
        peers = self._client.peers
        peers.link_to(self._node).accept(number, now=peers.now())

    def came(self, first: int, messages: list[object]) -> None:
        """Take what has come."""
        self._batches.append((first, messages))
        self._news.set()

    def ended(self, trouble: KameshError | None = None) -> None:
        """Hear that nothing more will come."""
        self._client.taps.pop(self._sink, None)
        self._over = True
        self._trouble = trouble
        self._news.set()
