"""The link protocol, without I/O: what carries all linkages between two nodes.

Bytes and time go into a `Link`; frames, events and a deadline come out. It numbers, batches,
windows, acknowledges and resends, so that every message arrives once and in order through any
number of disconnects, and says so when it cannot. `states.py` is the protocol, `records.py` the
wire, `limits.py` every figure; `link.py` ties them.

    from kamesh.link import Link, LinkLimits, events
"""

from kamesh.link import events
from kamesh.link.batching import Codec
from kamesh.link.errors import LinkError, LocalProtocolError, RemoteProtocolError, TooLarge
from kamesh.link.events import (
    Bye,
    CloseConnection,
    Dead,
    Delivered,
    Established,
    Event,
    FinishAcknowledged,
    Finished,
    Gossiped,
    LinkageRefused,
    Offered,
    Opened,
    Recovered,
    Refused,
    Replied,
    Requested,
    Reset,
    Room,
    SessionLost,
    Suspect,
    Undelivered,
)
from kamesh.link.fields import Buffer
from kamesh.link.greeting import keeps_own_dial, read_greeting
from kamesh.link.limits import LinkLimits
from kamesh.link.link import Link
from kamesh.link.liveness import Health
from kamesh.link.outgoing import Counters
from kamesh.link.states import LinkState
from kamesh.link.statistics import LinkStatistics, ReceivingStatistics, SendingStatistics

__all__ = [
    "Buffer",
    "Bye",
    "CloseConnection",
    "Codec",
    "Counters",
    "Dead",
    "Delivered",
    "Established",
    "Event",
    "FinishAcknowledged",
    "Finished",
    "Gossiped",
    "Health",
    "Link",
    "LinkError",
    "LinkLimits",
    "LinkState",
    "LinkStatistics",
    "LinkageRefused",
    "LocalProtocolError",
    "Offered",
    "Opened",
    "ReceivingStatistics",
    "Recovered",
    "Refused",
    "RemoteProtocolError",
    "Replied",
    "Requested",
    "Reset",
    "Room",
    "SendingStatistics",
    "SessionLost",
    "Suspect",
    "TooLarge",
    "Undelivered",
    "events",
    "keeps_own_dial",
    "read_greeting",
]
