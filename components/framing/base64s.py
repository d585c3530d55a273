"""Base64 (RFC 4648), piece by piece: bytes as text that goes anywhere, in one line or in many.

Laws
1. What is kept is at most one unfinished line when encoding, and three characters when decoding.
2. Blanks and line feeds between the characters mean nothing; anything else that is not Base64 does not
   pass.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar, Literal

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.incremental import BadFrame, CutShort, Incremental
from kamesh.components.refusing import WrongFigure

__all__ = ["Base64Decoder", "Base64Encoder", "DecodeBase64", "EncodeBase64"]

Alphabet = Literal["standard", "url"]
BLANKS = b" \t\r\n"
TO_URL = bytes.maketrans(b"+/", b"-_")
OTHER = re.compile(rb"[^A-Za-z0-9+/]")
FROM_URL = bytes.maketrans(b"-_+/", b"+/  ")  # what is only in the other alphabet becomes a mistake


class Base64Encoder(Incremental[bytes, bytes]):
    r"""Takes bytes, gives them in Base64.

    Example: `Base64Encoder().feed(b"one!") == [b"b25l"]`, and `finish()` gives `b"IQ=="`. Arguments
    as EncodeBase64 has them.
    """

    def __init__(self, width: int | None = None, alphabet: Alphabet = "standard") -> None:
        """Begin; WrongFigure for a width that is no multiple of 4 and for an alphabet there is not."""
        if width is not None and (not isinstance(width, int) or width < 4 or width % 4):
            raise WrongFigure(
                f"lines of Base64 have 4, 8, 12 ... characters (mostly 76), not {width!r}"
            )
        self._url = _is_url(alphabet)
        self._width = width
        self._unit = width // 4 * 3 if width else 3  # bytes that can be encoded by themselves
        self._kept = bytearray()

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give what can be encoded by now."""
        self._kept += given
        whole = len(self._kept) // self._unit * self._unit
        if whole:
            data = bytes(memoryview(self._kept)[:whole])
            del self._kept[:whole]
            yield self._encoded(data)

    def rest(self) -> Iterator[bytes]:
        """Give what is left, filled up with `=` (in the alphabet for URLs it is not)."""
        if self._kept:
            encoded = self._encoded(bytes(self._kept))
            self._kept.clear()
            yield encoded.replace(b"=", b"") if self._url else encoded

    def _encoded(self, data: bytes) -> bytes:
        text = binascii.b2a_base64(data, newline=False)
        if self._url:
            text = text.translate(TO_URL)
        if self._width is None:
            return text
        lines = [text[at : at + self._width] for at in range(0, len(text), self._width)]
        return b"\n".join(lines) + b"\n"


class Base64Decoder(Incremental[bytes, bytes]):
    r"""Takes Base64, gives the bytes.

    Example: `Base64Decoder().feed(b"b25l\nIQ") == [b"one"]`.
    """

    def __init__(self, alphabet: Alphabet = "standard") -> None:
        """Begin; WrongFigure for an alphabet there is not."""
        self._url = _is_url(alphabet)
        self._kept = b""
        self._before = 0  # characters decoded so far
        self._over = False  # the sign of the end, `=`, has come

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give what can be decoded by now."""
        text = self._kept + given.translate(None, BLANKS)
        whole = len(text) // 4 * 4
        self._kept = text[whole:]
        if whole:
            yield from self._decoded(text[:whole])
        if self._over and self._kept:
            raise self._bad("something comes after its end")

    def rest(self) -> Iterator[bytes]:
        """Give what is left; CutShort if that is less than a byte, or not filled up with `=`."""
        text, self._kept = self._kept, b""
        if not text:
            return
        if len(text) == 1 or b"=" in text or not self._url:
            raise CutShort(
                f"the Base64 ended in the middle, after {self._before + len(text)} characters: it "
                f"comes in fours, and {len(text)} were left"
            )
        yield from self._decoded(text + b"=" * (4 - len(text)))

    def _decoded(self, text: bytes) -> Iterator[bytes]:
        if self._over:
            raise self._bad("something comes after its end")
        if self._url:
            text = text.translate(FROM_URL)
        if b"=" not in text:
            with suppress(BadFrame):  # it is looked at more closely then
                yield self._plain(text)
                return
        other = OTHER.search(text)  # the end, or a mistake: those before it are good
        at = other.start() // 4 * 4 if other else len(text)
        data = self._plain(text[:at])
        try:
            data += self._plain(text[at : at + 4])
        except BadFrame:
            if data:
                yield data
            raise
        self._over = True
        yield data
        if len(text) > at + 4:
            raise self._bad("something comes after its end")

    def _plain(self, text: bytes) -> bytes:
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise self._bad(str(error)) from error
        self._before += len(text)
        return data

    def _bad(self, reason: str) -> BadFrame:
        return BadFrame(f"this is not Base64, after {self._before} characters: {reason}")


class EncodeBase64(Joining):
    r"""Writes bytes as Base64: text of 64 harmless characters, a third longer.

    With `width`, in lines of that many characters (76 is usual), each with a line feed. `alphabet` is
    "standard", or "url" with - and _ in the place of + and / and without = at the end. Up to two bytes
    (with `width`, up to a line) wait for those after them.

    Example:
        >>> run(EncodeBase64(), [b"on", b"e!"])["outbox"]
        [b'b25l', b'IQ==']

    Boxes: "inbox" bytes; "outbox" bytes; "control".

    How it ends: when its inbox has ended, after the last characters; told Shutdown, at once.
    """

    outboxes: ClassVar = {**Joining.outboxes, "outbox": "Base64, as bytes"}

    def __init__(
        self,
        width: int | None = None,
        alphabet: Alphabet = "standard",
        *,
        name: str | None = None,
    ) -> None:
        """Begin; WrongFigure for a width that is no multiple of 4 and for an alphabet there is not."""
        super().__init__(Base64Encoder(width, alphabet), name=name)


class DecodeBase64(Splitting):
    r"""Reads Base64: gives the bytes again. Line feeds and blanks in it mean nothing.

    `alphabet` is "standard", or "url" with - and _ in the place of + and /, where the = at the end may
    be left out. `source` is what a mistake is said of.

    Example:
        >>> run(DecodeBase64(), [b"b2", b"5l\nIQ=="])["outbox"]
        [b'one!']

    Boxes: "inbox" bytes, cut anywhere; "outbox" bytes; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for what is not
    Base64, for anything after its end, and where the stream ends too soon.
    """

    def __init__(
        self, alphabet: Alphabet = "standard", *, source: str = "", name: str | None = None
    ) -> None:
        """Begin; WrongFigure for an alphabet there is not."""
        super().__init__(Base64Decoder(alphabet), source=source, name=name)


def _is_url(alphabet: object) -> bool:
    if alphabet not in ("standard", "url"):
        raise WrongFigure(f"an alphabet of Base64 is 'standard' or 'url', not {alphabet!r}")
    return alphabet == "url"
