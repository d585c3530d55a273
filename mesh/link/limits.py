"""Every figure of a link in one place, each with its formula and which way to turn it.

Laws: every queue, wait and retry of a link is bounded by a field here; a link never reads a figure
from anywhere else; figures that contradict each other are refused when the limits are made.
The layout (three presets, every field explained) is that of HashiCorp's memberlist `config.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LinkLimits"]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """How much a link may hold, and how long it waits. The defaults suit one local network.

    Seconds are of the caller's monotonic clock; sizes are bytes unless the name says messages.
    `largest_message`, `header_bytes`, `frames` and `records` are also what the peer is held to:
    keep them alike throughout a mesh.

        Link(node="a", ..., limits=LinkLimits.wan())
        Link(node="a", ..., limits=LinkLimits(window_messages=64))
    """

    window_messages: int = 4096
    """Messages in flight on one linkage, unless `accept` says otherwise. Messages a second cannot
    exceed window / round trip: raise it for small messages over long distances. Lower it to keep
    less to be sent again, and fewer possible duplicates, after a receiver was restarted."""

    window_bytes: int = 8 * MIB
    """Bytes in flight on one linkage. At least bandwidth x round trip, or the wire idles; at most
    bandwidth x `dead_seconds` / 2, or a slow wire is full for longer than the patience for it.
    Memory: a linkage holds at most this much on each side, plus one batch."""

    batch_bytes: int = 128 * KIB
    """Aim for one DATA record, which is kept between half and twice of it when messages are small.
    Larger: less work a message. Smaller: shorter waits for the linkages that share the wire."""

    flush_bytes: int = 256 * KIB
    """What one linkage may put on the wire before every other linkage has had its turn."""

    message_bytes: int = MIB
    """A transport message is closed when it holds this much. It arrives whole or not at all, so
    on a slow wire it should take less than `suspect_seconds`: bandwidth x suspect_seconds / 2."""

    pace_bytes: int = 256 * KIB
    """What a new connection may carry before the peer has confirmed anything; from there it doubles
    each round trip until confirmations queue for `pace_seconds` (`pacing.py`). At most slowest
    bandwidth x `dead_seconds` / 2: lower it for wires below 1 Mbit/s."""

    pace_seconds: float = 0.5
    """How long what is urgent may queue behind bulk on a full wire: at most `suspect_seconds` / 2.
    Lower it for shorter waits; above the usual pauses of the peer's event loop, which look the same,
    or throughput falls to a quarter of `pace_bytes` for each pause."""

    largest_message: int = 64 * MIB
    """The largest single message, its buffers included. A peer that sends more loses the link.
    Must not exceed what the transport admits as a frame."""

    header_bytes: int = 512 * KIB
    """Largest header frame taken from a peer. MessagePack grows up to 70-fold when it is unpacked
    (empty arrays), so the most a hostile header can cost is about 70 x this."""

    inline_bytes: int = 16 * KIB
    """Payloads up to this ride in the header frame; larger ones are frames of their own. A frame
    costs about as much time as copying this many bytes twice."""

    frames: int = 4096
    """Frames in one transport message. Also bounds the large buffers of one single message."""

    records: int = 8192
    """Records in one transport message."""

    linkages: int = 1024
    """Linkages each way. More are refused, one by one, by both ends."""

    requests: int = 1024
    """Requests waiting for an answer each way, and gossip waiting to be sent."""

    request_seconds: float = 30.0
    """A request without an answer after this long has failed."""

    ack_seconds: float = 0.005
    """The longest that an acknowledgement waits for company. 0 acknowledges at once, at the price
    of one record a message on quiet linkages; above round trip / 4 it costs throughput."""

    ack_fraction: int = 4
    """An acknowledgement is due at once when this part (1/n) of a window has been consumed. 2 is
    the least that keeps a sender going; higher is smoother and costs more records."""

    poison_attempts: int = 3
    """How often the same batch may arrive undecodable, each time costing the connection, before
    its linkage is stopped for good."""

    ping_seconds: float = 0.5
    """After this long without a sound from the peer, ask. Lower finds a hung peer sooner and costs
    one small message each way per interval on idle links."""

    suspect_seconds: float = 1.5
    """Silence after which a peer is suspected: 3 x ping_seconds. Lower accuses busy peers."""

    dead_seconds: float = 5.0
    """Silence after which a peer is called dead and its connection closed: 10 x ping_seconds.
    Raise it for hosts that are suspended or wires that stall; lower it to fail over sooner."""

    late_seconds: float = 0.2
    """Our own lateness from here on is held against us, not against the peer. Above the usual
    pauses of the event loop, below `suspect_seconds` / 2."""

    stretch: int = 8
    """How many times longer we wait before blaming a peer when we are at our worst ourselves."""

    greeting_seconds: float = 2.0
    """A connection whose peer has not greeted after this long is closed."""

    def __post_init__(self) -> None:
        """Refuse figures that cannot work together."""
        for name in self.__slots__:
            if getattr(self, name) < 0 or (getattr(self, name) == 0 and name != "ack_seconds"):
                raise ValueError(f"LinkLimits.{name} must be above 0, not {getattr(self, name)}")
        if not self.ping_seconds < self.suspect_seconds < self.dead_seconds:
            raise ValueError(
                "LinkLimits needs ping_seconds < suspect_seconds < dead_seconds, not "
                f"{self.ping_seconds}, {self.suspect_seconds}, {self.dead_seconds}"
            )
        if self.header_bytes < 8 * self.inline_bytes or self.header_bytes < 256 * KIB:
            raise ValueError(
                "LinkLimits.header_bytes must be at least 256 KiB and 8 x inline_bytes, not "
                f"{self.header_bytes}: a header must hold what is put into it"
            )
        if self.pace_seconds > self.suspect_seconds / 2:
            raise ValueError(
                "LinkLimits.pace_seconds must be at most suspect_seconds / 2, or a busy peer is "
                f"suspected; it is {self.pace_seconds}"
            )
        if self.frames < 128 or self.records < 16:
            raise ValueError("LinkLimits.frames must be at least 128, and records at least 16")
        if self.ack_fraction < 2:
            raise ValueError("LinkLimits.ack_fraction must be at least 2, or the sender stalls")

    @property
    def buffers(self) -> int:
        """How many large buffers one message may have: what is left of `frames` in a full flush."""
        return self.frames - 64

    @classmethod
    def local(cls) -> LinkLimits:
        """Make limits for nodes of one host: room for large buffers, little wait for company."""
        return cls(
            window_bytes=16 * MIB,
            batch_bytes=256 * KIB,
            flush_bytes=512 * KIB,
            message_bytes=2 * MIB,
            pace_bytes=4 * MIB,
            ack_seconds=0.002,
        )

    @classmethod
    def lan(cls) -> LinkLimits:
        """Make limits for one local network: the defaults."""
        return cls()

    @classmethod
    def wan(cls) -> LinkLimits:
        """Make limits for long distances and slow wires: smaller pieces, more patience."""
        return cls(
            window_messages=16384,
            batch_bytes=32 * KIB,
            flush_bytes=64 * KIB,
            message_bytes=256 * KIB,
            pace_bytes=64 * KIB,
            ack_seconds=0.02,
            ping_seconds=1.0,
            suspect_seconds=5.0,
            dead_seconds=20.0,
            greeting_seconds=10.0,
        )
