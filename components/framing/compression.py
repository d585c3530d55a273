"""Compression as components: each has a thread, as it takes its time over a message.

Law: they do what `compressing.py` says; here is nothing but boxes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from kamesh.components.framing.compressing import Compressor, Decompressor, Method
from kamesh.components.framing.converting import ThreadedConverting

__all__ = ["Compress", "Decompress"]


class Compress(ThreadedConverting):
    """Compresses a stream of bytes, in a thread of its own.

    `method` is "gzip" (the default), "zlib", "bz2", "xz" or "zstd" (the extra `zstd`). `level` is how
    hard it tries: 0 to 9 for gzip and zlib (default 6) and xz (6), 1 to 9 for bz2 (9), 1 to 22 for
    zstd (3). With `live=True` each message can be decompressed as soon as it has come, which costs
    some bytes for each; bz2 and xz cannot do that.

    Example:
        >>> import gzip
        >>> copy = DataSink()
        >>> Pipeline(DataSource([b"one ", b"two"]), Compress("gzip"), copy).run()
        >>> gzip.decompress(b"".join(copy.messages))
        b'one two'

    Boxes: "inbox" bytes; "outbox" bytes, fewer; "control".

    How it ends: when its inbox has ended, after the end of the compressed stream; told Shutdown, at
    once, with the compressed stream cut off.
    """

    outboxes: ClassVar = {**ThreadedConverting.outboxes, "outbox": "bytes, compressed"}

    def __init__(
        self,
        method: Method = "gzip",
        level: int | None = None,
        *,
        live: bool = False,
        name: str | None = None,
    ) -> None:
        """Begin; WrongFigure for a method or a level there is not, or one that cannot be live."""
        super().__init__(Compressor(method, level, live=live), name=name)


class Decompress(ThreadedConverting):
    """Decompresses a stream of bytes, in a thread of its own.

    `method` is "auto" (the default: what it begins like), "gzip", "zlib", "bz2", "xz" or "zstd" (the
    extra `zstd`). Several compressed streams one behind the other give all they stand for. However
    much that is, it is decompressed only as it is read; with `most_bytes`, more than that
    many in all are refused. `source` is what a mistake is said of.

    Example:
        >>> import gzip
        >>> data = gzip.compress(b"one ") + gzip.compress(b"two")
        >>> copy = DataSink()
        >>> Pipeline(DataSource([data[:9], data[9:]]), Decompress(), copy).run()
        >>> b"".join(copy.messages)
        b'one two'

    Boxes: "inbox" bytes, cut anywhere; "outbox" bytes, in pieces of at most 64 KiB; "control".

    How it ends: with its inbox; told Shutdown, at once. It fails, with a sentence, for what is not
    compressed or is damaged, for more than `most_bytes`, for what would take more than 128 MiB of memory,
    and where the stream ends too soon.
    """

    outboxes: ClassVar = {**ThreadedConverting.outboxes, "outbox": "bytes, as they were"}

    def __init__(
        self,
        method: Method | Literal["auto"] = "auto",
        most_bytes: int | None = None,
        *,
        source: str = "",
        name: str | None = None,
    ) -> None:
        """Begin; WrongFigure for a method or a number of bytes that there is not."""
        super().__init__(Decompressor(method, most_bytes), source=source, name=name)
