"""What carries frames between nodes: the interface; `memory` and `zeromq` beside it fulfil it."""

from kamesh.transport.interface import (
    NOBODY_LISTENS,
    AddressTaken,
    BadAddress,
    Buffer,
    Connection,
    Events,
    FrameRefused,
    InsecureAddress,
    MisplacedCall,
    Transport,
    TransportError,
    TransportLimits,
    TransportStatistics,
)

__all__ = [
    "NOBODY_LISTENS",
    "AddressTaken",
    "BadAddress",
    "Buffer",
    "Connection",
    "Events",
    "FrameRefused",
    "InsecureAddress",
    "MisplacedCall",
    "Transport",
    "TransportError",
    "TransportLimits",
    "TransportStatistics",
]
