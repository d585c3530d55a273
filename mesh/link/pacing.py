"""How much may be on the wire at once, so that nothing urgent ever waits long behind bulk.

Laws: what the peer has not confirmed to have heard stays within a budget, and one batch more; the
budget doubles each round trip while confirmations come quickly, settles where they queue for
`pace_seconds`, and never falls below a quarter of `pace_bytes`. On a fast wire it is soon out of
the way; on a slow one no queue grows so long that a living peer seems dead behind it.

A window bounds what is not *consumed*; this bounds what has not *arrived*. The transport, the
kernel and the wire together may hold megabytes, which at 1 Mbit/s is a minute of silence. A PING
behind the data marks how far it has got when its PONG comes. (Queueing delay, that is delay above
the least ever seen, as the signal, and a gain in proportion to the distance from a target: LEDBAT,
RFC 6817. What bounds the queue here is the patience of `liveness.py`, not fairness to others.)
"""

from __future__ import annotations

from collections import deque

from kamesh.link.limits import LinkLimits

__all__ = ["Pacing"]

_MOST = 1 << 30  # bytes; a budget that never binds


class Pacing:
    """The budget of one connection. `mark` when `wants_mark`, then `heard` when it is answered."""

    __slots__ = ("_heard", "_least", "_limits", "_marked", "_marks", "_sent", "budget")

    def __init__(self, limits: LinkLimits) -> None:
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        """Start over on a new connection, of which nothing is known."""
        self.budget = self._limits.pace_bytes
        self._sent = 0  # bytes given to the transport
        self._marked = 0  # of these, those in front of a mark
        self._heard = 0  # of these, those known to have arrived
        self._marks: deque[tuple[int, int, float]] = deque()  # (token, bytes in front, when)
        self._least = float("inf")  # seconds from a mark to its answer

    def room(self) -> int:
        """Return how many bytes may go now; a little more is no harm."""
        return self.budget - (self._sent - self._heard)

    def sent(self, size: int) -> None:
        """Note that so many bytes have been given to the transport."""
        self._sent += size

    def wants_mark(self) -> bool:
        """Return whether a mark belongs behind what has been sent.

        Whenever there is no room, either this is true or an answer is on its way.
        """
        return (self._sent - self._marked) * 4 >= self.budget

    def mark(self, token: int, now: float) -> None:
        """Note that a PING with this token went behind all that has been sent."""
        self._marked = self._sent
        self._marks.append((token, self._sent, now))

    def heard(self, token: int, now: float) -> None:
        """Note that the PING with this token, and so all in front of it, has been heard."""
        marks, limits = self._marks, self._limits
        target = limits.pace_seconds
        while marks and marks[0][0] <= token:
            _, reached, marked_at = marks.popleft()
            confirmed, self._heard = reached - self._heard, reached
            delay = now - marked_at
            self._least = min(self._least, delay)
            distance = (target - (delay - self._least)) / target  # 1 no queue, 0 as wanted
            change = int(confirmed * max(-0.5, min(1.0, 2 * distance)))
            self.budget = max(limits.pace_bytes // 4, min(_MOST, self.budget + change))
