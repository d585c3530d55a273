"""Media components in graphs: real files, written, read, recorded and counted again."""

import errno
import io
import json
import os
import shutil
import subprocess
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.media import (
    Decode,
    Encode,
    FileSource,
    MuxMPEGTS,
    Probe,
    Record,
    RecordingError,
    count_frames,
    probe,
)
from kamesh.components.media import TestCard as Card
from kamesh.components.media.engine.reader import MediaFileError
from kamesh.components.media.probe import numbers_missing
from kamesh.testing import Collector, Feeder

SMALL = (320, 180)


def broadcast(path, seconds=2.0, **card):
    """Run card, encoder, multiplexer and recorder as a graph; give the recorder."""
    recorder = Record(path)
    Graphline(
        CARD=Card(SMALL, seconds=seconds, realtime=False, **card),
        ENCODE=Encode(),
        TS=MuxMPEGTS(),
        FILE=recorder,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"),
            ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("TS", "inbox"),
            ("TS", "outbox"): ("FILE", "inbox"),
        },
    ).run()
    return recorder


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two seconds of the card, recorded."""
    path = tmp_path_factory.mktemp("media") / "card.ts"
    broadcast(path)
    return path


def play(source):
    """Run a source to its end; give its pictures and its sound."""
    pictures, sounds = Collector(), Collector()
    Graphline(
        SOURCE=source, PICTURES=pictures, SOUNDS=sounds,
        linkages={
            ("SOURCE", "outbox"): ("PICTURES", "inbox"),
            ("SOURCE", "audio"): ("SOUNDS", "inbox"),
        },
    ).run()  # fmt: skip
    return pictures.messages, sounds.messages


# card to recording


def test_every_frame_of_a_broadcast_is_in_its_recording(recording):
    """Card, encoder, multiplexer, recorder; read again from the disk: each number once, none missing."""
    report = probe(recording)
    assert (report.frames, report.numbered) == (50, 50)
    assert (report.first, report.last, report.missing, report.repeated) == (0, 49, 0, 0)
    assert (report.keyframes, report.damaged) == (2, 0)
    assert (report.video_codec, report.audio_codec) == ("h264", "aac")
    assert report.seconds == pytest.approx(2.0, abs=0.001)
    assert report.audio_seconds == pytest.approx(2.0, abs=0.07)
    assert "test card frames 0 to 49, 0 missing, 0 repeated" in str(report)


def test_ffprobe_counts_the_same(recording):
    """A second opinion, from a program that shares none of our code."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    told = subprocess.run(
        ["ffprobe", "-v", "warning", "-count_frames", "-of", "json", "-show_entries",
         "stream=codec_name,nb_read_frames,duration", str(recording)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    streams = {s["codec_name"]: s for s in json.loads(told.stdout)["streams"]}
    assert streams["h264"]["nb_read_frames"] == "50"
    assert float(streams["h264"]["duration"]) == pytest.approx(2.0, abs=0.01)
    assert told.stderr == ""


def test_a_recording_joined_in_the_middle_is_whole_from_there(recording, tmp_path):
    """Cut at a place that its tables mark, it is a stream of its own; the rest is all there."""
    data = recording.read_bytes()
    starts = [
        at for at in range(0, len(data), 188)
        if data[at + 1] & 0x1F == 0 and data[at + 2] == 0  # PAT
        and data[at + 376 + 3] & 0x20 and data[at + 376 + 5] & 0x40  # random access, after the PMT
    ]  # fmt: skip
    (tmp_path / "tail.ts").write_bytes(data[starts[-1] :])
    report = probe(tmp_path / "tail.ts")
    assert (report.first, report.last, report.missing, report.repeated) == (25, 49, 0, 0)


def test_a_lost_piece_is_noticed(recording, tmp_path):
    """The proof can fail: a recording with a hole is reported with the number of what is missing."""
    data = recording.read_bytes()
    middle = len(data) // 2 // 188 * 188
    (tmp_path / "hole.ts").write_bytes(data[:middle] + data[middle + 40 * 188 :])
    report = probe(tmp_path / "hole.ts")
    assert report.numbered < 50
    assert report.missing == report.last - report.first + 1 - report.numbered + report.repeated > 0


def test_missing_and_repeated_numbers_are_counted():
    """Of any list."""
    assert numbers_missing([]) == (0, 0)
    assert numbers_missing([3, 4, 5]) == (0, 0)
    assert numbers_missing([3, 5, 9, 5]) == (4, 1)


def test_flash_and_blip_are_still_together_after_coding(recording):
    """Decoded again, the sound gets loud when the field lights up, to within a frame."""
    lit, loud = [], []
    with av.open(str(recording)) as media:
        for frame in media.decode():
            if isinstance(frame, av.AudioFrame):
                if abs(frame.to_ndarray()).max() > 0.15:
                    loud.append(float(frame.time))
            elif frame.to_ndarray(format="gray")[92:96, 242:258].mean() > 128:
                lit.append(float(frame.time))
    for second in (0, 1):
        first_lit = min(t for t in lit if t - min(lit) > second - 0.01)
        assert min(abs(t - first_lit) for t in loud) < 0.04


def test_a_graph_of_other_rates_loses_nothing(tmp_path):
    """29.97 frames a second, where neither clock divides the other."""
    broadcast(tmp_path / "ntsc.ts", seconds=1, rate="30000/1001", sample_rate=44100)
    report = probe(tmp_path / "ntsc.ts")
    assert (report.frames, report.missing, report.repeated) == (30, 0, 0)


def test_the_probe_component_reports_on_what_was_recorded(tmp_path):
    """Record says when it is done, and Probe takes it from there."""
    got = Collector()
    Graphline(
        CARD=Card(SMALL, seconds=1, realtime=False), ENCODE=Encode(audio=""), TS=MuxMPEGTS(),
        FILE=Record(tmp_path / "a.ts"), PROBE=Probe(), GOT=got,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"), ("ENCODE", "outbox"): ("TS", "inbox"),
            ("TS", "outbox"): ("FILE", "inbox"), ("FILE", "outbox"): ("PROBE", "inbox"),
            ("PROBE", "outbox"): ("GOT", "inbox"),
        },
    ).run()  # fmt: skip
    assert [(r.frames, r.audio_codec) for r in got.messages] == [(25, "")]


def test_decode_gives_back_what_encode_made():
    """Two components, pictures and sound, in a graph."""
    pictures, sounds = Collector(), Collector()
    Graphline(
        CARD=Card(SMALL, seconds=1, realtime=False), ENCODE=Encode(), DECODE=Decode(),
        P=pictures, S=sounds,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"), ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("DECODE", "inbox"),
            ("DECODE", "outbox"): ("P", "inbox"), ("DECODE", "audio"): ("S", "inbox"),
        },
    ).run()  # fmt: skip
    assert [p.pts * p.time_base for p in pictures.messages] == [Fraction(n, 25) for n in range(25)]
    assert sum(s.samples for s in sounds.messages) >= 48000


# files


def test_a_file_is_played_from_its_beginning(recording):
    """All its pictures and all its sound, times from 0."""
    pictures, sounds = play(FileSource(recording, realtime=False))
    assert len(pictures) == 50
    times = [p.pts * p.time_base for p in pictures]
    assert [float(b - a) for a, b in pairwise(times)] == pytest.approx([0.04] * 49)
    assert 0 <= times[0] < 0.05
    assert sounds[0].pts == 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_other_kinds_of_file_are_played_too(recording, tmp_path, suffix):
    """Whatever FFmpeg reads: here the same packets in other containers."""
    path = tmp_path / f"film.{suffix}"
    with av.open(str(recording)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                sink.mux(packet)
    pictures, sounds = play(FileSource(path, realtime=False))
    assert (len(pictures), len(sounds)) == (50, 0)
    assert count_frames(path) == 50


def out_of_order(path):
    """Make a film whose pictures are stored out of order; skip where that cannot be."""
    if "libx264" not in av.codecs_available:
        pytest.skip("this FFmpeg cannot make H.264, of which most such films are")
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(25):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([10 * (number % 20)]) * plane.buffer_size)
            frame.pts = number
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    with av.open(str(path)) as film:
        return [one for one in film.demux(film.streams.video[0]) if one.size]


def test_a_film_whose_pictures_are_stored_out_of_order_is_played_whole(tmp_path):
    """Matroska does not say when to decode those; the first picture of all is among them."""
    path = tmp_path / "film.mkv"
    assert out_of_order(path)[0].dts is None, "this file does not test what it is to"
    pictures, _ = play(FileSource(path, realtime=False))
    assert len(pictures) == 25


def test_a_film_of_which_nothing_can_be_decoded_is_refused(tmp_path):
    """All that is in its packets is gone: a sentence, not an empty film."""
    path = tmp_path / "hollow.mkv"
    packets = out_of_order(path)
    data = path.read_bytes()
    for packet in packets:
        data = data.replace(bytes(packet), bytes(packet.size))
    path.write_bytes(data)
    with pytest.raises(ComponentFailed, match=r"hollow.mkv cannot be played"):
        play(FileSource(path, realtime=False))


def test_a_film_without_sound_makes_a_stream_without_sound(recording, tmp_path):
    """Nobody waits for sound that the file does not have."""
    silent = tmp_path / "silent.mp4"
    test_other_kinds_of_file_are_played_too(recording, tmp_path, "mp4")
    (tmp_path / "film.mp4").rename(silent)
    Graphline(
        FILM=FileSource(silent, realtime=False), ENCODE=Encode(), TS=MuxMPEGTS(),
        FILE=Record(tmp_path / "out.ts"),
        linkages={
            ("FILM", "outbox"): ("ENCODE", "inbox"), ("FILM", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("TS", "inbox"), ("TS", "outbox"): ("FILE", "inbox"),
        },
    ).run()  # fmt: skip
    report = probe(tmp_path / "out.ts")
    assert (report.frames, report.missing, report.audio_codec) == (50, 0, "")


class StopAfter(Component):
    """Keeps messages, notes when each came, and asks for a stop after so many."""

    inboxes = {"inbox": "", "control": ""}
    outboxes = {"signal": "", "stop": ""}

    def __init__(self, count):
        self.count = count
        self.times = []
        self.kept = []

    def main(self):
        while not self.stopping():
            for message in self.inbox:
                self.times.append(self.now())
                self.kept.append(message)
                if len(self.kept) == self.count:
                    self.send(Shutdown("enough"), "stop")
            yield self.pause()


def test_a_loop_goes_on_without_a_step_in_time_until_it_is_stopped(recording):
    """Each round begins where the last one ended; a Shutdown ends it."""
    keeper = StopAfter(120)
    Graphline(
        FILM=FileSource(recording, realtime=False, loop=True), KEEP=keeper,
        linkages={("FILM", "outbox"): ("KEEP", "inbox"), ("KEEP", "stop"): ("FILM", "control")},
    ).run()  # fmt: skip
    times = [float(p.pts * p.time_base) for p in keeper.kept[:120]]
    steps = [b - a for a, b in pairwise(times)]
    assert min(steps) > 0.03
    assert max(steps) < 0.10  # the sound of this file is a little longer than its pictures


def test_a_file_is_played_at_its_own_pace(recording):
    """No picture comes before its time, and a second of film takes a second."""
    keeper = StopAfter(26)
    Graphline(
        FILM=FileSource(recording), KEEP=keeper,
        linkages={("FILM", "outbox"): ("KEEP", "inbox"), ("KEEP", "stop"): ("FILM", "control")},
    ).run()  # fmt: skip
    passed = [time - keeper.times[0] for time in keeper.times[:26]]
    assert passed[25] > 0.9
    assert passed[12] > 0.4
    assert len(keeper.kept) < 50  # it was stopped, and did not run on to its end


def unplayable(tmp_path):
    """Files that are no films, and what is said of each."""
    (tmp_path / "text.mp4").write_text("this is no film\n" * 100)
    (tmp_path / "nothing.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    with wave.open(str(tmp_path / "only.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    return {
        "missing.mp4": "there is no file",
        "text.mp4": "is not a media file",
        "nothing.mp4": "is empty",
        "folder.mp4": "is a folder",
        "only.wav": "has no video stream: it has only sound",
    }


def test_what_is_not_a_film_is_refused_in_a_sentence(tmp_path):
    """By name and with the reason; by the source and by the probe alike."""
    for name, why in unplayable(tmp_path).items():
        with pytest.raises(MediaFileError, match=why) as refused:
            probe(tmp_path / name)
        assert name in str(refused.value)
        with pytest.raises(ComponentFailed, match=why):
            play(FileSource(tmp_path / name))


def test_a_file_that_breaks_off_is_played_as_far_as_it_goes(recording, tmp_path):
    """Half a recording is half a film, not an error."""
    data = recording.read_bytes()
    (tmp_path / "half.ts").write_bytes(data[: len(data) // 2])
    report = probe(tmp_path / "half.ts")
    assert 10 < report.frames < 45
    assert (report.first, report.missing) == (0, 0)


# recording


@pytest.mark.parametrize("make", ["pipe", "folder"])
def test_a_recording_never_takes_the_place_of_what_is_no_file(tmp_path, make):
    """A pipe, a device, a folder: refused before anything is written, and left as it was."""
    path = tmp_path / "out.ts"
    os.mkfifo(path) if make == "pipe" else path.mkdir()
    with pytest.raises(ComponentFailed, match=r"out.ts cannot be recorded: (it is a device|there is)"):
        Pipeline(Feeder([b"data"]), Record(path)).run()
    assert not path.is_file()
    assert [one.name for one in tmp_path.iterdir()] == ["out.ts"]


def test_a_recording_is_in_its_place_only_when_it_is_whole(tmp_path):
    """Until then it is called `.part`; an older file of the name stays until that moment."""
    path = tmp_path / "out.bin"
    path.write_bytes(b"older")
    seen = []

    def pieces():
        yield from (b"one", b"two")
        for _ in range(100_000):  # let the thread write
            if (tmp_path / "out.bin.part").exists():
                break
        seen.append(path.read_bytes())

    recorder, got = Record(path), Collector()
    Graphline(
        FEED=Feeder(pieces()), FILE=recorder, GOT=got,
        linkages={("FEED", "outbox"): ("FILE", "inbox"), ("FILE", "outbox"): ("GOT", "inbox")},
    ).run()  # fmt: skip
    assert seen == [b"older"]
    assert path.read_bytes() == b"onetwo"
    assert not (tmp_path / "out.bin.part").exists()
    assert [(r.path, r.bytes, r.chunks) for r in got.messages] == [(str(path), 6, 2)]
    assert recorder.details() == {"bytes": 6, "chunks": 2}


def record_with(recorder, pieces):
    """Have a recorder record pieces."""
    Graphline(
        FEED=Feeder(pieces), FILE=recorder, linkages={("FEED", "outbox"): ("FILE", "inbox")}
    ).run()


def record(path, pieces):
    """Record pieces at a path."""
    record_with(Record(path), pieces)


def test_a_recording_whose_source_broke_is_not_put_in_place(tmp_path):
    """What there is stays as `.part`, and the sentence says where."""

    def breaks():
        yield b"one"
        raise RuntimeError("the camera fell")

    recorder = Record(tmp_path / "out.ts")
    with pytest.raises(ComponentFailed):
        record_with(recorder, breaks())
    assert "the camera fell" in str(recorder.failure)
    assert "not complete" in str(recorder.failure)
    assert not (tmp_path / "out.ts").exists()
    assert (tmp_path / "out.ts.part").read_bytes() == b"one"


def test_what_an_earlier_try_left_is_kept(tmp_path):
    """It may be all there is of a broadcast."""
    (tmp_path / "out.ts.part").write_bytes(b"first")
    (tmp_path / "out.ts.part.1").write_bytes(b"zeroth")
    record(tmp_path / "out.ts", [b"third"])
    assert (tmp_path / "out.ts.part.2").read_bytes() == b"first"
    assert (tmp_path / "out.ts.part.1").read_bytes() == b"zeroth"
    assert (tmp_path / "out.ts").read_bytes() == b"third"


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    """No such folder; a file where a folder should be; a folder where the file should be."""
    with pytest.raises(ComponentFailed, match="there is no folder"):
        record(tmp_path / "nowhere" / "out.ts", [b"x"])
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ComponentFailed, match="cannot be recorded"):
        record(tmp_path / "file" / "out.ts", [b"x"])
    (tmp_path / "taken").mkdir()
    with pytest.raises(ComponentFailed, match="a folder of that name"):
        record(tmp_path / "taken", [b"x"])


def test_a_full_disk_is_said_in_a_sentence(tmp_path, monkeypatch):
    """How much was written, where it is, and that the rest is lost."""

    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    recorder = Record(tmp_path / "out.ts")
    with pytest.raises(ComponentFailed, match="is full: 0 bytes of the recording are in"):
        record_with(recorder, [b"x"])
    assert recorder.failure.error == RecordingError.__name__


def test_what_encode_sends_is_recorded_as_a_transport_stream(tmp_path):
    """`testcard ! encode ! save out.ts`: nobody need know of multiplexers to keep a stream."""
    Pipeline(Card(SMALL, seconds=1, realtime=False), Encode(), Record(tmp_path / "out.ts")).run()
    report = probe(tmp_path / "out.ts")
    assert (report.format, report.frames, report.missing) == ("mpegts", 25, 0)


@pytest.mark.parametrize(
    ("component", "message", "why"),
    [
        (MuxMPEGTS, b"bytes", "MuxMPEGTS takes what Encode sends, not bytes"),
        (Decode, "text", "Decode takes what Encode sends, not str"),
        (Encode, b"bytes", "Encode takes av.VideoFrame on its inbox, not bytes"),
        (
            lambda: Record("x.ts"),
            "text",
            "Record takes Chunks, bytes, or what Encode sends, not str",
        ),
    ],
)
def test_a_wrong_linkage_is_said_in_a_sentence(component, message, why, tmp_path, monkeypatch):
    """Each component says what it takes and what came instead."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ComponentFailed, match=why):
        Pipeline(Feeder([message]), component()).run()
