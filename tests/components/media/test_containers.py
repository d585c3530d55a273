"""Containers: packets written as files and live, read again by FFmpeg, whole and cut short."""

import io
import subprocess
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kamesh import ComponentFailed, Pipeline
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media import (
    Encode,
    MediaPacket,
    Mux,
    Record,
    RecordingError,
    StreamHeader,
    TestCard,
    VideoInfo,
    probe,
)
from kamesh.components.media.core.cutting import ClusterCutter, PageCutter, TableCutter
from kamesh.components.media.core.livewords import FILES, LIVE
from kamesh.components.media.core.startcodes import START_CODE, parameter_sets
from kamesh.components.media.core.tracks import track_heads
from kamesh.components.media.engine.containers import ContainerMuxer
from kamesh.components.media.engine.muxing import LiveMuxer
from kamesh.components.media.line import MediaPipeline
from kamesh.components.media.trouble import MediaError
from kamesh.components.sources import DataSink, DataSource
from tests.components.media.test_encode import card, encoded, number_of, time_of

PROGRAMMES = {
    "mpeg": encoded(*card(0, 60), gop=20)[:2],
    "open": encoded(*card(0, 60), gop=20, video="vp9", audio="opus")[:2],
    "sound": encoded((), card(0, 60)[1], video="", audio="vorbis")[:2],
    "dirac": encoded(*card(0, 20), video="dirac", audio="flac", bitrate=8_000_000)[:2],
}


def written(container, header, packets, options=None):
    """Write a programme into a file in memory."""
    file = io.BytesIO()
    muxer = ContainerMuxer(file, container, options)
    muxer.begin(header)
    for packet in packets:
        muxer.mux(packet)
    muxer.finish()
    return file.getvalue()


def read(data):
    """Read a file by FFmpeg; give the card's numbers, the times of pictures, and the samples."""
    numbers, times, samples = [], [], 0
    with av.open(io.BytesIO(data)) as file:
        for frame in file.decode():
            if isinstance(frame, av.VideoFrame):
                numbers.append(number_of(frame))
                times.append(round(float(time_of(frame)), 3))
            else:
                samples += frame.samples
    return numbers, times, samples


def live(container, header, packets):
    """Write a programme live; give the pieces."""
    muxer = LiveMuxer(container)
    pieces = list(muxer.begin(header))
    for packet in packets:
        pieces += muxer.mux(packet)
    return pieces + list(muxer.finish())


# files


@pytest.mark.parametrize(
    ("suffix", "programme"),
    [
        (".mkv", "mpeg"), (".mp4", "mpeg"), (".mov", "mpeg"), (".flv", "mpeg"), (".nut", "open"),
        (".webm", "open"), (".mkv", "open"), (".mkv", "dirac"), (".ogg", "sound"), (".mka", "sound"),
    ],
)  # fmt: skip
def test_what_is_written_is_read(suffix, programme):
    """Every picture with its number at its time, and all of the sound."""
    header, packets = PROGRAMMES[programme]
    numbers, times, samples = read(written(FILES[suffix][0], header, packets, FILES[suffix][1]))
    count = 20 if programme == "dirac" else 60
    if programme != "sound":
        assert numbers == list(range(count))
        begin = times[0]
        assert [time - begin for time in times] == pytest.approx(
            [n / 25 for n in range(count)], abs=0.002
        )
    assert count * 1920 - 2048 <= samples <= count * 1920 + 3072


def test_an_mp4_that_broke_off_can_be_played(tmp_path):
    """Up to the last fragment that was whole, though its end was never written."""
    header, packets = PROGRAMMES["mpeg"]
    file = io.BytesIO()
    muxer = ContainerMuxer(file, *FILES[".mp4"])
    muxer.begin(header)
    for packet in packets:
        muxer.mux(packet)
    numbers, _, _ = read(file.getvalue())
    muxer.discard()
    assert numbers[:20] == list(range(20))
    assert len(numbers) >= 40


def test_ffprobe_agrees(tmp_path):
    """FFmpeg's own program sees the codecs, the sizes and the frames that went in."""
    path = tmp_path / "card.mkv"
    path.write_bytes(written("matroska", *PROGRAMMES["mpeg"]))
    try:
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
             "stream=codec_name,width,nb_read_frames", "-of", "csv=p=0", path],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("ffprobe is not installed")
    assert done.stdout.split()[0] == "h264,320,60"
    assert done.stdout.split()[1].startswith("aac,")


def test_a_sender_that_begins_anew_goes_on_in_the_file():
    """Times go on where they were; nothing is lost between."""
    header, packets = PROGRAMMES["mpeg"]
    file = io.BytesIO()
    muxer = ContainerMuxer(file, "matroska")
    for _ in range(2):
        muxer.begin(header)
        for packet in packets:
            muxer.mux(packet)
    muxer.finish()
    numbers, times, _ = read(file.getvalue())
    assert numbers == [*range(60), *range(60)]
    assert times == sorted(times)


def test_what_a_container_cannot_hold():
    """Each in a sentence that names the container and the codecs."""
    header, packets = PROGRAMMES["mpeg"]
    with pytest.raises(MediaError, match="webm cannot hold h264 and aac"):
        written("webm", header, packets)
    with pytest.raises(MediaError, match="ogg cannot hold dirac and flac"):
        written("ogg", *PROGRAMMES["dirac"])
    with pytest.raises(MediaError, match="writes no container 'nonsense'"):
        written("nonsense", header, packets)
    with pytest.raises(MediaError, match="names no stream"):
        ContainerMuxer(io.BytesIO(), "matroska").begin(StreamHeader(()))
    muxer = ContainerMuxer(io.BytesIO(), "matroska")
    muxer.begin(header)
    with pytest.raises(MediaError, match="stream 7 came; the header named 2"):
        muxer.mux(MediaPacket(7, b"x", 0, 0))
    with pytest.raises(MediaError, match="begun anew with other streams"):
        muxer.begin(PROGRAMMES["open"][0])
    with pytest.raises(ValueError, match="no place for strange here"):
        track_heads(StreamHeader((VideoInfo("strange", Fraction(1, 25), 2, 2),)))


def test_a_head_that_never_comes_is_not_waited_for_for_ever():
    """What is held back is bounded: then FFmpeg says what it can do without."""
    header = StreamHeader((VideoInfo("h264", Fraction(1, 25), 320, 180, Fraction(25)),))
    muxer = ContainerMuxer(io.BytesIO(), "nut")
    muxer.begin(header)
    for number in range(1000):
        muxer.mux(MediaPacket(0, b"\x00\x00\x01\x41abc", number, number))
    assert len(muxer._held) == 0


def test_parameter_sets():
    """All of them or nothing, whichever start code they have."""
    sps, pps, picture = b"\x67abc", b"\x68de", b"\x65picture"
    head = START_CODE + sps + START_CODE + pps
    assert parameter_sets("h264", head + START_CODE[1:] + picture) == head
    assert parameter_sets("h264", START_CODE + sps + START_CODE + picture) == b""
    assert parameter_sets("h264", b"") == b""


# Record


@pytest.mark.parametrize("name", ["card.mp4", "card.mkv", "card.ts", "CARD.MKV"])
def test_record_chooses_by_the_name(name, tmp_path):
    """And what it says of bytes is what is on the disk."""
    kept = []
    source = TestCard(size=(320, 180), seconds=2, realtime=False)
    MediaPipeline(source, Encode(), Record(tmp_path / name), DataSink(kept)).run()
    assert kept[0].bytes == (tmp_path / name).stat().st_size
    report = probe(tmp_path / name)
    assert (report.frames, report.missing, report.repeated) == (50, 0, 0)


def test_record_refuses_what_the_container_cannot_hold(tmp_path):
    """With a sentence, and no file of that name."""
    header, packets = PROGRAMMES["mpeg"]
    with pytest.raises(ComponentFailed, match="webm cannot hold h264 and aac"):
        Pipeline(DataSource([header, *packets]), Record(tmp_path / "card.webm")).run()
    assert not (tmp_path / "card.webm").exists()


def test_record_wants_a_header(tmp_path):
    """Packets alone are refused."""
    with pytest.raises(ComponentFailed, match="packets came before a header"):
        Pipeline(DataSource(PROGRAMMES["mpeg"][1]), Record(tmp_path / "card.mkv")).run()


def test_a_disk_that_fills_is_said(tmp_path, monkeypatch):
    """The sentence says what is there of it, also for a container that is written by seeking."""
    real = open("/dev/full", "wb", buffering=0)  # noqa: SIM115  closed below
    monkeypatch.setattr("pathlib.Path.open", lambda *_, **__: real)
    header, packets = PROGRAMMES["mpeg"]
    record = Record(tmp_path / "card.mkv")
    with pytest.raises(ComponentFailed, match="is full") as raised:
        Pipeline(DataSource([header, *packets]), record).run()
    assert raised.value.failure.error == RecordingError.__name__
    real.close()


# live


@pytest.mark.parametrize(
    ("container", "programme"),
    [("matroska", "mpeg"), ("webm", "open"), ("mp4", "mpeg"), ("mpegts", "mpeg")],
)
def test_a_viewer_may_begin_at_each_key_piece(container, programme):
    """The head and what follows any key piece is a stream, with every picture from there on."""
    pieces = live(container, *PROGRAMMES[programme])
    heads = [piece.data for piece in pieces if isinstance(piece, Preamble)]
    chunks = [piece for piece in pieces if isinstance(piece, Chunk)]
    assert len(heads) == (0 if container == "mpegts" else 1)
    keys = [number for number, chunk in enumerate(chunks) if chunk.keyframe]
    assert len(keys) == 3
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    for place, first in zip(keys, (0, 20, 40), strict=True):
        data = b"".join([*heads, *(chunk.data for chunk in chunks[place:])])
        assert read(data)[0] == list(range(first, 60))


@pytest.mark.parametrize("container", ["matroska", "webm"])
def test_ffprobe_has_nothing_to_say_of_what_is_live(container, tmp_path):
    """The head is whole: what it says of places in itself is so."""
    pieces = live(container, *PROGRAMMES["open"])
    (tmp_path / "live").write_bytes(b"".join(piece.data for piece in pieces))
    try:
        done = subprocess.run(
            ["ffprobe", "-v", "warning", tmp_path / "live"], capture_output=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("ffprobe is not installed")
    assert done.stderr == b""


def test_pieces_come_while_the_stream_goes_on():
    """By the middle of the stream about half of the pieces have come: nothing waits for the end."""
    header, packets = PROGRAMMES["open"]
    muxer = LiveMuxer("webm")
    pieces = list(muxer.begin(header))
    for packet in packets[: len(packets) // 2]:
        pieces += muxer.mux(packet)
    assert sum(isinstance(piece, Chunk) for piece in pieces) >= 2


def test_sound_alone_in_ogg():
    """Its pages can be begun with anywhere, behind the head."""
    head, *pages = live("ogg", *PROGRAMMES["sound"])
    assert isinstance(head, Preamble)
    assert all(page.keyframe for page in pages)
    _, _, samples = read(head.data + b"".join(page.data for page in pages[3:]))
    assert 40_000 < samples < 115_200


def test_a_second_header_begins_anew():
    """With a head of its own, which makes an end of what came before it."""
    header, packets = PROGRAMMES["open"]
    muxer = LiveMuxer("webm")
    pieces = []
    for _ in range(2):
        pieces += muxer.begin(header)
        for packet in packets:
            pieces += muxer.mux(packet)
    pieces += muxer.finish()
    assert [type(piece) for piece in pieces].count(Preamble) == 2


@settings(max_examples=30, deadline=None)
@given(cuts=some.lists(some.integers(1, 5000), min_size=1, max_size=40))
@pytest.mark.parametrize("container", ["webm", "ogg", "mpegts"])
def test_the_pieces_are_the_same_however_the_bytes_are_cut(container, cuts):
    """Cut anywhere, the same pieces come out."""
    programme = {"webm": "open", "ogg": "sound", "mpegts": "mpeg"}[container]
    data = written(container, *PROGRAMMES[programme], LIVE[container])
    make = {
        "webm": lambda: ClusterCutter(pictures=True), "ogg": PageCutter, "mpegts": TableCutter,
    }[container]  # fmt: skip
    whole, cut = make(), make()
    expected = whole.feed(data) + whole.finish()
    found, at, turn = [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        found += cut.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert found + cut.finish() == expected


@pytest.mark.parametrize("make", [lambda: ClusterCutter(pictures=True), PageCutter])
def test_what_is_no_container_is_refused(make):
    """With a sentence, not with a buffer that grows."""
    with pytest.raises(ValueError, match="this is no"):
        make().feed(b"\x00" * 100 + b"nothing of the kind" * 10)


def test_mux_says_which_containers_there_are():
    """And the likely one."""
    with pytest.raises(ValueError, match=r"no live container 'matrsoka' \(did you mean 'matroska'"):
        Mux("matrsoka")


def test_mux_wants_what_encode_sends():
    """Anything else is refused with what is linked to it."""
    with pytest.raises(ComponentFailed, match="Mux takes what Encode sends, not str"):
        Pipeline(DataSource(["text"]), Mux()).run()
