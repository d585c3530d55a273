"""Containers taken apart, from a stream and from a file, and decoded: every kind, cut, and joined late."""

import av
import numpy as np
import pytest
from films import ffmpeg, film, keeps_promises, played

from kamesh import ComponentFailed, Pipeline, ProducerFinished, Shutdown
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media import (
    Decode,
    Demux,
    Encode,
    FileSource,
    MuxMPEGTS,
    PacketSource,
    Record,
    Subtitle,
    probe,
)
from kamesh.components.media import TestCard as Card
from kamesh.components.media.engine import demuxing
from kamesh.components.media.engine.decoders import ProgrammeDecoder
from kamesh.components.media.messages import AudioInfo, MediaPacket, StreamHeader, VideoInfo
from kamesh.components.media.trouble import MediaError
from kamesh.components.sources import DataSource
from kamesh.testing import Collector

H264 = ("-c:v", "libx264", "-g", "5", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "aac")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One film in several containers: two tracks of sound in Matroska, with subtitles."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "words.srt").write_text(
        "1\n00:00:00,200 --> 00:00:00,600\nHello <i>world</i>\n\n"
        "2\n00:00:00,700 --> 00:00:00,900\nTwo\nlines\n"
    )
    film(folder / "plain.ts", *H264)
    film(folder / "plain.mkv", *H264)
    film(folder / "plain.mp4", *H264)
    ffmpeg("-i", folder / "plain.mp4", "-c", "copy", "-movflags", "frag_keyframe+empty_moov",
           folder / "fragments.mp4")  # fmt: skip
    film(folder / "both.mkv", *H264, "-metadata:s:a:0", "language=eng",
         "-metadata:s:a:1", "language=deu", pitches=(440, 880))  # fmt: skip
    ffmpeg("-i", folder / "both.mkv", "-i", folder / "words.srt", "-map", "0", "-map", "1",
           "-c", "copy", "-c:s", "srt", folder / "all.mkv")  # fmt: skip
    return folder


def taken_apart(data, size=1000, **words):
    """Send bytes through Demux; give the component and what it sent."""
    demux = Demux(**words)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    sent, subtitles = played(DataSource(pieces), demux, boxes=("outbox", "subtitles"))
    return demux, sent, subtitles


def pictures_of(messages):
    """Decode; give the pictures."""
    decoder = ProgrammeDecoder()
    frames = []
    for message in messages:
        if isinstance(message, StreamHeader):
            frames += decoder.finish()
            decoder.begin(message)
        else:
            frames += decoder.decode(message)
    return [each for each in [*frames, *decoder.finish()] if isinstance(each, av.VideoFrame)]


# from a stream


@pytest.mark.parametrize("name", ["plain.ts", "plain.mkv", "fragments.mp4"])
@pytest.mark.parametrize("size", [188, 10_007])
def test_a_container_in_pieces_is_taken_apart_whole(folder, name, size):
    """Every picture and every sample of sound is there, however the bytes are cut."""
    demux, (header, *packets), _ = taken_apart((folder / name).read_bytes(), size)
    assert [info.codec for info in header.streams] == ["h264", "aac"]
    assert (header.streams[0].width, header.streams[0].height) == (64, 48)
    assert header.streams[1].sample_rate == 48000
    video = [packet for packet in packets if packet.stream == 0]
    assert len(video) == 25
    assert [packet.keyframe for packet in video] == [n % 5 == 0 for n in range(25)]
    if name == "fragments.mp4":
        return  # this ffmpeg makes the first picture of such a file last longer
    unit = header.streams[0].time_base
    times = [float((packet.pts - video[0].pts) * unit) for packet in video]
    assert times == pytest.approx([n / 25 for n in range(25)], abs=0.001)
    assert demux.details() == {"packets": len(packets), "damaged": 0, "broken": 0}


def test_packets_of_mp4_leave_with_start_codes(folder):
    """So that a transport stream can be made of them, which ffprobe's own library reads."""
    _, (header, *packets), _ = taken_apart((folder / "fragments.mp4").read_bytes())
    assert header.streams[0].extradata.startswith(b"\0\0\0\1\x67")
    assert all(p.data.startswith((b"\0\0\0\1", b"\0\0\1")) for p in packets if p.stream == 0)


def test_a_transport_stream_may_begin_in_the_middle(folder):
    """All pictures from the next key frame on."""
    data = (folder / "plain.ts").read_bytes()
    _, messages, _ = taken_apart(data[len(data) // 2 + 50 :])
    frames = pictures_of(messages)
    assert len(frames) in (5, 10)
    assert frames[0].key_frame


@pytest.mark.parametrize("name", ["plain.ts", "plain.mkv", "fragments.mp4"])
def test_a_stream_that_is_cut_is_given_as_far_as_it_goes(folder, name):
    """In the middle of a picture: it costs that one, and the run ends in order."""
    data = (folder / name).read_bytes()
    demux, messages, _ = taken_apart(data[: len(data) * 3 // 5])
    assert 8 <= len(pictures_of(messages)) < 25
    assert demux.failure is None


def test_a_new_preamble_begins_a_new_container(folder):
    """A sender that begins anew is followed: a second header, and its packets."""
    data = (folder / "plain.mkv").read_bytes()
    demux = Demux()
    sent, _ = played(
        DataSource([Preamble(data[:500]), Chunk(data[500:]), Preamble(data[:500]), Chunk(data[500:])]),
        demux, boxes=("outbox", "subtitles"),
    )  # fmt: skip
    assert [n for n, each in enumerate(sent) if isinstance(each, StreamHeader)] == [0, len(sent) // 2]
    assert len(pictures_of(sent)) == 50


def test_chunks_before_a_place_to_begin_are_left_out(folder):
    """As every receiver here does it."""
    data = (folder / "plain.ts").read_bytes()
    demux = Demux()
    sent, _ = played(
        DataSource([Chunk(b"\xff" * 500, keyframe=False), Chunk(data)]),
        demux, boxes=("outbox", "subtitles"),
    )  # fmt: skip
    assert len(pictures_of(sent)) == 25


def test_streams_are_chosen_by_language_and_subtitles_come_beside(folder):
    """The second track of sound, and what is to be read."""
    data = (folder / "all.mkv").read_bytes()
    _, (header, *packets), subtitles = taken_apart(data, video=False, audio="de", subtitles=0)
    assert [type(info) for info in header.streams] == [AudioInfo]
    assert {packet.stream for packet in packets} == {0}
    assert [(s.text, round(s.end - s.start, 1)) for s in subtitles] == [
        ("Hello world", 0.4), ("Two\nlines", 0.2),
    ]  # fmt: skip


def test_an_mp4_with_its_index_at_the_end_is_refused_as_a_stream(folder):
    """With what to do instead."""
    with pytest.raises(ComponentFailed, match=r"index comes at its end.*PacketSource"):
        taken_apart((folder / "plain.mp4").read_bytes())


@pytest.mark.parametrize(
    "data",
    [
        b"this is no film at all, and never will be. " * 100,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    ],
)
def test_bytes_that_are_no_media_fail_in_a_sentence(data):
    """And a playlist can make FFmpeg open nothing on this host."""
    with pytest.raises(ComponentFailed, match=r"inbox cannot be opened: FFmpeg knows no format"):
        taken_apart(data)


def test_a_message_that_is_no_bytes_is_refused():
    """With what it takes."""
    with pytest.raises(ComponentFailed, match="Demux takes bytes or Chunks, not int"):
        played(DataSource([3]), Demux(), boxes=("outbox",))


def test_demux_ends_and_waits_as_every_component(folder):
    """With its stream, when told to, and behind a reader that does not read."""
    data = (folder / "plain.ts").read_bytes()
    pieces = [data[at : at + 188] for at in range(0, len(data), 188)]
    sent = keeps_promises(lambda: Demux("mpegts"), pieces)
    assert len(pictures_of(sent)) == 25


# from a file


def test_packets_of_a_file_are_copied_without_decoding(folder, tmp_path):
    """What is recorded again has every picture of the original, bit for bit."""
    Pipeline(PacketSource(folder / "plain.mp4"), MuxMPEGTS(), Record(tmp_path / "copy.ts")).run()
    report = probe(tmp_path / "copy.ts")
    assert (report.frames, report.video_codec, report.audio_codec) == (25, "h264", "aac")
    was, now = (
        [frame.to_ndarray() for frame in av.open(str(path)).decode(video=0)]
        for path in (folder / "plain.mp4", tmp_path / "copy.ts")
    )
    assert all((a == b).all() for a, b in zip(was, now, strict=True))


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("none.mkv", {}, "there is no file"),
        (".", {}, "is a folder"),
        ("words.srt", {}, "has nothing of what was chosen: it has 1 subtitles"),
        ("both.mkv", {"audio": "fra"}, r"no audio in 'fra': it has 0 \(eng\), 1 \(deu\)"),
    ],
)
def test_a_file_that_cannot_be_had_is_refused_in_a_sentence(folder, name, words, why):
    """Each in its own words."""
    with pytest.raises(ComponentFailed, match=why):
        PacketSource(folder / name, **words).run()


def test_a_file_at_its_own_pace_stops_when_told(folder):
    """Packets come by the clock; a Shutdown in between is obeyed."""
    with PacketSource(folder / "plain.ts", realtime=True).background() as source:
        assert isinstance(source.get(timeout=5), StreamHeader)
        assert isinstance(source.get(timeout=5), MediaPacket)
        source.put(Shutdown(), "control")


def test_a_file_ends_early_when_told_to_finish(folder):
    """ProducerFinished too: a source has nothing to finish."""
    with PacketSource(folder / "plain.ts", realtime=True).background() as source:
        source.get(timeout=5)
        source.put(ProducerFinished(), "control")


# every codec


@pytest.mark.parametrize(
    ("suffix", "words", "codecs"),
    [
        ("ts", "-c:v mpeg2video -c:a mp2", ("mpeg2video", "mp2")),
        ("webm", "-c:v libvpx -c:a libvorbis", ("vp8", "vorbis")),
        ("webm", "-c:v libvpx-vp9 -deadline realtime -c:a libopus", ("vp9", "opus")),
        ("mkv", "-c:v libaom-av1 -cpu-used 8 -usage realtime -c:a flac", ("av1", "flac")),
        ("mkv", "-c:v vc2 -pix_fmt yuv422p -c:a ac3", ("dirac", "ac3")),
        ("ogg", "-c:v libtheora -c:a libvorbis", ("theora", "vorbis")),
        ("mp4", "-c:v libx265 -x265-params log-level=none -c:a alac", ("hevc", "alac")),
        ("avi", "-c:v mjpeg -c:a pcm_s16le", ("mjpeg", "pcm_s16le")),
        ("avi", "-c:v rawvideo -pix_fmt yuv420p -c:a pcm_s16le", ("rawvideo", "pcm_s16le")),
    ],
)
def test_every_codec_is_decoded(tmp_path, suffix, words, codecs):
    """All pictures, about all samples of sound, and the shades of FFmpeg's test picture."""
    path = film(tmp_path / f"film.{suffix}", *words.split(), "-strict", "-2")
    source, decode = PacketSource(path), Decode()
    pictures, sound = played(source, decode)
    (header,) = [m for m in [_header_of(path)] if m]
    assert tuple(info.codec for info in header.streams) == codecs
    assert len(pictures) >= 25  # an encoder may repeat the last one
    assert len(pictures) <= 26
    assert (pictures[0].width, pictures[0].height) == (64, 48)
    assert sum(piece.samples for piece in sound) == pytest.approx(48000, rel=0.04)
    assert pictures[0].to_ndarray(format="rgb24").std() > 60  # it is not grey
    assert decode.details()["damaged"] == decode.details()["skipped"] == 0


def _header_of(path):
    kept = Collector()
    Pipeline(PacketSource(path), kept).run()
    return kept.messages[0]


def test_a_damaged_packet_costs_its_own_picture(folder):
    """With pictures that stand for themselves exactly one is missing, and it is counted."""
    kept = Collector()
    path = film(folder / "each.avi", "-c:v", "mjpeg", "-an")
    Pipeline(PacketSource(path), kept).run()
    header, *packets = kept.messages
    packets[7] = MediaPacket(0, b"\x00" * 40, packets[7].pts, packets[7].dts, keyframe=True)
    decode = Decode()
    pictures, _ = played(DataSource([header, *packets]), decode)
    assert len(pictures) == 24
    assert decode.details()["damaged"] == 1


def test_a_codec_that_this_build_has_not_is_one_sentence():
    """Also in the component."""
    header = StreamHeader((VideoInfo("voodoo", Card().rate**-1, 64, 48),))
    with pytest.raises(MediaError, match="this build of FFmpeg has no decoder for voodoo"):
        ProgrammeDecoder().begin(header)
    with pytest.raises(ComponentFailed, match="no decoder for voodoo"):
        played(DataSource([header]), Decode())


def test_subtitles_keep_their_times(folder):
    """To the millisecond that Matroska has, on the clock of the film."""
    _, subtitles = played(
        PacketSource(folder / "all.mkv", video=False, audio=False, subtitles=0),
        boxes=("outbox", "subtitles"),
    )
    assert [s.text for s in subtitles] == ["Hello world", "Two\nlines"]
    assert isinstance(subtitles[0], Subtitle)
    assert subtitles[1].start - subtitles[0].start == pytest.approx(0.5, abs=0.002)


def test_one_codec_that_is_not_there_costs_its_own_stream(caplog):
    """The pictures go on without the sound, and it is said."""
    kept = Collector()
    Pipeline(Card((160, 90), seconds=1, realtime=False), Encode(audio=""), kept).run()
    header, *packets = kept.messages
    strange = AudioInfo("voodoo", header.streams[0].time_base, 48000)
    packets.insert(3, MediaPacket(1, b"???", 0, 0, keyframe=True))
    decode = Decode()
    pictures, sound = played(
        DataSource([StreamHeader((*header.streams, strange)), *packets]), decode
    )
    assert (len(pictures), sound) == (25, [])
    assert decode.details() == {"frames": 25, "damaged": 0, "skipped": 1}
    assert "no decoder for voodoo; the rest goes on" in caplog.text


def test_a_stream_that_ffmpeg_knows_nothing_of_is_left_out(folder, monkeypatch, caplog):
    """The sound is given, and it is said that the pictures are not."""

    class Unknown:
        """A stream as PyAV gives one whose codec it has no decoder for."""

        def __init__(self, stream):
            self._stream = stream
            self.codec_context = None if stream.type == "video" else stream.codec_context

        def __getattr__(self, name):
            return getattr(self._stream, name)

    def chosen(where, kind, streams, choice):
        return Unknown(streams[0]) if kind == "video" else streams[0] if kind == "audio" else None

    monkeypatch.setattr(demuxing, "chosen_stream", chosen)
    (sent,) = played(PacketSource(folder / "plain.mkv"), boxes=("outbox",))
    assert [info.codec for info in sent[0].streams] == ["aac"]
    assert len(sent) > 40
    assert "no decoder for the video in it (stream 0); the rest goes on" in caplog.text


def test_a_film_is_played_in_the_language_that_was_chosen(folder):
    """The first track is 440 Hz, the German one 880; or none at all."""
    for choice, hertz in (("eng", 440), ("deu", 880)):
        pictures, sound = played(FileSource(folder / "both.mkv", realtime=False, audio=choice))
        wave = np.concatenate([piece.to_ndarray()[0] for piece in sound])
        loudest = np.abs(np.fft.rfft(wave)).argmax() / len(wave) * 48000
        assert loudest == pytest.approx(hertz, abs=2)
        assert len(pictures) == 25
    _, sound = played(FileSource(folder / "both.mkv", realtime=False, audio=False))
    assert sound == []
    with pytest.raises(ComponentFailed, match=r"no audio in 'fra': it has 0 \(eng\), 1 \(deu\)"):
        FileSource(folder / "both.mkv", audio="fra").run()
