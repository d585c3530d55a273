"""Requests, their answers, and gossip: what the two nodes say to each other beside the linkages.

Laws: a request is sent once at most, and is answered exactly once to whoever made it, if need be by
a sentence saying why no answer will come; so many may wait each way, no more; gossip that cannot go
now is dropped and counted.
"""

from __future__ import annotations

from kamesh.link import events
from kamesh.link.batching import Codec, EncodedLike
from kamesh.link.errors import LocalProtocolError, RemoteProtocolError, TooLarge
from kamesh.link.fields import is_name
from kamesh.link.limits import LinkLimits
from kamesh.link.outgoing import Outgoing
from kamesh.link.records import Gossip, Loaded, Reply, Request

__all__ = ["Requests", "encode_one"]


def encode_one(codec: Codec, value: object, limits: LinkLimits) -> EncodedLike:
    """Encode a single value that travels outside any linkage."""
    encoded = codec.encode([value])
    if encoded.size > limits.largest_message or len(encoded.buffers) > limits.buffers:
        raise TooLarge(
            0, encoded.size, limits.largest_message, len(encoded.buffers), limits.buffers
        )
    return encoded


class Requests:
    """Said by the caller: request, reply, gossip. Said by the peer: `on_...`."""

    __slots__ = (
        "_codec",
        "_established",
        "_given",
        "_limits",
        "_made",
        "_next_given",
        "_next_made",
        "_out",
    )

    def __init__(self, codec: Codec, limits: LinkLimits, out: Outgoing) -> None:
        self._codec = codec
        self._limits = limits
        self._out = out
        self._made: dict[int, float] = {}  # ours, and until when they may be answered; in order
        self._given: dict[int, int] = {}  # theirs: our id, and the id the peer gave it
        self._next_made = 1
        self._next_given = 1
        self._established = False

    # --- our caller ---

    def request(self, verb: str, arguments: object, now: float) -> int:
        """Ask; `Replied` comes with the id that is returned."""
        if not is_name(verb):
            raise LocalProtocolError("the verb of a request must be text of 1 to 255 characters")
        if len(self._made) >= self._limits.requests:
            raise LocalProtocolError(
                f"{len(self._made)} requests to this node wait for an answer, "
                "and LinkLimits.requests allows no more"
            )
        encoded = encode_one(self._codec, arguments, self._limits)
        number = self._next_made
        self._next_made += 1
        if self._established:
            self._made[number] = now + self._limits.request_seconds
            self._out.records.append(Request(number, verb, encoded.payload, tuple(encoded.buffers)))
        else:
            self._fail(number, "there is no connection to this node")
        return number

    def reply(self, number: int, ok: bool, value: object) -> None:
        """Answer what `Requested` said. Nothing happens if the connection it came on is gone."""
        if not 1 <= number < self._next_given:
            raise LocalProtocolError(f"there never was a request {number} to be answered")
        if number not in self._given:
            return
        encoded = encode_one(self._codec, value, self._limits)
        self._out.records.append(
            Reply(self._given.pop(number), bool(ok), encoded.payload, tuple(encoded.buffers))
        )

    def gossip(self, payload: object) -> None:
        """Send something for the directory, if it can go now."""
        encoded = encode_one(self._codec, payload, self._limits)
        if self._established and len(self._out.records) < self._limits.requests:
            self._out.records.append(Gossip(encoded.payload, tuple(encoded.buffers)))
        else:
            self._out.counters.gossip_dropped += 1

    def _fail(self, number: int, reason: str) -> None:
        self._out.counters.requests_lost += 1
        self._out.events.append(events.Replied(number, False, reason))

    # --- the connection, the clock ---

    def established(self) -> None:
        """Let requests be sent."""
        self._established = True

    def lost(self) -> None:
        """Expect no answer to what was asked, and forget what was asked of us."""
        self._established = False
        for number in self._made:
            self._fail(number, "the connection with it was lost before it answered")
        self._made.clear()
        self._given.clear()

    def deadline(self) -> float | None:
        """Return until when the oldest request may be answered."""
        return next(iter(self._made.values())) if self._made else None

    def tick(self, now: float) -> None:
        """Give up on what has waited too long."""
        while self._made:
            number, deadline = next(iter(self._made.items()))
            if now < deadline:
                return
            del self._made[number]
            self._fail(number, f"no answer within {self._limits.request_seconds:g} seconds")

    # --- the peer ---

    def on_request(self, record: Request) -> None:
        """Take a question of the peer's."""
        if len(self._given) >= self._limits.requests:
            raise RemoteProtocolError(f"more than {self._limits.requests} requests at once")
        arguments = self._decode(record, f"the request {record.verb!r}")
        number = self._next_given
        self._next_given += 1
        self._given[number] = record.id
        self._out.events.append(events.Requested(number, record.verb, arguments))

    def on_reply(self, record: Reply) -> None:
        """Take an answer; one that comes too late has already been given."""
        if record.id >= self._next_made:
            raise RemoteProtocolError(f"an answer to request {record.id}, which was never made")
        if record.id in self._made:
            value = self._decode(record, "an answer")
            del self._made[record.id]
            self._out.events.append(events.Replied(record.id, record.ok, value))

    def on_gossip(self, record: Gossip) -> None:
        """Take something for the directory."""
        self._out.events.append(events.Gossiped(self._decode(record, "gossip")))

    def _decode(self, record: Loaded, what: str) -> object:
        try:
            values = self._codec.decode(record.payload, record.buffers)
        except Exception as error:  # the codec's word for it, or whatever a codec's fault is
            self._out.counters.undecodable += 1
            raise RemoteProtocolError(
                f"{what} cannot be decoded ({type(error).__name__}: {error})"
            ) from error
        if len(values) != 1:
            raise RemoteProtocolError(f"{what} holds {len(values)} values instead of one")
        return values[0]
