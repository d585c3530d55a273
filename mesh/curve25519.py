"""Curve25519 public keys, and the text form of keys that ZeroMQ uses.

Laws: pure functions of bytes; used when a node starts, never per connection or message, because
arithmetic on Python integers takes a time that depends on the numbers. Sources: RFC 7748 section 5
(the ladder and the clamping), ZeroMQ RFC 32 (Z85).
"""

from __future__ import annotations

__all__ = ["clamped", "public_key", "z85"]

PRIME = 2**255 - 19
A24 = 121665
BASE_POINT = 9

Z85_ALPHABET = (
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)


def clamped(secret: bytes) -> bytes:
    """Return 32 random bytes as a Curve25519 secret key: cofactor cleared, top bit fixed."""
    if len(secret) != 32:
        raise ValueError(f"a Curve25519 secret is 32 bytes, not {len(secret)}")
    return bytes([secret[0] & 248, *secret[1:31], (secret[31] & 127) | 64])


def public_key(secret: bytes) -> bytes:
    """Return the 32-byte public key that belongs to a 32-byte secret (X25519 of the base point).

    About two milliseconds. The secret need not be clamped already.
    """
    scalar = int.from_bytes(clamped(secret), "little")
    x2, z2, x3, z3 = 1, 0, BASE_POINT, 1
    swapped = 0
    for place in range(254, -1, -1):
        bit = (scalar >> place) & 1
        if bit != swapped:
            x2, x3, z2, z3 = x3, x2, z3, z2
            swapped = bit
        a, b = x2 + z2, x2 - z2
        aa, bb = a * a % PRIME, b * b % PRIME
        da, cb = (x3 - z3) * a % PRIME, (x3 + z3) * b % PRIME
        x3, z3 = (da + cb) ** 2 % PRIME, BASE_POINT * (da - cb) ** 2 % PRIME
        difference = aa - bb
        x2, z2 = aa * bb % PRIME, difference * (aa + A24 * difference) % PRIME
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


def z85(data: bytes) -> bytes:
    """Return bytes as Z85 text: five characters for every four bytes."""
    if len(data) % 4:
        raise ValueError(f"Z85 needs a multiple of four bytes, not {len(data)}")
    text = bytearray()
    for start in range(0, len(data), 4):
        value = int.from_bytes(data[start : start + 4], "big")
        text += bytes(Z85_ALPHABET[value // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return bytes(text)
