"""`kamesh demo` as a user sees it: what it proves counted again, and what is wrong said in a sentence."""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
import wave

import pytest
from hosts import Host, Started, until

av = pytest.importorskip("av", reason="the demo needs PyAV: pip install kamesh[media]")
pytest.importorskip("aiohttp", reason="the demo needs aiohttp: pip install kamesh[media]")

NODES = ["archive", "camera", "encoder", "gateway", "relay"]


def address_of(demo: Started) -> str:
    """Give the address that the demo says it can be watched at."""
    demo.until(lambda it: "live at http" in it.out, "it says where it can be seen")
    found = re.search(r"live at (http://127\.0\.0\.1:\d+/)", demo.out)
    assert found is not None
    return found[1]


def decoded(path: str) -> int:
    """Count the pictures of a file by decoding them."""
    with av.open(path) as film:
        return sum(1 for _ in film.decode(video=0))


def test_a_broadcast_is_whole_and_can_be_seen_while_it_runs(host: Host):
    """Five seconds through five nodes: seen over HTTP and from another terminal, and all recorded."""
    demo = host.start("demo", "--seconds", "5")
    address = address_of(demo)
    host.linked(5)
    with urllib.request.urlopen(address, timeout=20) as page:
        assert b"<video" in page.read()
    with urllib.request.urlopen(address + "stream.ts", timeout=20) as stream:
        (run,) = host.json("ps")["runs"]
        sent = host.kamesh("echo", "RELAY.outbox", "-n", "1")
        frame = host.kamesh("echo", "CAMERA.outbox", "-n", "1")
        viewed = stream.read()
    assert (run["kind"], sorted(one["name"] for one in run["nodes"])) == ("demo", NODES)
    assert sent.out.startswith("Chunk(")
    assert frame.out.startswith("<av.VideoFrame")
    seen = host.folder / "viewed.ts"
    seen.write_bytes(viewed)
    ended = demo.ended()
    assert (ended.code, ended.err) == (0, "")
    counted = re.search(r"(\d+) frames in, (\d+) decoded again .*lost (\d+), repeated (\d+)", ended.out)
    assert counted is not None, ended.out
    assert counted.groups() == ("125", "125", "0", "0")
    assert ended.lines[-1] == "the broadcast is whole"
    recording = str(host.folder / "demo-output" / "broadcast.ts")
    assert decoded(recording) == 125
    assert 10 <= decoded(str(seen)) <= 125
    assert not host.processes()


@pytest.fixture
def recording(host: Host) -> str:
    """Record a broadcast of two seconds."""
    ended = host.kamesh("demo", "--seconds", "2", "--recording", "two.ts")
    assert ended.code == 0, ended
    return str(host.folder / "two.ts")


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_others_count_the_same_frames(recording: str):
    """ffprobe, which knows nothing of kamesh, finds 50 pictures and two seconds of sound."""
    words = ["ffprobe", "-v", "error", "-count_frames", "-show_entries"]
    told = subprocess.run(
        [*words, "stream=codec_type,codec_name,nb_read_frames", "-of", "csv=p=0", recording],
        capture_output=True, text=True, check=True,
    ).stdout
    streams = {line.split(",")[1]: line.split(",") for line in told.split() if line}
    assert streams["video"][0] == "h264"
    assert int(streams["video"][2]) == 50
    assert streams["audio"][0] == "aac"
    assert 90 <= int(streams["audio"][2]) <= 98  # of 1,024 samples each, at 48 kHz


def test_a_node_that_is_killed_ends_the_demo_in_a_sentence(host: Host):
    """Kill -9 of the relay in mid-broadcast: which node and how, exit 1, nothing left running."""
    demo = host.start("demo", "--seconds", "30")
    pid = host.linked(5)["relay"]
    os.kill(pid, signal.SIGKILL)
    ended = demo.ended()
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "kamesh: node relay was killed (SIGKILL)"
    assert "Traceback" not in ended.err, ended.err
    assert "whole" not in ended.out
    host.silent()


def test_ctrl_c_ends_the_demo_with_what_it_can_prove(host: Host):
    """It ends in order: what was sent until then is recorded and proved; exit 130."""
    demo = host.start("demo", "--seconds", "30")
    host.linked(5)
    until(lambda: (host.folder / "demo-output" / "broadcast.ts.part").exists(), "it records")
    demo.interrupt()
    ended = demo.ended()
    assert ended.code == 130
    assert ended.err == ""
    assert "lost 0, repeated 0" in ended.out
    host.silent()


def test_what_cannot_be_shown_is_said_before_anything_starts(host: Host):
    """A wrong file, a taken port, no place for the recording: one sentence, not zero, no traceback."""
    host.write("notes.mp4", "these are only words\n")
    host.write("file", "")
    (host.folder / "folder").mkdir()
    os.mkfifo(host.folder / "pipe")
    with wave.open(str(host.folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = {
            ("missing.mp4",): "missing.mp4: there is no such file",
            ("notes.mp4",): "notes.mp4 is not a media file",
            ("sound.wav",): "sound.wav has no video stream: it has only sound",
            ("folder",): "folder",
            ("--port", str(port)): f"127.0.0.1:{port} is taken by another program: choose another",
            ("--port", "65536"): "65536",
            ("--seconds", "0"): "0 is not a time",
            ("--recording", "folder"): "folder is a folder",
            ("--recording", "pipe"): "pipe is a device or a pipe",
            ("--recording", "file/x.ts"): "file is a file",
            ("--recording", "/proc/x/y.ts"): "/proc/x cannot be made",
        }
        started = {words: host.start("demo", *words) for words in wanted}
        for words, one in started.items():
            ended = one.ended()
            assert ended.code in (1, 2), (words, ended)
            assert ended.out == "", words
            assert wanted[words] in ended.err
            assert ended.err.count("\n") == 1, ended.err
    assert not (host.folder / "demo-output").exists()
