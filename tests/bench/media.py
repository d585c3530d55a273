"""Media: decoding and encoding by components against the same calls of PyAV in a bare loop.

A film of 640 x 360 (H.264, AAC) is read, decoded, encoded and thrown away: by PacketSource or
FileSource, Decode, Encode and NullSink, and by one loop that makes the same calls of PyAV with the same
settings, threads included. Beside it what MuxMPEGTS writes against PyAV's own multiplexer, and how fast
Mix mixes against NumPy alone.
"""

from __future__ import annotations

import io
import tempfile
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from support.figures import Bench, main
from support.parts import Sink, Source
from support.processes import alone

from kamesh import Graphline, Pipeline
from kamesh.components.media import (
    Decode,
    DeviceSource,
    Encode,
    FileSource,
    MediaPacket,
    MediaPipeline,
    Mix,
    MuxMPEGTS,
    PacketSource,
    Record,
    StreamHeader,
)
from kamesh.components.media.engine import decoders, encoding, reader
from kamesh.components.media.engine.demuxing import Demuxer, open_media
from kamesh.components.sources import NullSink

# what the components import when they start is imported before, as PyAV is for the bare loop
STARTED = (decoders, encoding, reader)
SIZE, RATE = (640, 360), 25
OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "maxrate": "2500000", "bufsize": "2500000"}
INPUTS, SAMPLES = 8, 1024  # sounds that are mixed, and samples in a piece of one


def make_film(path: Path, seconds: int) -> float:
    """Write the film: FFmpeg's moving test picture and a tone; give how many pictures it has."""
    size = "x".join(map(str, SIZE))
    picture = f"testsrc2=size={size}:rate={RATE}:duration={seconds}[out0]"
    source = DeviceSource(f"{picture};sine=sample_rate=48000:duration={seconds}[out1]", "lavfi")
    MediaPipeline(source, Encode(), MuxMPEGTS(), Record(path)).run()
    return seconds * RATE


def by_packets(path: Path) -> float:
    """Decode and encode what PacketSource reads; give pictures a second."""
    encode = Encode()
    return timed_pictures(
        encode,
        Graphline(READ=PacketSource(path), DECODE=Decode(), ENCODE=encode, END=NullSink(), linkages={
            ("READ", "outbox"): ("DECODE", "inbox"), ("DECODE", "outbox"): ("ENCODE", "inbox"),
            ("DECODE", "audio"): ("ENCODE", "audio"), ("ENCODE", "outbox"): ("END", "inbox"),
        }),
    )  # fmt: skip


def by_file_source(path: Path) -> float:
    """Encode what FileSource decodes; give pictures a second."""
    encode = Encode()
    return timed_pictures(
        encode,
        Graphline(READ=FileSource(path, realtime=False), ENCODE=encode, END=NullSink(), linkages={
            ("READ", "outbox"): ("ENCODE", "inbox"), ("READ", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("END", "inbox"),
        }),
    )  # fmt: skip


def timed_pictures(encode: Encode, graph: Graphline) -> float:
    """Run a graph; give the pictures a second that went through its encoder."""
    began = time.perf_counter()
    graph.run()
    return encode.frames / (time.perf_counter() - began)


def by_loop(path: Path) -> float:
    """Do the same in one loop, with the settings that Decode and Encode use."""
    began = time.perf_counter()
    pictures = 0
    with av.open(str(path)) as media:
        video, audio = media.streams.video[0], media.streams.audio[0]
        video.thread_type = "SLICE"
        picture_encoder = encoder_of(video)
        sound_encoder: Any = av.CodecContext.create("aac", "w")
        sound_encoder.format, sound_encoder.layout = "fltp", "stereo"
        sound_encoder.sample_rate, sound_encoder.bit_rate = 48000, 128_000
        sound_encoder.open()
        resampler = AudioResampler("fltp", "stereo", 48000, sound_encoder.frame_size)
        for packet in media.demux(video, audio):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    pictures += 1
                    used(picture_encoder.encode(frame))
                else:
                    for piece in resampler.resample(frame):
                        used(sound_encoder.encode(piece))
        used(picture_encoder.encode(None))
        used(sound_encoder.encode(None))
    return pictures / (time.perf_counter() - began)


def encoder_of(video: Any) -> Any:
    """Open the encoder that Encode opens for the film."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt, encoder.time_base = "yuv420p", video.time_base
    encoder.framerate, encoder.gop_size = Fraction(RATE), RATE
    encoder.bit_rate, encoder.max_b_frames, encoder.options = 2_500_000, 0, OPTIONS
    encoder.open()
    return encoder


def used(packets: list[Any]) -> None:
    """Take the bytes of each packet, as whoever writes them must."""
    for packet in packets:
        bytes(packet)


def packets_of(path: Path) -> list[StreamHeader | MediaPacket]:
    """Read a film's packets."""
    with Demuxer(open_media(str(path), "the film"), "the film") as demuxer:
        return [demuxer.header, *(each for each in demuxer if isinstance(each, MediaPacket))]


def mux_component(path: Path, rounds: int) -> float:
    """Multiplex a film's packets again and again; give MB a second."""
    messages = packets_of(path) * rounds
    mux = MuxMPEGTS()
    began = time.perf_counter()
    Pipeline(Source(len(messages), messages.__getitem__), mux, Sink()).run()
    return mux.bytes / 1e6 / (time.perf_counter() - began)


def mux_loop(path: Path, rounds: int) -> float:
    """Have PyAV do the same."""
    with av.open(str(path)) as media:
        video, audio = media.streams.video[0], media.streams.audio[0]
        found = [packet for packet in media.demux(video, audio) if packet.size]
        kept = [(p.stream is video, bytes(p), p.pts, p.dts, p.is_keyframe) for p in found]
        began = time.perf_counter()
        written = 0
        for _ in range(rounds):
            file = io.BytesIO()
            with av.open(file, "w", format="mpegts") as out:
                streams = [out.add_stream_from_template(one) for one in (audio, video)]
                for is_video, data, pts, dts, key in kept:
                    packet = av.Packet(data)
                    packet.pts, packet.dts, packet.is_keyframe = pts, dts, key
                    packet.stream, packet.time_base = streams[is_video], Fraction(1, 90_000)
                    out.mux(packet)
            written += file.tell()
        return written / 1e6 / (time.perf_counter() - began)


def piece(number: int) -> av.AudioFrame:
    """Make a piece of sound."""
    wave = np.arange(SAMPLES * 2, dtype=np.int16)[None, :]
    frame = av.AudioFrame.from_ndarray(wave, "s16", "stereo")
    frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), number * SAMPLES
    return frame


def mix_component(pieces: int) -> float:
    """Mix; give seconds of sound mixed in a second."""
    names = [f"in{n}" for n in range(INPUTS)]
    graph = Graphline(
        MIX=Mix(names, gains=1 / INPUTS), END=NullSink(), **{name: Source(pieces, piece) for name in names}
    )
    graph.link(("MIX", "outbox"), ("END", "inbox"))
    for name in names:
        graph.link((name, "outbox"), ("MIX", name))
    began = time.perf_counter()
    graph.run()
    return pieces * SAMPLES / 48000 / (time.perf_counter() - began)


def mix_numpy(pieces: int) -> float:
    """Sum the same by NumPy, from frames to frames."""
    began = time.perf_counter()
    for number in range(pieces):
        sounds = [piece(number).to_ndarray() for _ in range(INPUTS)]
        summed = (np.stack(sounds).astype(np.float32) / INPUTS).sum(axis=0)
        whole = np.clip(np.rint(summed), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole, "s16", "stereo")
        frame.sample_rate = 48000
    return pieces * SAMPLES / 48000 / (time.perf_counter() - began)


def measure(quick: bool) -> Bench:
    """Measure."""
    bench = Bench("media", rounds=3 if quick else 7)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.ts"
        alone(make_film, film, 3 if quick else 10)
        bench.compare(
            {
                "PacketSource, Decode, Encode": partial(alone, by_packets, film),
                "FileSource, Encode": partial(alone, by_file_source, film),
                "bare PyAV": partial(alone, by_loop, film),
            },
            "pictures/s",
        )
        again = 5 if quick else 10
        bench.compare(
            {
                "MuxMPEGTS": partial(alone, mux_component, film, again),
                "bare PyAV, MPEG-TS": partial(alone, mux_loop, film, again),
            },
            "MB/s",
        )
    pieces = 500 if quick else 2000
    bench.compare(
        {"Mix": partial(alone, mix_component, pieces), "bare NumPy": partial(alone, mix_numpy, pieces)},
        "seconds of sound/s",
    )
    for way in ("PacketSource, Decode, Encode", "FileSource, Encode"):
        bench.ratio(f"{way} to bare PyAV", way, "bare PyAV", at_least=0.95)
    bench.ratio("MuxMPEGTS to bare PyAV", "MuxMPEGTS", "bare PyAV, MPEG-TS")
    bench.ratio("Mix to bare NumPy", "Mix", "bare NumPy")
    bench.notes.append(f"{INPUTS} sounds are mixed; the figures are in times as fast as they are heard")
    return bench


if __name__ == "__main__":
    main(measure)
