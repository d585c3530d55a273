"""Framing and files: frames out of bytes, encryption, compression and copies, against the same by hand.

The peers: an asyncio.StreamReader for lines and for frames behind their length, msgpack's own streaming
Unpacker, the AEAD and zlib called in a loop, and shutil.copyfileobj. What ours do beyond that: they run
beside other components, with back-pressure, and refuse what is too long.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgpack
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from support.figures import Bench, Contender, main
from support.parts import Sink, Source
from support.processes import alone

from kamesh import Component, Pipeline
from kamesh.components.files import FileReader, FileWriter
from kamesh.components.framing import (
    Compress,
    Encrypt,
    SplitLines,
    SplitMessagePack,
    SplitPrefixed,
)

CHUNK = 65536
FRAME = b"x" * 50
KEY = bytes(range(32))


def chunks(stream: bytes) -> list[bytes]:
    """Cut a stream as a reader of files does."""
    return [stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK)]


def split(make: Callable[[], Component], frame: bytes, count: int) -> float:
    """Take frames out of chunks with a component; give frames a second."""
    given, sink = chunks(frame * count), Sink()
    began = time.perf_counter()
    Pipeline(Source(len(given), given.__getitem__), make(), sink).run()
    if sink.taken != count:
        raise RuntimeError(f"{sink.taken} of {count} frames came out")
    return count / (time.perf_counter() - began)


async def _stream(given: list[bytes], count: int, prefixed: bool) -> float:
    reader = asyncio.StreamReader()
    began = time.perf_counter()
    taken = 0
    feeding = iter(given)
    for chunk in feeding:
        reader.feed_data(chunk)
        whole = len(reader._buffer) // (len(FRAME) + (4 if prefixed else 1))  # type: ignore[attr-defined]
        for _ in range(whole):
            if prefixed:
                await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
            else:
                (await reader.readline()).decode()
        taken += whole
    if taken != count:
        raise RuntimeError(f"{taken} of {count} frames came out")
    return count / (time.perf_counter() - began)


def streamed(prefixed: bool, count: int) -> float:
    """Read frames from an asyncio.StreamReader; give frames a second."""
    frame = len(FRAME).to_bytes(4, "big") + FRAME if prefixed else FRAME + b"\n"
    return asyncio.run(_stream(chunks(frame * count), count, prefixed))


def unpacked(count: int) -> float:
    """Read values with msgpack's own Unpacker; give values a second."""
    given = chunks(msgpack.packb(FRAME) * count)
    began = time.perf_counter()
    unpacker, taken = msgpack.Unpacker(), 0
    for chunk in given:
        unpacker.feed(chunk)
        taken += sum(1 for _ in unpacker)
    return taken / (time.perf_counter() - began)


def through(make: Callable[[], Component], count: int) -> float:
    """Send chunks through a component; give MB a second."""
    given = os.urandom(CHUNK)
    began = time.perf_counter()
    Pipeline(Source(count, lambda _: given), make(), Sink()).run()
    return count * CHUNK / 1e6 / (time.perf_counter() - began)


def by_hand(kind: str, count: int) -> float:
    """Encrypt or compress chunks in a loop; give MB a second."""
    given = os.urandom(CHUNK)
    aead, deflate = ChaCha20Poly1305(KEY), zlib.compressobj(6, wbits=31)
    began = time.perf_counter()
    for number in range(count):
        if kind == "encrypt":
            aead.encrypt(number.to_bytes(12, "big"), given, b"")
        else:
            deflate.compress(given)
    return count * CHUNK / 1e6 / (time.perf_counter() - began)


def copied(ours: bool, count: int) -> float:
    """Copy a file; give MB a second."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one", Path(folder) / "two"
        one.write_bytes(os.urandom(CHUNK) * count)
        began = time.perf_counter()
        if ours:
            Pipeline(FileReader(one), FileWriter(two)).run()
        else:
            with one.open("rb") as file, two.open("wb") as out:
                shutil.copyfileobj(file, out, io.DEFAULT_BUFFER_SIZE * 8)
        return count * CHUNK / 1e6 / (time.perf_counter() - began)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("framing", rounds=2 if quick else 5)
    count = 100_000 if quick else 400_000
    prefixed = len(FRAME).to_bytes(4, "big") + FRAME
    frames: dict[str, Contender] = {
        "SplitLines": partial(alone, split, SplitLines, FRAME + b"\n", count),
        "StreamReader, lines": partial(alone, streamed, False, count),
        "SplitPrefixed": partial(alone, split, SplitPrefixed, prefixed, count),
        "StreamReader, prefixes": partial(alone, streamed, True, count),
        "SplitMessagePack": partial(alone, split, SplitMessagePack, msgpack.packb(FRAME), count),
        "msgpack.Unpacker": partial(alone, unpacked, count),
    }
    bench.compare(frames, "frames/s")
    bench.ratio("lines to StreamReader", "SplitLines", "StreamReader, lines")
    bench.ratio("prefixes to StreamReader", "SplitPrefixed", "StreamReader, prefixes")
    bench.ratio("MessagePack to msgpack itself", "SplitMessagePack", "msgpack.Unpacker")
    count = 400 if quick else 1600
    streams: dict[str, Contender] = {
        "Encrypt": partial(alone, through, partial(Encrypt, KEY), count),
        "ChaCha20-Poly1305 by hand": partial(alone, by_hand, "encrypt", count),
        "Compress": partial(alone, through, Compress, count // 8),
        "gzip by hand": partial(alone, by_hand, "gzip", count // 8),
        "FileReader, FileWriter": partial(alone, copied, True, count),
        "shutil": partial(alone, copied, False, count),
    }
    bench.compare(streams, "MB/s")
    bench.ratio("Encrypt to the cipher by hand", "Encrypt", "ChaCha20-Poly1305 by hand")
    bench.ratio("Compress to gzip by hand", "Compress", "gzip by hand")
    bench.ratio("a copy to shutil's", "FileReader, FileWriter", "shutil")
    return bench


if __name__ == "__main__":
    main(measure)
