"""Journals: written, recorded, read and replayed, against the same MessagePack in a file by plain Python.

The peer packs each message with a packer that it keeps and writes it to a buffered file, without time,
checksum or bound; what reads it is MessagePack's own streaming unpacker. Large buffers it writes as
they are. Nothing is synced, so the page cache takes all.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgpack
from support.figures import Bench, Contender, main
from support.parts import Sink, Source
from support.processes import alone

from kamesh import Pipeline
from kamesh.components.journal import (
    DiskBuffer,
    Info,
    JournalWriter,
    Recorder,
    Replayer,
    open_journal,
)

MIB = 1024 * 1024
INFO = Info(0.0, ("bench",))
SMALL, LARGE = 200_000, 300  # messages a round


def small(number: int) -> dict[str, object]:
    """Make a message of some 40 bytes."""
    return {"n": number, "sensor": "north", "celsius": 21.5}


def timed(work: Callable[[Path], object]) -> float:
    """Give the seconds that `work` takes with a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        work(Path(folder) / "x")
        return time.perf_counter() - began


def plain(count: int) -> float:
    """Pack and write each message; give messages a second."""

    def work(path: Path) -> None:
        packer = msgpack.Packer()
        with path.open("wb") as file:
            for number in range(count):
                file.write(packer.pack(small(number)))

    return count / timed(work)


def writer(count: int, together: int) -> float:
    """Write them with a JournalWriter, so many in a record; give messages a second."""

    def work(path: Path) -> None:
        with JournalWriter(path, INFO) as journal:
            for first in range(0, count, together):
                journal.write(first, [small(number) for number in range(first, first + together)])

    return count / timed(work)


def recorder(count: int) -> float:
    """Send them from one component to a Recorder; give messages a second."""
    return count / timed(lambda path: Pipeline(Source(count, small), Recorder(path)).run())


def bare(count: int) -> float:
    """Send them from one component to another that throws them away; give messages a second."""
    return count / timed(lambda path: Pipeline(Source(count, small), Sink()).run())


def buffered(count: int) -> float:
    """Send them through a DiskBuffer that keeps all on disk first; give messages a second."""
    parts = Source(count, small), Sink()
    return count / timed(
        lambda path: Pipeline(parts[0], DiskBuffer(path, keep=True), parts[1]).run()
    )


def plain_read(count: int) -> float:
    """Read what plain Python wrote; give messages a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(b"".join(msgpack.packb(small(number)) for number in range(count)))
        began = time.perf_counter()
        with path.open("rb") as file:
            taken = sum(1 for _ in msgpack.Unpacker(file))
        return taken / (time.perf_counter() - began)


def reading(count: int, replayed: bool) -> float:
    """Read a journal, by itself or with a Replayer into a component; give messages a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        with JournalWriter(path, INFO) as out:
            for first in range(0, count, 64):
                out.write(first, [small(number) for number in range(first, min(count, first + 64))])
        began = time.perf_counter()
        if replayed:
            sink = Sink()
            Pipeline(Replayer(path, speed=0), sink).run()
            taken = sink.taken
        else:
            with open_journal(path) as journal:
                taken = sum(len(record.messages()) for record in journal)
        if taken != count:
            raise RuntimeError(f"{taken} of {count} messages came back")
        return count / (time.perf_counter() - began)


def plain_large(count: int) -> float:
    """Write buffers of 1 MiB as they are; give MiB a second."""
    buffer = bytes(MIB)

    def work(path: Path) -> None:
        with path.open("wb", buffering=0) as file:
            for _ in range(count):
                file.write(buffer)

    return count / timed(work)


def packed_large(count: int) -> float:
    """Pack buffers of 1 MiB and write them; give MiB a second."""
    buffer, packer = bytes(MIB), msgpack.Packer()

    def work(path: Path) -> None:
        with path.open("wb", buffering=0) as file:
            for _ in range(count):
                file.write(packer.pack(buffer))

    return count / timed(work)


def writer_large(count: int) -> float:
    """Write buffers of 1 MiB with a JournalWriter; give MiB a second."""
    buffer = bytes(MIB)

    def work(path: Path) -> None:
        with JournalWriter(path, INFO) as journal:
            for number in range(count):
                journal.write(number, [buffer])

    return count / timed(work)


def recorder_large(count: int) -> float:
    """Record buffers of 1 MiB; give MiB a second."""
    buffer = bytes(MIB)
    return count / timed(
        lambda path: Pipeline(Source(count, lambda _: buffer), Recorder(path)).run()
    )


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("journal", rounds=2 if quick else 4)
    count = SMALL // 4 if quick else SMALL
    contenders: dict[str, Contender] = {
        "plain Python": partial(alone, plain, count),
        "JournalWriter, each": partial(alone, writer, count, 1),
        "JournalWriter, 64 together": partial(alone, writer, count // 64 * 64, 64),
        "Recorder": partial(alone, recorder, count),
        "no recorder": partial(alone, bare, count),
        "DiskBuffer, keep": partial(alone, buffered, count // 4),
    }
    bench.compare(contenders, "messages/s")
    for name in contenders:
        if name != "plain Python":
            bench.ratio(f"{name}, to plain Python", name, "plain Python")
    reads: dict[str, Contender] = {
        "plain Python, read": partial(alone, plain_read, count),
        "JournalReader": partial(alone, reading, count, False),
        "Replayer": partial(alone, reading, count, True),
    }
    bench.compare(reads, "messages/s")
    for name in ("JournalReader", "Replayer"):
        bench.ratio(f"{name}, to plain Python", name, "plain Python, read")
    count = LARGE // 3 if quick else LARGE
    large: dict[str, Contender] = {
        "plain Python, 1 MiB": partial(alone, plain_large, count),
        "plain Python, 1 MiB packed": partial(alone, packed_large, count),
        "JournalWriter, 1 MiB": partial(alone, writer_large, count),
        "Recorder, 1 MiB": partial(alone, recorder_large, count),
    }
    bench.compare(large, "MiB/s")
    for name in ("JournalWriter, 1 MiB", "Recorder, 1 MiB"):
        bench.ratio(f"{name}, to plain Python", name, "plain Python, 1 MiB")
        bench.ratio(f"{name}, to packed", name, "plain Python, 1 MiB packed")
    bench.notes.append("a journal's record has its time and a CRC-32 of all its bytes; plain has none")
    return bench


if __name__ == "__main__":
    main(measure)
