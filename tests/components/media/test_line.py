"""MediaPipeline: the boxes that fit are linked, and what is missing is put in."""

import pytest
from films import film, grey

from kamesh import Component, Pipeline
from kamesh.components.media import (
    AudioFilter,
    Decode,
    Encode,
    FileSource,
    MediaPipeline,
    MuxMPEGTS,
    NetworkSource,
    Overlay,
    PacketSource,
    Pictures,
    Probe,
    Record,
    RemuxMP4,
    Resample,
    Scale,
    SubtitleReader,
    Sync,
    VideoFilter,
    probe,
)
from kamesh.components.media import TestCard as Card
from kamesh.components.media.line import CONVERTERS
from kamesh.components.oneline import PipelineMistake, pipeline_of
from kamesh.components.sources import DataSource
from kamesh.components.web import HLSFolder, HLSServer
from kamesh.errors import LinkageRefused
from kamesh.nodes.plan import plan_of
from kamesh.testing import Collector


def card(seconds=1):
    """A small test card, as fast as it is taken."""
    return Card((160, 90), seconds=seconds, realtime=False)


def names(line):
    """What is in a line."""
    return list(line.parts)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((card(), MuxMPEGTS()), ["TestCard", "Encode", "MuxMPEGTS"]),
        ((card(), Record("a.ts")), ["TestCard", "Encode", "Record"]),
        ((card(), RemuxMP4()), ["TestCard", "Encode", "MuxMPEGTS", "RemuxMP4"]),
        ((PacketSource("a"), Record("b.ts")), ["PacketSource", "Record"]),
        ((PacketSource("a"), Scale(64), Record("b.ts")),
         ["PacketSource", "Decode", "Scale", "Encode", "Record"]),
        ((NetworkSource("tcp://a"), Resample(8000), Overlay("x"), Record("b.ts")),
         ["NetworkSource", "Decode", "Resample", "Overlay", "Encode", "Record"]),
        ((card(), MuxMPEGTS(), VideoFilter("hflip")),
         ["TestCard", "Encode", "MuxMPEGTS", "Demux", "Decode", "VideoFilter"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_put_in(parts, expected):
    """Under its own name, in the place where it must be."""
    assert names(MediaPipeline(*parts)) == expected


def test_arguments_that_make_it_fit_are_given():
    """A part that takes one size only is given it, at the rate that it takes."""

    class Screen(Component):
        formats = {"inbox": Pictures(("rgb24",), ((64, 36),), (card().rate * 2,))}

    line = MediaPipeline(card(), Screen())
    assert names(line) == ["TestCard", "Scale", "FrameRate", "Screen"]
    scale = line.parts["Scale"]
    assert (scale.width, scale.height, scale.format) == (64, 36, "rgb24")
    assert line.parts["FrameRate"].rate == 50


def test_sound_goes_past_what_works_on_pictures_and_the_other_way_round(tmp_path):
    """Both arrive, worked on, and nothing is lost, many times over."""
    for _ in range(3):
        MediaPipeline(
            card(), Scale(80, 44), Resample(channels=1), VideoFilter("hflip"),
            AudioFilter("volume=0.5"), Record(tmp_path / "out.ts"),
        ).run()  # fmt: skip
        report = probe(tmp_path / "out.ts")
        assert (report.frames, report.width, report.audio_codec) == (25, 80, "aac")
        assert report.audio_seconds == pytest.approx(1, abs=0.1)


def test_a_film_is_recoded_with_its_subtitles_burnt_in(tmp_path):
    """What is beside in the film comes to the box of the same name."""
    film(tmp_path / "a.mkv", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
    line = MediaPipeline(
        PacketSource(tmp_path / "a.mkv"), Overlay("HELLO"), Record(tmp_path / "b.ts"), Probe(),
        kept := Collector(),
    )  # fmt: skip
    assert [str(each) for each in line._strand.made if "subtitles" in str(each)] == [
        "MediaPipeline/PacketSource.subtitles -> MediaPipeline/Overlay.subtitles"
    ]
    line.run()
    assert kept.messages[0].frames == 25
    assert kept.messages[0].audio_codec == "aac"


def test_when_the_last_part_has_enough_those_before_it_stop(tmp_path):
    """Also an endless source, with sound that goes another way."""

    class Enough(Component):
        def main(self):
            taken = 0
            while taken < 5:
                taken += sum(1 for _ in self.inbox)
                yield self.pause()

    MediaPipeline(card(seconds=None), Scale(80), Resample(8000), Encode(), Enough()).run()


def test_what_cannot_be_brought_together_is_refused_when_it_is_made():
    """With both boxes."""
    with pytest.raises(LinkageRefused, match=r"Reader\.outbox gives text.*nothing here turns text into"):
        MediaPipeline(SubtitleReader("a.srt"), Encode())
    with pytest.raises(LinkageRefused, match=r"gives pictures .*MuxMPEGTS.inbox takes packets: put Encode"):
        Pipeline(card(), MuxMPEGTS())


def test_parts_that_declare_nothing_are_linked_as_in_any_pipeline():
    """A function, a component of the user's own."""
    line = MediaPipeline(DataSource([grey(0)]), lambda frame: frame.width, kept := Collector())
    line.run()
    assert kept.messages == [64]


def test_the_same_parts_make_the_same_plan_for_several_nodes():
    """What is put in has a name that placement can use, and each node finds the same linkages."""

    def made():
        return MediaPipeline(
            card(), Scale(80), Record("a.ts"), placement={"Encode": "encoder", "Record": "archive"}
        )

    (one, parts), (other, _) = plan_of(made()), plan_of(made())
    assert one == other
    assert {name: each.node for name, each in one.components.items()}["Encode"] == "encoder"
    assert set(parts) == {"TestCard", "Scale", "Encode", "Record"}


def test_every_converter_is_made_as_it_is_named():
    """Each without arguments, or with those that formats give it."""
    assert isinstance(CONVERTERS["Decode"](), Decode)
    assert all(isinstance(make(25) if name == "FrameRate" else make(), Component)
               for name, make in CONVERTERS.items())  # fmt: skip
    assert isinstance(FileSource("a"), Component)


# one-line pipelines


def test_words_of_media_are_linked_as_in_a_media_pipeline(tmp_path, monkeypatch):
    """Sound goes past what works on pictures; any component is a word, and known by its formats."""
    monkeypatch.chdir(tmp_path)
    line = pipeline_of(
        "testcard size=160x90 seconds=1 realtime=no ! scale 80 ! resample 16000 ! encode ! record a.ts"
        " ! null"
    )
    assert names(line) == ["testcard", "scale", "resample", "encode", "record", "null"]
    line.run()
    report = probe("a.ts")
    assert (report.frames, report.width, report.audio_codec) == (25, 80, "aac")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("testcard ! scale 80 ! save a.ts", "'scale' gives frames: put 'encode' between them"),
        ("testcard ! scale 80 ! mux", "'mux' takes packets, and 'scale' gives frames"),
        ("packet-source a.mp4 ! video-filter hflip", "'packet-source' gives packets: put 'decode'"),
    ],
)
def test_words_of_media_that_do_not_fit_are_refused(line, why):
    """With what could stand between them."""
    with pytest.raises(PipelineMistake, match=why):
        pipeline_of(line)


def test_sound_by_another_name_finds_its_way():
    """Sync's sound, whose box has a name of its own, goes to Encode's inbox for sound."""
    line = MediaPipeline(card(), Sync(), Encode(), Record("never.ts"))
    made = {str(linkage) for linkage in line._strand.made}
    assert any("Sync.sound" in each and "Encode.audio" in each for each in made), made


@pytest.mark.parametrize("sink", [lambda: HLSServer(), lambda: HLSFolder("never")])
def test_hls_is_given_a_transport_stream(sink):
    """Between Encode and what serves segments the multiplexer is put in."""
    assert "MuxMPEGTS" in MediaPipeline(card(), Encode(), sink()).parts
