"""Messages to bytes and back: what crosses a process is what was sent.

    encoded = encode([{"n": 17}, ("frame", array)])
    decode(encoded.payload, encoded.buffers)

The payload is MessagePack with extension types; large buffers travel beside it, not copied into it.
What travels: None, bool, int, float, complex, str, bytes, bytearray, memoryview, list, tuple, set,
frozenset, dict, OrderedDict, Counter, deque, date, time, datetime, timedelta and their zones,
Decimal, Fraction, UUID, paths, NumPy scalars and arrays, `av.VideoFrame`, `av.AudioFrame`,
`av.Packet`, and the dataclasses, NamedTuples and Enums that were registered.

Laws: what arrives equals what was sent and is of the same type; what cannot travel is refused
before anything is sent (`Unsendable`); whatever arrives, decoding gives messages or `Undecodable`;
no pickle and no code.
"""

from kamesh.codec import arrays, clock, packets, pictures, plain, sound  # they enter their types
from kamesh.codec.decode import decode
from kamesh.codec.encode import encode
from kamesh.codec.errors import TooMuch, Undecodable, Unsendable
from kamesh.codec.registry import register
from kamesh.codec.wire import LARGE, Buffer, Encoded

__all__ = [
    "LARGE",
    "Buffer",
    "Encoded",
    "TooMuch",
    "Undecodable",
    "Unsendable",
    "decode",
    "encode",
    "register",
]

del arrays, clock, packets, pictures, plain, sound
