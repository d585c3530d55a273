"""Encryption of a stream that is read while it comes: no piece is given before it is proven genuine.

The construction is STREAM of V. T. Hoang, R. Reyhanitabar, P. Rogaway and D. Vizar, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (CRYPTO 2015): the stream is cut into
chunks, each sealed by an AEAD under a nonce that counts the chunks and marks the last, so that none
can be changed, left out, repeated, reordered or cut off at the end unseen. The key of each stream is
made of the user's and a random salt by HKDF-SHA256 (RFC 5869), so that no nonce comes twice; another
half of what HKDF makes stands in the head and tells a wrong key from a damaged stream.

    head    8 bytes "kamesh-e", 1 byte the cipher, 1 byte 0 or the cost of scrypt (RFC 7914),
            32 bytes salt, 32 bytes by which the key is known
    chunk   4 bytes: the length of the plain text, with the highest bit set in the last chunk;
            that many bytes and 16 of the seal

Laws: ONLY APPEND ciphers; a key or a passphrase is in no repr and no mistake; nothing after the
last chunk is read, and its absence is a mistake.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kamesh.components.framing.incremental import BadFrame, CutShort, FramingError, Incremental
from kamesh.components.refusing import WrongFigure, text

__all__ = ["Cipher", "Decryptor", "Encryptor", "WrongKey"]

Cipher = Literal["chacha20-poly1305", "aes-256-gcm"]
MAGIC = b"kamesh-e"
CIPHERS: dict[str, int] = {"chacha20-poly1305": 1, "aes-256-gcm": 2}
AEADS: dict[int, type[ChaCha20Poly1305 | AESGCM]] = {1: ChaCha20Poly1305, 2: AESGCM}
KEY = SALT = PROOF = 32  # bytes
HEAD = len(MAGIC) + 2 + SALT + PROOF
SEAL = 16
CHUNK = 65536  # bytes of plain text in a chunk, at most
LAST = 1 << 31
COST = 17  # scrypt's N is 2 to this: 128 MiB and some tenths of a second (OWASP 2023)
COSTS = range(10, 21)  # a receiver is made to spend no more than 1 GiB


class WrongKey(FramingError):
    """A stream was encrypted with another key or passphrase."""


class _Secret:
    """A key, or a passphrase to make one of; shows neither."""

    def __init__(self, key: bytes | None, passphrase: str | None) -> None:
        if (key is None) == (passphrase is None):
            raise WrongFigure("encryption takes a key of 32 bytes or a passphrase, one of the two")
        if key is not None and (not isinstance(key, bytes) or len(key) != KEY):
            raise WrongFigure(
                "a key is 32 bytes, such as secrets.token_bytes(32) gives; for words, write "
                "passphrase=..."
            )
        if passphrase is not None and not isinstance(passphrase, str):
            raise WrongFigure(
                "a passphrase is text, and was given as something else; on a command line, digits "
                "stand in quotes"
            )
        if passphrase is not None and not passphrase:
            raise WrongFigure("a passphrase of no characters protects nothing")
        self._key = None if key is None else bytes(key)
        self._words: bytes | None = None
        if passphrase is not None:
            try:
                self._words = unicodedata.normalize("NFC", passphrase).encode()
            except UnicodeEncodeError:
                raise WrongFigure(
                    "a passphrase is text, and this one has no form in UTF-8"
                ) from None

    @property
    def is_passphrase(self) -> bool:
        return self._words is not None

    def derive(self, salt: bytes, cost: int, info: bytes) -> tuple[bytes, bytes]:
        """Give a stream's key, and the bytes by which it is known."""
        if self._words is not None:
            material = Scrypt(salt=salt, length=KEY, n=1 << cost, r=8, p=1).derive(self._words)
        else:
            assert self._key is not None
            material = self._key
        made = HKDF(SHA256(), KEY + PROOF, salt, info).derive(material)
        return made[:KEY], made[KEY:]


class Encryptor(Incremental[bytes, bytes]):
    """Takes bytes, gives them encrypted. Arguments as Encrypt has them."""

    def __init__(
        self,
        key: bytes | None = None,
        *,
        passphrase: str | None = None,
        cipher: Cipher = "chacha20-poly1305",
        cost: int = COST,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Take the key; WrongFigure if it is not one, or for a cipher or a cost there is not."""
        self._secret = _Secret(key, passphrase)
        text(cipher, "the name of a cipher")
        if cipher not in CIPHERS:
            raise WrongFigure(f"there is no cipher {cipher!r}: it is {' or '.join(CIPHERS)}")
        if cost not in COSTS or not isinstance(cost, int):
            raise WrongFigure(f"a cost is {COSTS[0]} to {COSTS[-1]}, and not {cost}")
        self._cipher = CIPHERS[cipher]
        self._cost = cost if self._secret.is_passphrase else 0
        self._random = random
        self._aead: ChaCha20Poly1305 | AESGCM | None = None
        self._chunk = 0

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Give `given` in chunks that can be read at once; the first time behind the head."""
        yield from self._begin()
        view = memoryview(given)
        for at in range(0, max(len(view), 1), CHUNK):
            yield self._sealed(view[at : at + CHUNK], 0)

    def rest(self) -> Iterator[bytes]:
        """Give the last chunk."""
        yield from self._begin()
        yield self._sealed(memoryview(b""), LAST)

    def _begin(self) -> Iterator[bytes]:
        if self._aead is None:
            salt = self._random(SALT)
            info = MAGIC + bytes([self._cipher, self._cost])
            key, proof = self._secret.derive(salt, self._cost, info)
            self._aead = AEADS[self._cipher](key)
            yield info + salt + proof

    def _sealed(self, plain: memoryview, last: int) -> bytes:
        assert self._aead is not None
        head = (len(plain) | last).to_bytes(4, "big")
        nonce = _nonce(self._chunk, last)
        self._chunk += 1
        return head + self._aead.encrypt(nonce, plain, head)


class Decryptor(Incremental[bytes, bytes]):
    """Takes encrypted bytes, gives the plain ones. Arguments as Decrypt has them."""

    def __init__(self, key: bytes | None = None, *, passphrase: str | None = None) -> None:
        """Take the key; WrongFigure if it is not one."""
        self._secret = _Secret(key, passphrase)
        self._kept = bytearray()
        self._aead: ChaCha20Poly1305 | AESGCM | None = None
        self._chunk = 0
        self._over = False

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give the chunks that are complete now, each after it is proven genuine."""
        self._kept += given
        if self._aead is None and not self._read_head():
            return
        while not self._over and len(self._kept) >= 4:
            head = bytes(self._kept[:4])
            number = int.from_bytes(head, "big")
            length, last = number & ~LAST, number & LAST
            if length > CHUNK:
                raise self._damaged()
            end = 4 + length + SEAL
            if len(self._kept) < end:
                return
            plain = self._opened(bytes(memoryview(self._kept)[4:end]), last, head)
            del self._kept[:end]
            self._chunk += 1
            self._over = bool(last)
            if plain or not last:
                yield plain
        if self._over and self._kept:
            raise BadFrame("something comes after the end of the encrypted stream")

    def rest(self) -> Iterator[bytes]:
        """Raise CutShort unless the last chunk has come."""
        if not self._over:  # an empty stream has one too: who cuts all off is seen as well
            raise CutShort(
                f"the encrypted stream was cut off after chunk {self._chunk}: {len(self._kept)} "
                f"bytes were left, and its last chunk never came"
            )
        yield from ()

    def _read_head(self) -> bool:
        kept = self._kept
        if not MAGIC.startswith(kept[: len(MAGIC)]):
            raise BadFrame("this is no stream that Encrypt has made: it begins with something else")
        if len(kept) < HEAD:
            return False
        cipher, cost = kept[len(MAGIC) : len(MAGIC) + 2]
        if cipher not in AEADS or (cost and cost not in COSTS):
            raise BadFrame(
                "this encrypted stream has a head that is not known here: it is damaged, or of a "
                "later kamesh"
            )
        if bool(cost) != self._secret.is_passphrase:
            has, given = ("passphrase", "key") if cost else ("key", "passphrase")
            raise WrongKey(f"this stream was encrypted with a {has}, and not with a {given}")
        salt, proof = kept[len(MAGIC) + 2 : HEAD - PROOF], kept[HEAD - PROOF : HEAD]
        key, known = self._secret.derive(bytes(salt), cost, bytes(kept[: len(MAGIC) + 2]))
        if not hmac.compare_digest(known, bytes(proof)):
            what = "passphrase" if cost else "key"
            raise WrongKey(
                f"this stream was encrypted with another {what}, or its head was changed"
            )
        self._aead = AEADS[cipher](key)
        del kept[:HEAD]
        return True

    def _opened(self, sealed: bytes, last: int, head: bytes) -> bytes:
        assert self._aead is not None
        try:
            return self._aead.decrypt(_nonce(self._chunk, last), sealed, head)
        except InvalidTag:
            raise self._damaged() from None

    def _damaged(self) -> BadFrame:
        return BadFrame(
            f"chunk {self._chunk + 1} of the encrypted stream is not what was sent: it was changed on "
            f"its way, or one before it is missing"
        )


def _nonce(chunk: int, last: int) -> bytes:
    return chunk.to_bytes(11, "big") + (b"\1" if last else b"\0")
