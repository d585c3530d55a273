"""SoundOutput and SoundInput: against a pretended device, and against PortAudio and ALSA's own null ones."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from films import grey, tone

from kamesh import Component, ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.media import SoundInput, SoundOutput
from kamesh.components.refusing import WrongFigure
from kamesh.components.sources import DataSource
from kamesh.testing import Collector

sounddevice = pytest.importorskip("sounddevice", reason="sounddevice is not installed", exc_type=OSError)


def device(name, out, into, rate=48000.0):
    """Describe a device as PortAudio does."""
    return {
        "name": name, "max_output_channels": out, "max_input_channels": into, "default_samplerate": rate,
    }  # fmt: skip


class Pretended:
    """Stands in for `sounddevice`: the same calls, and devices that are made up."""

    PortAudioError = sounddevice.PortAudioError

    def __init__(self):
        self.devices = [
            device("Loud", 2, 0), device("Mike USB", 0, 1, 44100.0), device("Louder", 6, 2),
        ]  # fmt: skip
        self.default = type("Default", (), {"device": (1, 0)})
        self.rates = {44100, 48000}
        self.streams = []
        self.breaks_at = None  # samples after which the device is unplugged
        self.pace = 0.0  # seconds that a write takes

    def query_devices(self, device=None):
        return self.devices if device is None else self.devices[device]

    def check_output_settings(self, *, device, samplerate, channels, dtype):
        if samplerate not in self.rates:
            raise self.PortAudioError("Invalid sample rate", -9997)

    check_input_settings = check_output_settings

    def OutputStream(self, **words):  # noqa: N802  its name there
        return PretendedStream(self, words)

    InputStream = OutputStream


class PretendedStream:
    """Remembers what it was told; what it gives counts up."""

    def __init__(self, port, words):
        port.streams.append(self)
        self.port, self.words, self.latency = port, words, 0.05
        self.told, self.written, self.threads = [], [], set()
        self.samples = 0

    def start(self):
        self.told.append("start")

    def stop(self):
        self.told.append("stop")

    def abort(self):
        self.told.append("abort")

    def close(self):
        self.told.append("close")

    def _check(self):
        self.threads.add(threading.current_thread())
        if "close" in self.told:
            raise RuntimeError("it is closed")
        if self.port.breaks_at is not None and self.samples >= self.port.breaks_at:
            raise self.port.PortAudioError("Device unavailable.", -9985)

    def write(self, samples):
        self._check()
        assert samples.dtype == np.float32
        assert samples.shape[1] == self.words["channels"]
        time.sleep(self.port.pace)
        self.written.append(np.array(samples))
        self.samples += len(samples)
        return len(self.written) == 3  # the third comes too late

    def read(self, count):
        self._check()
        time.sleep(0.001)
        values = np.arange(self.samples, self.samples + count).astype(np.int16)
        self.samples += count
        return np.repeat(values[:, None], self.words["channels"], axis=1), False


@pytest.fixture
def port(monkeypatch):
    """Pretend."""
    port = Pretended()
    monkeypatch.setitem(sys.modules, "sounddevice", port)
    return port


def play(part, frames):
    """Play frames; give what was reported as played."""
    kept = Collector()
    Graphline(
        SOURCE=DataSource(frames), OUT=part, KEPT=kept,
        linkages={("SOURCE", "outbox"): ("OUT", "inbox"), ("OUT", "played"): ("KEPT", "inbox")},
    ).run()  # fmt: skip
    return kept.messages


# playing


def test_all_that_comes_is_played_and_heard_to_its_end(port):
    """Sample for sample, in a thread of its own; the device is drained, then closed."""
    part = SoundOutput()
    frames = [tone(n) for n in range(20)]
    played = play(part, frames)
    (stream,) = port.streams
    whole = np.concatenate(stream.written)
    expected = np.concatenate([f.to_ndarray().reshape(-1, 2) for f in frames]) / np.float32(32768)
    assert (whole == expected).all()
    assert stream.told == ["start", "stop", "abort", "close"]
    assert threading.main_thread() not in stream.threads
    assert part.details() == {"samples": 9600, "underruns": 1}
    assert played == pytest.approx([(n + 1) / 100 - 0.05 for n in range(20)])


def test_a_long_piece_is_given_in_short_ones(port):
    """Of 20 ms, so that a stop need not wait."""
    play(SoundOutput(), [tone(0, samples=48000)])
    assert {len(part) for part in port.streams[0].written} == {960}


def test_what_the_device_cannot_do_is_resampled(port):
    """22.05 kHz, one channel, on a device that has 48 kHz: as long as it was; a change is followed."""
    frames = [tone(n, 2205, 22050, layout="mono") for n in range(5)] + [tone(n, 4800) for n in range(5, 10)]
    play(SoundOutput(rate=22050), frames)
    (stream,) = port.streams
    assert stream.words["samplerate"] == 48000
    assert stream.samples == pytest.approx(48000, abs=8)


@pytest.mark.parametrize(
    ("wanted", "number"), [(None, 0), (2, 2), ("Louder", 2), ("loud", 0), ("oude", 2)]
)
def test_a_device_is_found_by_number_name_or_part_of_it(port, wanted, number):
    """The whole name first, whatever its case; none said is the system's own."""
    play(SoundOutput(wanted), [tone(0)])
    assert port.streams[0].words["device"] == number


@pytest.mark.parametrize("wanted", [1, 99, "harp"])
def test_a_device_that_is_not_there_is_refused_with_those_there_are(port, wanted):
    """One sentence; a microphone is no loudspeaker."""
    with pytest.raises(ComponentFailed) as raised:
        play(SoundOutput(wanted), [tone(0)])
    assert str(raised.value).endswith(
        f"there is no sound device {wanted!r} to play on: there are 'Loud' (0), 'Louder' (2)"
    )
    assert not port.streams


def test_a_machine_without_any_says_so(port):
    """The default as well."""
    port.devices, port.default.device = [], (-1, -1)
    with pytest.raises(ComponentFailed, match="there is no sound device to play on: this machine has none"):
        play(SoundOutput(), [])
    with pytest.raises(ComponentFailed, match="no sound device to record from: this machine has none"):
        Pipeline(SoundInput(), Collector()).run()


def test_a_device_that_goes_away_is_told_in_a_sentence_and_closed(port):
    """In PortAudio's words, with its name."""
    port.breaks_at = 960
    with pytest.raises(ComponentFailed, match=r"the sound device 'Loud' cannot be used: Device unavailable$"):
        play(SoundOutput(), [tone(n) for n in range(20)])
    assert port.streams[0].told[-1] == "close"


def test_the_device_sets_the_pace(port):
    """While it plays, whoever feeds it waits, and no more than its inbox holds is taken."""
    port.pace = 0.002
    taken = 0

    def frames():
        nonlocal taken
        for n in range(100):
            taken += 1
            yield tone(n)
            assert taken - len(port.streams and port.streams[0].written) < 60

    play(SoundOutput(), frames())
    assert taken == 100


def test_a_stop_does_not_wait_for_what_is_still_to_be_heard(port):
    """Ten seconds of sound, stopped at once: the device is not drained, and is closed."""
    port.pace = 0.02
    part = SoundOutput()
    handle = Pipeline(DataSource([tone(0, samples=480_000)]), part).background()
    with handle:
        deadline = time.monotonic() + 5
        while not (port.streams and port.streams[0].written) and time.monotonic() < deadline:
            time.sleep(0.01)
        handle.put(Shutdown(), "control")
    deadline = time.monotonic() + 5
    while port.streams[0].told[-1] != "close" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert port.streams[0].told == ["start", "abort", "close"]
    assert len(port.streams[0].written) < 250


def test_what_is_no_sound_is_refused(port):
    """With what it takes."""
    with pytest.raises(ComponentFailed, match=r"SoundOutput takes av.AudioFrame, not VideoFrame"):
        play(SoundOutput(), [grey(0)])


# recording


def record(part, count):
    """Record so many pieces."""
    with part.background() as handle:
        return [handle.get(timeout=10) for _ in range(count)]


def test_what_is_recorded_bears_times_without_a_step(port):
    """Counted in samples from 0."""
    part = SoundInput("usb")
    pieces = record(part, 10)
    assert [piece.pts for piece in pieces] == [960 * n for n in range(10)]
    assert {(p.format.name, p.layout.name, p.sample_rate) for p in pieces} == {("s16", "mono", 48000)}
    assert np.concatenate([p.to_ndarray()[0] for p in pieces]).tolist() == list(range(9600))
    assert part.details()["samples"] >= 9600


def test_a_microphone_is_closed_when_it_is_told_to_stop(port):
    """By the thread that waits for it."""
    record(SoundInput(), 1)
    deadline = time.monotonic() + 5
    while port.streams[0].told[-1] != "close" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert port.streams[0].told == ["start", "abort", "close"]


def test_what_was_lost_is_counted_and_leaves_a_gap(port, monkeypatch):
    """The times go on by the clock, never backwards."""
    read = PretendedStream.read

    def losing(self, count):
        samples, _ = read(self, count)
        if self.samples == 5 * count:
            time.sleep(0.3)
        return samples, self.samples == 5 * count

    monkeypatch.setattr(PretendedStream, "read", losing)
    part = SoundInput()
    pieces = record(part, 8)
    times = [piece.pts for piece in pieces]
    assert times[:4] == [0, 960, 1920, 2880]
    assert times[4] > 0.25 * 48000
    assert np.diff(times[4:]).tolist() == [960] * 3
    assert part.details()["overruns"] == 1


class Deaf(Component):
    """Reads nothing."""

    bounds = {"inbox": 4}

    def main(self):
        while not self.stopping():
            yield self.pause(1.0)


def test_a_reader_that_does_not_read_does_not_fill_the_memory(port):
    """At most a second of pieces, and what the boxes hold, is ahead."""
    graph = Graphline(MIC=SoundInput(), DEAF=Deaf(), linkages={("MIC", "outbox"): ("DEAF", "inbox")})
    with graph.background() as handle:
        deadline = time.monotonic() + 5
        while not (port.streams and port.streams[0].samples > 60 * 960) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # real ones, in which 200 more could have been read
        ahead = port.streams[0].samples
        handle.put(Shutdown(), "control")
    assert 60 * 960 < ahead <= (50 + 16 + 4 + 4) * 960


def test_a_microphone_that_goes_away_is_told_in_a_sentence(port):
    """After what it had given."""
    port.breaks_at = 4800
    kept = Collector()
    with pytest.raises(ComponentFailed, match=r"'Mike USB' cannot be used: Device unavailable$"):
        Pipeline(SoundInput(), kept).run()
    assert len(kept.messages) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: SoundOutput(rate=5), lambda: SoundOutput(channels=99), lambda: SoundOutput(latency=0),
        lambda: SoundInput(rate=5), lambda: SoundInput(channels=-1), lambda: SoundInput(block=0),
    ],
)  # fmt: skip
def test_what_no_device_does_is_refused_at_once(make):
    """In words."""
    with pytest.raises(WrongFigure):
        make()


def test_where_portaudio_is_missing_it_says_what_to_install(monkeypatch):
    """The library, where the Python package is there without it."""

    class Refusing:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [Refusing(), *sys.meta_path])
    with pytest.raises(ComponentFailed, match="needs the library PortAudio, which is not installed"):
        play(SoundOutput(), [tone(0)])


# the real PortAudio

ASOUNDRC = """
pcm.nowhere {{ type null hint {{ show on description "nothing" }} }}
pcm.kept {{
    type file slave.pcm "nowhere" file "{file}" format "raw" hint {{ show on description "a file" }}
}}
"""
PROGRAM = """
from films import tone
from kamesh import Pipeline
from kamesh.components.media import SoundInput, SoundOutput
from kamesh.components.sources import DataSource
Pipeline(DataSource([tone(n) for n in range(50)]), part := SoundOutput("kept")).run()
print(part.details()["samples"])
with SoundInput("nowhere").background() as microphone:
    print([microphone.get(timeout=10).pts for _ in range(3)])
"""


def test_portaudio_itself_plays_and_records(tmp_path):
    """By ALSA's file and null devices, in a process of its own: the very samples are in the file."""
    (tmp_path / ".asoundrc").write_text(ASOUNDRC.format(file=tmp_path / "heard.raw"))
    surroundings = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    listed = subprocess.run(
        [sys.executable, "-c", "import sounddevice as s; print([d['name'] for d in s.query_devices()])"],
        capture_output=True, text=True, env=surroundings, timeout=30,
    )  # fmt: skip
    if "kept" not in listed.stdout:
        pytest.skip("this PortAudio has no ALSA, or does not read ~/.asoundrc")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=surroundings, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["24000", "[0, 960, 1920]"]
    heard = np.fromfile(tmp_path / "heard.raw", np.float32).reshape(-1, 2)
    expected = np.concatenate([tone(n).to_ndarray().reshape(-1, 2) for n in range(50)]) / np.float32(32768)
    assert (heard[: len(expected)] == expected).all()
    assert not heard[len(expected) :].any()
