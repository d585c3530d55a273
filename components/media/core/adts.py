"""ADTS: the head that each piece of AAC bears in a transport stream, and what it says; no I/O.

Laws: to and fro gives what was there; what is not a head is never taken for one by its first byte
alone. Source: ISO/IEC 13818-7 6.2 (the head), 14496-3 1.6.2.1 (AudioSpecificConfig).
"""

from __future__ import annotations

__all__ = ["ADTS_HEAD", "adts_config", "adts_header"]

ADTS_HEAD = 7  # bytes, or 9 with a checksum
RATES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
LOW_COMPLEXITY = 2


def adts_header(config: bytes, sample_rate: int, channels: int, size: int) -> bytes:
    """Give the seven bytes that go before `size` bytes of raw AAC.

    `config` is the AudioSpecificConfig; where it is empty the sample rate in hertz and the number
    of channels say the same for plain AAC (LC). ValueError for what ADTS cannot say.
    """
    if len(config) >= 2:
        word = int.from_bytes(config[:2], "big")
        kind, rate, layout = word >> 11, word >> 7 & 15, word >> 3 & 15
    else:
        kind, layout = LOW_COMPLEXITY, channels
        rate = RATES.index(sample_rate) if sample_rate in RATES else len(RATES)
    if not 1 <= kind <= 4 or rate >= len(RATES) or not 1 <= layout <= 7:
        raise ValueError(
            f"AAC of {sample_rate} Hz and {channels} channels has no ADTS header; "
            "use a usual sample rate and at most 7 channels"
        )
    total = size + ADTS_HEAD
    return bytes((
        0xFF, 0xF1, (kind - 1) << 6 | rate << 2 | layout >> 2,
        (layout & 3) << 6 | total >> 11, total >> 3 & 0xFF, (total & 7) << 5 | 0x1F, 0xFC,
    ))  # fmt: skip


def adts_config(data: bytes) -> bytes:
    """Give the AudioSpecificConfig that the head of `data` amounts to; empty without a head."""
    if len(data) < ADTS_HEAD or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return b""
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    kind, rate, layout = (data[2] >> 6) + 1, data[2] >> 2 & 15, (data[2] & 1) << 2 | data[3] >> 6
    if length != len(data) or rate >= len(RATES):
        return b""
    return (kind << 11 | rate << 7 | layout << 3).to_bytes(2, "big")
