"""Compressing and decompressing, piece by piece: gzip, zlib, bz2, xz and zstd behind one face.

Laws
1. Nothing is decompressed before it is asked for, and never more than a few MiB at a time: a small
   message that stands for gigabytes fills no memory.
2. Compressed streams one behind the other are one stream, as the tools have it.
3. A stream that ends before its own end, or goes on with something else, is said.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kamesh.components.extras import needing
from kamesh.components.framing.incremental import BadFrame, CutShort, FrameTooLong, Incremental
from kamesh.components.refusing import WrongFigure, whole
from kamesh.linking import did_you_mean

__all__ = ["METHODS", "Compressor", "Decompressor", "Method"]

Method = Literal["gzip", "zlib", "bz2", "xz", "zstd"]
PIECE = 65536  # bytes a piece of what is decompressed has at most
TAKEN = 16384  # bytes looked at in one go: whatever is left of them may be copied again and again
SLICE = 128  # bytes of zstd looked at in one go: four of them may stand for 128 KiB
MEMORY = 128 << 20  # bytes that the state of a decompression may take: what every preset needs


class _Compress(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Kind:
    """One method: how it begins, its levels, how to compress, and how to flush for a live stream."""

    magic: bytes
    levels: range
    level: int
    compress: Callable[[int], Any]
    decompress: Callable[[], _Member]
    live: int | None = None
    padded: bool = False  # zeros may stand between two streams


class _Member(Protocol):
    """One compressed stream that is being decompressed."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Give what `data` stands for."""

    @property
    def unused(self) -> bytes | None:
        """Give what came after its end; None before that."""


class _Zlib:
    """A stream of zlib or gzip."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        piece = b""
        while not self._inner.eof and (data or len(piece) == PIECE):
            piece = self._inner.decompress(data, PIECE)
            data = self._inner.unconsumed_tail
            yield piece

    @property
    def unused(self) -> bytes | None:
        return self._inner.unused_data if self._inner.eof else None


class _Limited:
    """A stream of bz2 or xz."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield self._inner.decompress(data, PIECE)
        while not (self._inner.eof or self._inner.needs_input):
            yield self._inner.decompress(b"", PIECE)

    @property
    def unused(self) -> bytes | None:
        return self._inner.unused_data if self._inner.eof else None


class _Zstd:
    """A stream of zstd, which gives all that a slice stands for at once."""

    def __init__(self) -> None:
        zstandard = _zstandard()
        self._inner = zstandard.ZstdDecompressor(max_window_size=MEMORY).decompressobj()
        self._after = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), SLICE):
            made = self._inner.decompress(data[at : at + SLICE])
            for begin in range(0, len(made), PIECE):
                yield made[begin : begin + PIECE]
            if self._inner.eof:
                self._after = data[at + SLICE :]
                return

    @property
    def unused(self) -> bytes | None:
        return self._inner.unused_data + self._after if self._inner.eof else None


def _zstandard() -> Any:
    with needing("zstd"):
        import zstandard  # heavy, and an extra
    return zstandard


METHODS: Mapping[str, _Kind] = {
    "gzip": _Kind(
        b"\x1f\x8b", range(10), 6, lambda level: zlib.compressobj(level, wbits=31),
        lambda: _Zlib(31), zlib.Z_SYNC_FLUSH, padded=True,
    ),
    "zlib": _Kind(
        b"\x78", range(10), 6, zlib.compressobj, lambda: _Zlib(15), zlib.Z_SYNC_FLUSH
    ),
    "bz2": _Kind(
        b"BZh", range(1, 10), 9, bz2.BZ2Compressor, lambda: _Limited(bz2.BZ2Decompressor())
    ),
    "xz": _Kind(
        b"\xfd7zXZ\0", range(10), 6, lambda level: lzma.LZMACompressor(preset=level),
        lambda: _Limited(lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY)), padded=True,
    ),
    "zstd": _Kind(
        b"\x28\xb5\x2f\xfd", range(1, 23), 3,
        lambda level: _zstandard().ZstdCompressor(level).compressobj(), _Zstd, 1,
    ),
}  # fmt: skip


class Compressor(Incremental[bytes, bytes]):
    """Takes bytes, gives them compressed. Arguments as Compress has them."""

    def __init__(
        self, method: Method = "gzip", level: int | None = None, *, live: bool = False
    ) -> None:
        """Begin; WrongFigure for a method or a level there is not, or one that cannot be live."""
        kind = _kind(method, tuple(METHODS))
        if level is not None and not (isinstance(level, int) and level in kind.levels):
            raise WrongFigure(
                f"{method} has the levels {kind.levels[0]} to {kind.levels[-1]}, and not {level}"
            )
        if live and kind.live is None:
            able = ", ".join(name for name, each in METHODS.items() if each.live is not None)
            raise WrongFigure(f"{method} cannot be sent live, message by message: these can: {able}")
        self._inner: _Compress = kind.compress(kind.level if level is None else level)
        self._flush = kind.live if live else None

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give what has come of it by now."""
        made = self._inner.compress(given)
        if self._flush is not None:
            made += self._inner.flush(self._flush)
        if made:
            yield made

    def rest(self) -> Iterator[bytes]:
        """Give the end of the compressed stream."""
        yield self._inner.flush()


class Decompressor(Incremental[bytes, bytes]):
    """Takes compressed bytes, gives what they stand for. Arguments as Decompress has them."""

    def __init__(
        self, method: Method | Literal["auto"] = "auto", most_bytes: int | None = None
    ) -> None:
        """Begin; WrongFigure for a method or a number of bytes that there is not."""
        if most_bytes is not None:
            whole(0, most_bytes, "the number of bytes that are decompressed")
        if method != "auto":
            _kind(method, ("auto", *METHODS))
        if method == "zstd":
            _zstandard()
        self._method: str = method
        self._most = most_bytes
        self._head = b""  # of a stream whose method is not known yet
        self._member: _Member | None = None
        self._members = 0  # that have ended
        self._given = self._made = 0  # bytes in all

    def pieces(self, given: bytes) -> Iterator[bytes]:
        """Take `given`; give what it stands for, as it is asked for."""
        self._given += len(given)
        if self._method == "auto":
            self._head += given
            found = _detected(self._head)
            if found is None:
                return
            self._method, given, self._head = found, self._head, b""
        for at in range(0, len(given), TAKEN):
            yield from self._decompressed(given[at : at + TAKEN], METHODS[self._method])

    def _decompressed(self, given: bytes, kind: _Kind) -> Iterator[bytes]:
        while given:
            if self._member is None:
                given = given.lstrip(b"\0") if self._members and kind.padded else given
                if not given:
                    return
                self._member = kind.decompress()
            yield from self._within_limit(self._said(self._member.pieces(given)))
            if self._member.unused is None:
                return
            given = self._member.unused
            self._members += 1
            self._member = None

    def rest(self) -> Iterator[bytes]:
        """Raise CutShort unless the compressed stream has come to its end."""
        if self._member is not None or self._head:
            kind = "compressed" if self._method == "auto" else self._method
            raise CutShort(
                f"the {kind} stream ended too soon: {self._given} bytes of it came, and not its end"
            )
        yield from ()

    def _within_limit(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._most is not None and self._made + len(piece) > self._most:
                if self._made < self._most:
                    yield piece[: self._most - self._made]
                    self._made = self._most
                raise FrameTooLong(
                    f"what {self._given} bytes stand for is more than the {self._most} bytes that "
                    f"are allowed"
                )
            self._made += len(piece)
            if piece:
                yield piece

    def _said(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except MemoryError:
            raise
        except Exception as error:  # each of the libraries has an error of its own
            if "emory" in str(error):
                raise FrameTooLong(
                    f"it takes more than {MEMORY >> 20} MiB of memory to decompress this {self._method}"
                ) from error
            after = f", after {self._made} bytes of what it stands for" if self._made else ""
            raise BadFrame(
                f"this is not {self._method}, or it was damaged{after}: {error}"
            ) from error


def _kind(method: str, there_are: tuple[str, ...]) -> _Kind:
    if method not in there_are:
        raise WrongFigure(
            f"there is no compression {method!r}{did_you_mean(method, there_are)}: it is "
            f"{', '.join(there_are[:-1])} or {there_are[-1]}"
        )
    return METHODS[method]


def _detected(head: bytes) -> str | None:
    """Say which method's begins like this; None while it could be one of several."""
    for name, kind in METHODS.items():
        if head.startswith(kind.magic):
            return name
    if any(kind.magic.startswith(head) for kind in METHODS.values()):
        return None
    raise BadFrame(
        f"this does not begin like anything compressed that is known here ({', '.join(METHODS)})"
    )
