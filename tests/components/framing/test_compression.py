"""Compression: what the tools make is read, what is made the tools read, and no bomb fills memory."""

import bz2
import gzip
import importlib.util
import lzma
import os
import shutil
import subprocess
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import ComponentFailed, Pipeline
from kamesh.components.framing import (
    BadFrame,
    Compress,
    Compressor,
    CutShort,
    Decompress,
    Decompressor,
    FrameTooLong,
    compressing,
)
from kamesh.components.sources import DataSink, DataSource

ZSTD = importlib.util.find_spec("zstandard") is not None
METHODS = ["gzip", "zlib", "bz2", "xz"] + ["zstd"] * ZSTD
TOOLS = {"gzip": "gzip", "bz2": "bzip2", "xz": "xz", "zstd": "zstd"}


def all_of(core, pieces):
    """Feed pieces; give all that comes, as one."""
    return b"".join([part for piece in pieces for part in core.feed(piece)] + core.finish())


def cut(data, step):
    """Cut into pieces."""
    return [data[at : at + step] for at in range(0, len(data), step)]


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20, deadline=None)
@given(pieces=st.lists(st.binary(max_size=300), max_size=5), step=st.integers(1, 50))
def test_there_and_back(method, pieces, step):
    """What was compressed is decompressed to the same, for any cuts, known or found out."""
    packed = all_of(Compressor(method), pieces)
    for asked in (method, "auto"):
        assert all_of(Decompressor(asked), cut(packed, step)) == b"".join(pieces)


@pytest.mark.parametrize("method", METHODS)
def test_one_behind_the_other(method):
    """Several compressed streams give all they stand for; padding between those of tapes is nothing."""
    packed = all_of(Compressor(method), [b"one "]) + all_of(Compressor(method), [b"two"])
    for step in (1, 7, 1000):
        assert all_of(Decompressor(), cut(packed, step)) == b"one two"
    if method in ("gzip", "xz"):
        padded = all_of(Compressor(method), [b"one"]) + bytes(8)
        assert all_of(Decompressor(), cut(padded, 5)) == b"one"


@pytest.mark.parametrize("method", [each for each in METHODS if each in TOOLS])
def test_the_systems_own_tools(method, tmp_path):
    """gzip, bzip2, xz and zstd read what is made here, and what they make is read here."""
    tool = TOOLS[method]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    data = os.urandom(100_000) + bytes(1_000_000)
    made = subprocess.run(
        [tool, "-dc"], input=all_of(Compressor(method), [data]), capture_output=True, check=True
    )
    assert made.stdout == data
    theirs = subprocess.run([tool, "-c"], input=data, capture_output=True, check=True).stdout
    assert all_of(Decompressor(), cut(theirs, 4096)) == data


@pytest.mark.parametrize("method", [each for each in METHODS if each not in ("bz2", "xz")])
def test_live(method):
    """Live, each message can be read as soon as it has come."""
    compressor, decompressor = Compressor(method, live=True), Decompressor(method)
    for message in (b"one", b"two", os.urandom(70_000)):
        got = b"".join(
            part for piece in compressor.feed(message) for part in decompressor.feed(piece)
        )
        assert got == message
    assert all_of(decompressor, compressor.finish()) == b""


def bomb(method):
    """Give some bytes that stand for 64 MiB of nothing."""
    if method == "zstd":
        import zstandard

        return zstandard.ZstdCompressor().compress(bytes(64 << 20))
    pack = {"gzip": gzip.compress, "zlib": zlib.compress, "bz2": bz2.compress, "xz": lzma.compress}
    return pack[method](bytes(64 << 20))


@pytest.mark.parametrize("method", ["gzip", "bz2", *["zstd"] * ZSTD])
def test_a_bomb_fills_no_memory(method):
    """One small message that stands for 64 MiB is made in pieces, as they are taken."""
    data = bomb(method)
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in Decompressor().pieces(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 64 << 20
    assert peak < 12 << 20


def test_a_limit():
    """Past `most_bytes` it is refused, after exactly so much was given."""
    got = []
    with pytest.raises(ComponentFailed, match="more than the 100000 bytes that are allowed"):
        Pipeline(DataSource([bomb("gzip")]), Decompress(most_bytes=100_000), DataSink(got)).run()
    assert b"".join(got) == bytes(100_000)


def test_a_limit_is_a_number_of_bytes():
    """One below 0 or of another type is refused; at the limit itself no empty message is sent."""
    for limit in (-1, 1.5, "9"):
        with pytest.raises(ValueError, match="bytes that are decompressed cannot be"):
            Decompress(most_bytes=limit)
    decompressor = Decompressor(most_bytes=3)
    packed = gzip.compress(b"one") + gzip.compress(b"two")
    assert decompressor.feed(packed) == [b"one"]
    with pytest.raises(FrameTooLong):
        decompressor.finish()


@pytest.mark.parametrize("method", METHODS)
def test_many_tiny_streams_in_one_message(method, monkeypatch):
    """What is left of a message behind each of them is not copied each time: the time is linear."""
    count = 3000
    data = all_of(Compressor(method), [b"x"]) * count
    longest = 0
    real = compressing.Decompressor._decompressed

    def noted(self, given, kind):
        nonlocal longest
        longest = max(longest, len(given))
        yield from real(self, given, kind)

    monkeypatch.setattr(compressing.Decompressor, "_decompressed", noted)
    assert all_of(Decompressor(method), [data]) == b"x" * count
    assert longest <= compressing.TAKEN < len(data)


def test_one_that_wants_too_much_memory():
    """A stream of xz that needs 192 MiB to be read is refused before it is given any."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 192 << 20}]
    head = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=filters)
    packed = head.compress(b"x") + head.flush()
    with pytest.raises(
        FrameTooLong, match="takes more than 128 MiB of memory to decompress this xz"
    ):
        Decompressor().feed(packed)


@pytest.mark.parametrize("method", METHODS)
def test_damaged(method):
    """What is something else, was changed or goes on with something else is refused by a sentence."""
    packed = all_of(Compressor(method), [os.urandom(1000)])
    with pytest.raises(BadFrame, match=f"this is not {method}, or it was damaged"):
        all_of(Decompressor(method), [b"GIF89a, most likely"])
    with pytest.raises(
        BadFrame, match=f"this is not {method}, or it was damaged, after 1000 bytes"
    ):
        all_of(Decompressor(method), [packed + b"GIF89a, most likely"])
    with pytest.raises(BadFrame, match="does not begin like anything compressed"):
        all_of(Decompressor(), [b"GIF89a"])
    if method != "zstd":  # which has a checksum only if asked for one
        changed = packed[:500] + bytes([packed[500] ^ 1]) + packed[501:]
        with pytest.raises(BadFrame):
            all_of(Decompressor(method), [changed])


@pytest.mark.parametrize("method", METHODS)
def test_cut_off(method):
    """A stream that ends before its own end is said, at whatever byte."""
    packed = all_of(Compressor(method), [b"one two three"])
    for end in range(1, len(packed)):
        with pytest.raises(CutShort, match=f"stream ended too soon: {end} bytes of it came"):
            all_of(Decompressor(), [packed[:end]])


def test_refused_at_once():
    """A method or a level there is not, and one that cannot be live."""
    with pytest.raises(ValueError, match=r"no compression 'gz'.*it is gzip, zlib, bz2, xz or zstd"):
        Compress("gz")
    with pytest.raises(ValueError, match="auto, gzip, zlib, bz2, xz or zstd"):
        Decompress("rar")
    with pytest.raises(ValueError, match="bz2 has the levels 1 to 9, and not 0"):
        Compress("bz2", 0)
    with pytest.raises(ValueError, match=r"xz cannot be sent live.*these can: gzip, zlib, zstd"):
        Compress("xz", live=True)
