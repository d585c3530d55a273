"""What our caller may say of linkages, requests and gossip; the other half of a link is `link.py`.

Laws: whatever is not possible raises `LocalProtocolError` (or what the codec raises) and changes
nothing; what is said of a linkage that is over is ignored, since news of its end may still be on
its way to the caller; `now` is the caller's monotonic clock, wherever it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from kamesh.link.batching import Codec
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Outgoing
from kamesh.link.pacing import Pacing
from kamesh.link.receivers import Receivers
from kamesh.link.requests import Requests, encode_one
from kamesh.link.senders import Senders

__all__ = ["Calls"]


class Calls:
    """The caller's side of a `Link`."""

    def __init__(self, incarnation: bytes, codec: Codec, limits: LinkLimits) -> None:
        self.limits = limits
        self._codec = codec
        self._now = 0.0  # the last time that anybody told us
        self._out = Outgoing()
        self._pacing = Pacing(limits)
        self._senders = Senders(incarnation, codec, limits, self._out)
        self._receivers = Receivers(codec, limits, self._out)
        self._requests = Requests(codec, limits, self._out)

    # --- linkages we send on ---

    def open(self, source: str, sink: str, *, now: float, policy: str = "block") -> int:
        """Make a linkage from our `source` to the peer's `sink`; return its number."""
        return self._senders.open(source, sink, policy)

    def send(self, number: int, messages: Sequence[object], now: float) -> None:
        """Take messages, at most `room(number)`. If this raises, none of them was taken."""
        self._now = now
        if messages:
            self._senders.send(number, messages, self._pacing.budget // 2)

    def room(self, number: int) -> int:
        """Return how many messages may be given now: 0 while the linkage is not open.

        It may grow again at once after `send`: what a message weighs is known only then.
        """
        return self._senders.room(number)

    def window(self, number: int) -> int:
        """Return how many messages the peer takes that it has not consumed: 0 until it has said so."""
        return self._senders.window(number)

    def finish(self, number: int, failure: object = None, now: float = 0.0) -> None:
        """End a stream after what has been sent; `failure` is anything the codec carries."""
        encoded = None if failure is None else encode_one(self._codec, failure, self.limits)
        self._senders.finish(number, encoded)

    def reset(self, number: int, reason: str, now: float) -> None:
        """Give a linkage up; `Undelivered` says what that cost."""
        self._senders.reset(number, reason)

    def reopen(self, number: int, now: float) -> None:
        """Offer a refused linkage once more, with all that it holds."""
        self._senders.reopen(number)

    # --- linkages we receive on ---

    def accept(
        self,
        number: int,
        *,
        window_messages: int | None = None,
        window_bytes: int | None = None,
        now: float,
    ) -> None:
        """Take what `Offered` offered, with at most so much in flight."""
        self._receivers.accept(number, window_messages, window_bytes)

    def refuse(self, number: int, reason: str, now: float) -> None:
        """Do not take it; the sentence tells the other side why."""
        self._receivers.refuse(number, reason)

    def consumed(self, number: int, upto_seq: int, now: float) -> None:
        """Note that all up to this message has been consumed: the sender may forget it."""
        self._now = now
        self._receivers.consumed(number, upto_seq, now)

    def stop_receiving(self, number: int, reason: str, now: float) -> None:
        """Want no more of a linkage; its sender is told why."""
        self._receivers.stop(number, reason)

    # --- requests and gossip ---

    def request(self, verb: str, arguments: object, now: float) -> int:
        """Ask the peer; `Replied` comes once, whatever happens."""
        return self._requests.request(verb, arguments, now)

    def reply(self, id: int, ok: bool, value: object, now: float) -> None:  # noqa: A002
        """Answer what `Requested` said."""
        self._requests.reply(id, ok, value)

    def gossip(self, payload: object, now: float) -> None:
        """Send something for the directory, if it can go now; nobody says whether it came."""
        self._requests.gossip(payload)
