"""Start codes: the parameter sets of H.264 and HEVC as MP4 and Matroska keep them, made a byte stream.

Laws: pure; what is in the Annex B form already is given back as it is; what is damaged gives what
could be read, never an exception. ISO/IEC 14496-15, 5.3.3.1 (avcC) and 8.3.3.1 (hvcC).
"""

from __future__ import annotations

__all__ = ["START_CODE", "byte_stream_head", "has_lengths", "parameter_sets"]

START_CODE = b"\x00\x00\x00\x01"


def has_lengths(codec: str, extradata: bytes) -> bool:
    """Say whether the packets of a stream bear lengths instead of start codes."""
    return codec in ("h264", "hevc") and extradata[:1] == b"\x01"


def byte_stream_head(codec: str, extradata: bytes) -> bytes:
    """Give the parameter sets of a stream, each behind a start code.

    Example: `byte_stream_head("h264", avcc)` begins with 00 00 00 01 67, the head of an SPS.
    """
    if not has_lengths(codec, extradata):
        return extradata
    units = _avcc(extradata) if codec == "h264" else _hvcc(extradata)
    return b"".join(START_CODE + unit for unit in units)


def parameter_sets(codec: str, data: bytes) -> bytes:
    """Give the parameter sets that a picture brings along, each behind a start code; empty for none.

    Without all of them a decoder could not begin, so it is all or nothing.
    """
    wanted = {7, 8} if codec == "h264" else {32, 33, 34}
    found: dict[int, bytes] = {}
    for unit in data.replace(START_CODE, START_CODE[1:]).split(START_CODE[1:])[1:]:
        kind = (unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F) if unit else 0
        if kind in wanted:
            found[kind] = START_CODE + unit.rstrip(b"\x00")
    return b"".join(found[kind] for kind in sorted(found)) if set(found) == wanted else b""


def _avcc(data: bytes) -> list[bytes]:
    units: list[bytes] = []
    at = 5
    for mask in (0x1F, 0xFF):  # sequence parameter sets, then picture parameter sets
        if at >= len(data):
            break
        count, at = data[at] & mask, at + 1
        at = _take(data, at, count, units)
    return units


def _hvcc(data: bytes) -> list[bytes]:
    units: list[bytes] = []
    at = 23
    for _ in range(data[22] if len(data) > 22 else 0):
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        at = _take(data, at + 3, count, units)
    return units


def _take(data: bytes, at: int, count: int, units: list[bytes]) -> int:
    for _ in range(count):
        size = int.from_bytes(data[at : at + 2], "big")
        unit = data[at + 2 : at + 2 + size]
        if len(unit) < size or not unit:
            break
        units.append(unit)
        at += 2 + size
    return at
