"""HLS: the cutting alone, and played by ffprobe and ffmpeg."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import ComponentFailed, Graphline, Pipeline
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media import Encode, MuxMPEGTS, RemuxMP4
from kamesh.components.media import TestCard as Card
from kamesh.components.sources import DataSource
from kamesh.components.web import HLSFolder, HLSServer
from kamesh.components.web.segments import Playlist, Segmenter
from kamesh.testing import Feeder

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffmpeg is not installed")


def stream(count, gop=10, rate=10.0, first=0, pts=0.0, size=1):
    """Make chunks of which each tenth is a place to begin."""
    return [
        Chunk(bytes([n % 256]) * size, n % gop == 0, pts + n / rate, first + n) for n in range(count)
    ]


def cut(chunks, target=2.0, **options):
    """Cut them all."""
    segmenter = Segmenter(target, **options)
    segments = [segment for chunk in chunks for segment in segmenter.put(chunk)]
    return segments + segmenter.end()


# cutting


def test_segments_begin_at_key_frames_and_are_as_long_as_was_said():
    """Groups of one second, segments of two; the last one is what is left."""
    segments = cut(stream(55))
    assert [len(each.data) for each in segments] == [20, 20, 15]
    assert [round(each.duration, 3) for each in segments] == [2.0, 2.0, 1.5]
    assert [each.number for each in segments] == [0, 1, 2]
    assert not any(each.discontinuity for each in segments)


def test_none_is_longer_than_was_said_unless_key_frames_are_further_apart():
    """Groups of 1.5 s make segments of 1.5 s where 2 were wanted; groups of 3 s make 3."""
    assert {round(each.duration, 3) for each in cut(stream(60, gop=15))} == {1.5}
    assert {round(each.duration, 3) for each in cut(stream(60, gop=30))} == {3.0}
    playlist = Playlist("live", 2.0)
    for each in cut(stream(60, gop=30)):
        playlist.add(each)
    assert "#EXT-X-TARGETDURATION:3" in playlist.text()


def test_what_comes_before_the_first_key_frame_is_left_out():
    """Nobody could show it; it is counted."""
    segmenter = Segmenter(2.0)
    for chunk in stream(30)[5:]:
        segmenter.put(chunk)
    assert segmenter.skipped == 5
    assert [each.data[0] for each in segmenter.end()] == [10]


def test_a_stream_that_begins_anew_is_a_discontinuity():
    """By its numbers, by its times, by a new preamble; numbering goes on."""
    for second in (
        stream(20),  # numbers and times begin again
        stream(20, first=20, pts=100.0),  # times jump ahead
        stream(20, first=25, pts=2.0),  # something is missing
    ):
        segments = cut([*stream(20), *second])
        assert [each.discontinuity for each in segments] == [False, True]
        assert [each.number for each in segments] == [0, 1]
    heads = [Preamble(b"one"), *stream(20), Preamble(b"two"), *stream(20)]
    segments = cut(heads)
    assert [(each.head, each.head_data) for each in segments] == [(0, b"one"), (1, b"two")]
    assert [each.discontinuity for each in segments] == [False, True]


def test_pictures_out_of_order_are_none():
    """Times of B-frames and of sound go back a little."""
    chunks = stream(40)
    chunks[12], chunks[13] = (
        Chunk(chunks[12].data, False, 1.3, 12), Chunk(chunks[13].data, False, 1.2, 13),
    )  # fmt: skip
    assert not any(each.discontinuity for each in cut(chunks))


def test_a_stream_without_key_frames_does_not_fill_the_memory():
    """It is cut where it gets too large."""
    segments = cut(stream(100, gop=1000, size=100), longest=1000)
    assert max(len(each.data) for each in segments) <= 1000
    assert sum(len(each.data) for each in segments) == 10_000


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3), st.integers(0, 3)), max_size=80))
def test_nothing_is_lost_and_every_duration_is_more_than_none(pieces):
    """Whatever the times and numbers are: what is not left out comes out once, in order."""
    chunks, pts, sequence = [], 0.0, 0
    for at, (keyframe, step, skip) in enumerate(pieces):
        pts += step - 0.5
        sequence += skip
        chunks.append(Chunk(b"%05d" % at, keyframe, pts, sequence))
    segmenter = Segmenter(2.0)
    segments = [segment for chunk in chunks for segment in segmenter.put(chunk)]
    segments += segmenter.end()
    out = re.findall(b".{5}", b"".join(each.data for each in segments))
    assert out == sorted(out)
    assert len(out) + segmenter.skipped == len(chunks)
    assert all(each.duration > 0 for each in segments)
    assert [each.number for each in segments] == list(range(len(segments)))


def test_the_playlist_names_the_last_and_forgets_the_oldest():
    """What it names no more is kept for as long again; numbers and discontinuities are counted."""
    playlist = Playlist("live", 2.0, window=3)
    gone = []
    for each in cut([*stream(40), *stream(200)]):
        gone += playlist.add(each)
    text = playlist.text()
    assert "#EXT-X-MEDIA-SEQUENCE:9\n" in text
    assert "#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in text
    assert re.findall(r"live-\d+\.ts", text) == ["live-9.ts", "live-10.ts", "live-11.ts"]
    assert gone == [f"live-{number}.ts" for number in range(5)]
    assert "ENDLIST" not in text
    playlist.end()
    assert playlist.text().endswith("#EXT-X-ENDLIST\n")


def test_the_playlist_of_fragmented_mp4():
    """Names the head that segments need, and gives it up with the last of them."""
    playlist = Playlist("live", 2.0, window=3)
    gone = []
    for each in cut([Preamble(b"1"), *stream(40), Preamble(b"2"), *stream(200)]):
        gone += playlist.add(each)
    text = playlist.text()
    assert text.startswith("#EXTM3U\n#EXT-X-VERSION:7\n")
    assert text.count("#EXT-X-MAP") == 1
    assert '#EXT-X-MAP:URI="live-head1.mp4"' in text
    assert "live-head0.mp4" in gone
    assert "live-head1.mp4" not in gone


def test_mistakes_are_said_at_once():
    """Times, windows and names that are none; what has no times fails the component."""
    with pytest.raises(ValueError, match="seconds of a segment cannot be 0"):
        HLSServer(target=0)
    with pytest.raises(ValueError, match="3 or more"):
        HLSServer(window=2)
    with pytest.raises(ValueError, match="names of files"):
        HLSFolder("x", stream="../x")
    with pytest.raises(ComponentFailed, match="link it to MuxMPEGTS"):
        Pipeline(DataSource([b"bytes"]), HLSServer(linger=0.0)).run()


# played


def programme(seconds, **card):
    """Card, encoder and multiplexer as one part: a group is ten pictures."""
    return Graphline(
        {
            ("CARD", "outbox"): ("ENCODE", "inbox"),
            ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("TS", "inbox"),
            ("TS", "outbox"): ("", "outbox"),
        },
        CARD=Card((160, 90), seconds=seconds, realtime=False, **card),
        ENCODE=Encode(gop=10),
        TS=MuxMPEGTS(),
    )


def frames(address):
    """Have ffprobe count the pictures at an address."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries",
         "stream=nb_read_frames", "-of", "json", str(address)],
        capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return int(json.loads(done.stdout)["streams"][0]["nb_read_frames"])


@needs_ffmpeg
def test_ffprobe_plays_it_from_memory():
    """Every picture, with no complaint; and what it is told is what a player has to know."""
    server = HLSServer(target=1.0, window=10, linger=30.0, path="tv")
    handle = Pipeline(programme(5), server).background()
    url = handle.get(timeout=20).url + "live.m3u8"
    until_ended(url)
    assert frames(url) == 125
    answer = urlopen(url)
    assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    text = answer.read().decode()
    assert sum(float(each) for each in re.findall(r"#EXTINF:([\d.]+)", text)) == pytest.approx(5, 0.02)
    assert urlopen(url.replace(".m3u8", "-0.ts")).headers["Content-Type"] == "video/mp2t"
    for wrong in ("live-99.ts", "../live.m3u8", "other"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(url.replace("live.m3u8", wrong))
    handle.stop()
    assert handle.wait(10)


def until_ended(url):
    """Wait until a playlist says that it is whole."""
    end = time.monotonic() + 20
    while b"#EXT-X-ENDLIST" not in urlopen(url, timeout=10).read():
        assert time.monotonic() < end
        time.sleep(0.05)


@needs_ffmpeg
def test_ffmpeg_records_it_live(tmp_path):
    """While it is on the air, over several playlists; what comes out is whole, without a gap."""
    server = HLSServer(target=0.4, window=4, linger=5.0)
    live = Graphline(
        {("CARD", "outbox"): ("ENCODE", "inbox"), ("ENCODE", "outbox"): ("TS", "inbox"),
         ("TS", "outbox"): ("", "outbox")},
        CARD=Card((160, 90), seconds=2), ENCODE=Encode(gop=10), TS=MuxMPEGTS(),
    )  # fmt: skip
    handle = Pipeline(live, server).background()
    url = handle.get(timeout=20).url + "live.m3u8"
    film = tmp_path / "film.ts"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-live_start_index", "0", "-i", url, "-c", "copy", film],
        check=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    handle.stop()
    assert handle.wait(10)
    assert frames(film) == 50


@needs_ffmpeg
def test_ffprobe_plays_it_from_a_folder(tmp_path):
    """All of it, with fragmented MP4 as well; nothing half written and nothing of before is left."""
    for name, parts in {"ts": [], "mp4": [RemuxMP4()]}.items():
        folder = tmp_path / name
        folder.mkdir()
        for old in ("live-77.ts", "live-5.m4s", "live.m3u8", "live-3.ts.part", "mine.txt"):
            (folder / old).write_text("old")
        Pipeline(programme(4), *parts, HLSFolder(folder, target=1.0, window=None)).run()
        assert frames(folder / "live.m3u8") == 100, name
        left = {each.name for each in folder.iterdir()}
        assert "mine.txt" in left
        assert not left & {"live-77.ts", "live-5.m4s"}
        assert not [each for each in left if each.endswith(".part")]


@needs_ffmpeg
def test_a_programme_that_begins_anew_goes_on(tmp_path):
    """Two programmes one after the other into one folder: all pictures of both."""
    first, second = [], []
    for each in (first, second):
        Pipeline(programme(2), _Keep(each)).run()
    Pipeline(DataSource(first + second), HLSFolder(tmp_path, target=1.0, window=None)).run()
    text = (tmp_path / "live.m3u8").read_text()
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "live.m3u8", "-map", "0:v", "-f", "framemd5", "-"],
        capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith(b"#")]
    assert len(lines) == 100


class _Keep(Feeder):
    """Keeps what comes."""

    def main(self):
        while not self.stopping():
            self.messages.extend(self.inbox)
            yield self.pause()


def test_old_segments_leave_the_folder(tmp_path):
    """What is on the disk is bounded; the newest playlist can be played at every moment."""
    Pipeline(DataSource(stream(600, size=100)), HLSFolder(tmp_path, target=1.0, window=3)).run()
    names = sorted(each.name for each in tmp_path.iterdir())
    assert len(names) == 3 + 4 + 1
    for each in re.findall(r"live-\d+\.ts", (tmp_path / "live.m3u8").read_text()):
        assert each in names


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """In one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ComponentFailed, match="file"):
        Pipeline(DataSource(stream(30)), HLSFolder(Path(tmp_path, "file", "sub"))).run()


def test_memory_is_bounded_and_the_end_is_waited_for_no_longer_than_said():
    """An endless stream keeps as much as its window; told to stop it stops at once."""
    server = HLSServer(target=1.0, window=3, linger=0.0)
    Pipeline(DataSource(stream(2000, size=1000)), server).run()
    assert server.details()["kept"] <= 8 * 10_000
    assert server.details()["segments"] == 200
    handle = HLSServer(linger=60.0).background()
    handle.put(Chunk(b"x", True, 0.0, 0))
    handle.stop()
    assert handle.wait(5)


def test_a_player_that_comes_too_early_waits_for_the_first_segment():
    """And is told so in words if there never is one."""
    server = HLSServer(target=1.0, linger=0.0)
    with server.background() as handle:
        url = handle.get(timeout=5).url + "live.m3u8"
        for chunk in stream(30):
            handle.put(chunk)
        assert b"live-0.ts" in urlopen(url, timeout=5).read()
