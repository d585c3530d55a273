"""What PyAV's pictures, sound and packets have in common on the wire.

Laws: PyAV is imported only when one of its values is sent (then it is there already) or received;
planes and data are sent in place, so they must not be drawn over once sent; received ones are
copied into memory of FFmpeg's own, since its decoders read past the end of what they are given; no
more is allocated than was received, and none of it is left as it was found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from kamesh.codec.kinds import ADOPT, PACK, UNPACK, Packing, Unpacking, sequence, whole

__all__ = ["MATRIX", "attach", "enter", "properties_of", "set_properties"]

MATRIX = "display_matrix"
"""The side data that says how a picture is to be turned."""
_NUMBERS = {
    "pict_type": 7,
    "colorspace": 511,
    "color_range": 511,
    "color_trc": 511,
    "color_primaries": 511,
    "sample_rate": (1 << 31) - 1,
}
_ABSENT = object()


def enter(
    name: str,
    code: int,
    pack: Callable[[Any, Packing], bytes],
    unpack: Callable[[bytes, Unpacking], object],
) -> None:
    """Let the class `av.name` travel, once PyAV is there."""

    def adopt(kind: type) -> bool:
        if kind is not getattr(sys.modules.get("av"), name, None):
            return False
        PACK[kind] = (code, pack)
        return True

    ADOPT.append(adopt)
    UNPACK[code] = unpack


def properties_of(of: Any, names: tuple[str, ...]) -> list[Any]:
    """Read properties in the order of their names; nil for those this PyAV does not have."""
    values = [getattr(of, name, None) for name in names]
    return [
        int(value) if name in _NUMBERS and value is not None else value
        for name, value in zip(names, values, strict=True)
    ]


def set_properties(of: Any, names: tuple[str, ...], values: Any) -> None:
    """Set received properties, as far as both sides know them."""
    for name, value in zip(names, sequence(values), strict=False):
        if name in _NUMBERS and value is not None:
            whole(value, 0, _NUMBERS[name], f"a {name}")
        if getattr(of, name, _ABSENT) not in (_ABSENT, value):
            setattr(of, name, value)


def attach(packet: Any, name: Any, value: bytes) -> None:
    """Give a packet side data."""
    from av.packet import PacketSideData, packet_sidedata_type_from_literal  # there already

    kind: Any = PacketSideData  # its constructor is not in its stub
    side_data = kind(packet_sidedata_type_from_literal(name), len(value))
    side_data.update(value)
    packet.set_sidedata(side_data)
