"""FFmpeg's filters by their own words: checked when made, followed through changes, told things."""

from fractions import Fraction

import pytest
from films import grey, keeps_promises, played, said, shade, tone

from kamesh import ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.media import (
    AudioFilter,
    DeviceSource,
    Encode,
    FilterCommand,
    FilterGraph,
    MediaError,
    VideoFilter,
    device_kinds,
)
from kamesh.components.sources import DataSource
from kamesh.errors import LinkageRefused
from kamesh.testing import Collector


def through(part, frames):
    """Send frames through one component; give what comes out."""
    return played(DataSource(frames), part, boxes=("outbox",))[0]


def halves(number):
    """A picture whose left half is dark and whose right half is light."""
    frame = grey(number)
    pixels = frame.to_ndarray()
    pixels[:, :32], pixels[:, 32:] = 50, 200
    other = type(frame).from_ndarray(pixels, "gray")
    other.pts, other.time_base = frame.pts, frame.time_base
    return other


def test_pictures_are_filtered_and_keep_their_times():
    """Mirrored, scaled, and each at the time it had; those handed in are as they were."""
    frames = [halves(n) for n in range(10)]
    out = through(VideoFilter("hflip,scale=32:-1"), frames)
    assert [(f.width, f.height) for f in out] == [(32, 24)] * 10
    assert [f.pts * f.time_base for f in out] == [Fraction(n, 25) for n in range(10)]
    assert (shade(out[0], 4, 4), shade(out[0], 28, 4)) == (200, 50)
    assert (shade(frames[0], 4, 4), shade(frames[0], 60, 4)) == (50, 200)


def test_a_change_of_size_in_mid_stream_is_followed():
    """What was inside comes out first, and nothing is lost."""
    frames = [grey(n) for n in range(5)] + [grey(n, size=(80, 40)) for n in range(5, 10)]
    part = VideoFilter("hflip")
    out = through(part, frames)
    assert [f.width for f in out] == [64] * 5 + [80] * 5
    assert part.details() == {"frames": 10, "changes": 1, "unheeded": 0}


def test_sound_is_filtered():
    """Twice as loud (FFmpeg does it in floats of full scale 1), and faster."""
    pieces = [tone(n, level=0.25) for n in range(100)]
    louder = through(AudioFilter("volume=2"), pieces)
    assert max(abs(p.to_ndarray()).max() for p in louder) == pytest.approx(0.5, abs=0.001)
    faster = through(AudioFilter("atempo=1.25"), pieces)
    assert sum(p.samples for p in faster) == pytest.approx(48000 / 1.25, abs=1500)


def test_a_change_of_rate_in_mid_stream_is_followed():
    """Sound that becomes mono of another rate goes on."""
    pieces = [tone(n) for n in range(50)] + [tone(n, 80, 8000, layout="mono") for n in range(50, 100)]
    out = through(AudioFilter("volume=0.5"), pieces)
    assert sum(p.samples for p in out if p.sample_rate == 48000) == 24000
    assert sum(p.samples for p in out if p.sample_rate == 8000) == 4000


def test_a_graph_of_two_inputs_waits_for_the_one_that_is_behind():
    """Each picture is laid over the one of its own time, however unevenly they come."""
    graph = FilterGraph("[below][above]overlay=0:0:format=gbrp,format=gray[out]")
    kept = Collector()
    below = DataSource([grey(n, 10 * n) for n in range(20)])
    above = DataSource([grey(n, 200 + n, size=(32, 48)) for n in range(20)])
    Graphline(
        BELOW=below, ABOVE=above, OVER=graph, KEPT=kept,
        linkages={
            ("BELOW", "outbox"): ("OVER", "below"),
            ("ABOVE", "outbox"): ("OVER", "above"),
            ("OVER", "out"): ("KEPT", "inbox"),
        },
    ).run()  # fmt: skip
    assert [abs(shade(f, 10, 10) - (200 + n)) <= 1 for n, f in enumerate(kept.messages)] == [True] * 20
    assert [abs(shade(f, 50, 10) - 10 * n) <= 1 for n, f in enumerate(kept.messages)] == [True] * 20


def test_a_graph_of_several_outputs_and_of_sound_to_pictures():
    """Split in two; and waves drawn of sound."""
    kept = {box: Collector() for box in ("a", "b")}
    Graphline(
        SOURCE=DataSource([grey(n) for n in range(5)]), SPLIT=FilterGraph("split[a],hflip[b]"),
        A=kept["a"], B=kept["b"],
        linkages={
            ("SOURCE", "outbox"): ("SPLIT", "inbox"),
            ("SPLIT", "a"): ("A", "inbox"), ("SPLIT", "b"): ("B", "inbox"),
        },
    ).run()  # fmt: skip
    assert [len(each.messages) for each in kept.values()] == [5, 5]
    waves = through(FilterGraph("showwaves=size=64x48:rate=25"), [tone(n) for n in range(100)])
    assert [f.width for f in waves] == [64] * 25


def test_a_graph_without_inputs_is_a_source_that_can_be_stopped():
    """With an end of its own, and without."""
    (kept,) = played(FilterGraph("testsrc=size=64x48:duration=1"), boxes=("outbox",))
    assert len(kept) == 25
    with FilterGraph("testsrc=size=64x48").background() as endless:
        endless.get(timeout=5)
        endless.put(Shutdown(), "control")


@pytest.mark.parametrize(
    ("make", "graph", "why"),
    [
        (VideoFilter, "scale=foo=3", "scale: No such option: foo"),
        (VideoFilter, "scale=w=abc", "scale: Invalid size 'abc'"),
        (VideoFilter, "voodoo", "this build of FFmpeg has no filter 'voodoo'"),
        (VideoFilter, "hflip,volume=2", "one is pictures and the other sound"),
        (VideoFilter, "volume=2", "does not turn one video stream into another"),
        (AudioFilter, "hflip", "does not turn one audio stream into another, as 'atempo=1.25'"),
        (VideoFilter, "split[a][b]", "use FilterGraph"),
        (FilterGraph, "amix=inputs=2", "more than one inbox open: give them labels"),
        (FilterGraph, "[control]hflip", r"\[control\] cannot be the name of a box"),
        (FilterGraph, "[a]hflip[a]", "gives nothing"),
        (FilterGraph, "[a][b]hflip", "fewer than it is given labels"),
        (FilterGraph, "split,hflip", "what comes before hflip has no place in it"),
    ],
)
def test_wrong_words_are_refused_when_the_component_is_made(make, graph, why):
    """With FFmpeg's own reason, where it is FFmpeg that does not like them."""
    with pytest.raises(MediaError, match=why):
        make(graph)


def test_what_cannot_be_used_for_these_pictures_fails_with_the_reason():
    """Known only when they come: a cut-out larger than the picture."""
    with pytest.raises(ComponentFailed, match=r"crop=100:100.*too big"):
        through(VideoFilter("crop=100:100"), [grey(0)])


def test_the_wrong_kind_of_frame_is_refused():
    """Sound into a filter for pictures, and what is no frame."""
    with pytest.raises(ComponentFailed, match="takes video at 'inbox'"):
        through(VideoFilter("hflip"), [tone(0)])
    with pytest.raises(ComponentFailed, match="takes frames on 'inbox', not str"):
        through(VideoFilter("hflip"), ["picture"])


def test_an_input_that_nothing_is_linked_to_is_said():
    """Rather than waited for without end."""
    graph = FilterGraph("[a][b]hstack[out]")
    source = DataSource([grey(0)])
    with pytest.raises(ComponentFailed, match=r"needs something linked to .*\.b"):
        Graphline(S=source, G=graph, linkages={("S", "outbox"): ("G", "a")}).run()


def test_a_filter_is_told_something_while_it_runs():
    """From the next frame on; what no filter heeds is counted, and the rest goes on."""
    part = AudioFilter("volume=1")
    with part.background() as running:
        running.put(tone(0, level=0.5), "inbox")
        loud = running.get(timeout=5)
        for told in (FilterCommand("volume", "volume", "0.5"), FilterCommand("voodoo", "x", "y")):
            running.put(told, "commands")
        while len(part._strand.inboxes["commands"]) < 2:
            pass
        running.put(tone(1, level=0.5), "inbox")
        soft = running.get(timeout=5)
        running.put(Shutdown(), "control")
    assert abs(loud.to_ndarray()).max() == pytest.approx(2 * abs(soft.to_ndarray()).max(), rel=0.02)
    assert part.unheeded == 1


def test_filters_end_and_wait_as_every_component():
    """With the stream, when told to, and behind a reader that does not read."""
    for graph, frames in (("hflip", [grey(n) for n in range(3)]), ("anull", [tone(n) for n in range(3)])):
        make = VideoFilter if graph == "hflip" else AudioFilter
        sent = keeps_promises(lambda make=make, graph=graph: make(graph), frames)
        assert sent == [said(frame) for frame in frames]


def test_a_filter_says_what_it_takes():
    """Packets are refused when the linkage is made, with what to put between."""
    with pytest.raises(LinkageRefused, match="takes pictures: put Decode between them"):
        Pipeline(Encode(), VideoFilter("hflip"))


# devices


def test_a_device_gives_pictures_and_sound_from_time_0():
    """FFmpeg's own generators stand for a camera and a microphone."""
    source = DeviceSource(
        "testsrc=size=64x48:rate=25:duration=1[out0];sine=440:sample_rate=48000:duration=1[out1]",
        "lavfi",
    )
    pictures, sound = played(source)
    assert [f.pts * f.time_base for f in pictures] == [Fraction(n, 25) for n in range(25)]
    assert sum(piece.samples for piece in sound) == 48000
    assert sound[0].pts == 0


def test_a_device_without_sound_has_an_end_of_sound_at_once():
    """So that whoever waits for both goes on."""
    pictures, sound = played(DeviceSource("testsrc=size=64x48:rate=25:duration=0.2", "lavfi"))
    assert (len(pictures), sound) == (5, [])


def test_a_device_stops_when_told():
    """Though it would go on for ever."""
    with DeviceSource("testsrc=size=64x48,realtime", "lavfi").background() as device:
        device.get(timeout=5)
        device.put(Shutdown(), "control")


def test_a_reader_that_does_not_read_stops_the_device():
    """What waits is a few frames, in each of the places where they may."""
    device = DeviceSource("testsrc=size=64x48", "lavfi")
    with device.background() as running:
        running.get(timeout=5)
        seen = -1
        while seen != device.frames:
            seen = device.frames
            running.get(timeout=5)
        running.put(Shutdown(), "control")
    assert device.frames < 2500


@pytest.mark.parametrize(
    ("device", "kind", "why"),
    [("/dev/video77", "v4l2", "the v4l2 device /dev/video77 cannot be opened: there is no such"),
     ("voodoo", "lavfi", "the lavfi device voodoo cannot be opened: Filter not found")],
)  # fmt: skip
def test_a_device_that_is_not_there_fails_in_a_sentence(device, kind, why):
    """When it starts."""
    if kind not in device_kinds():
        pytest.skip(f"this build of FFmpeg reads from no {kind} devices")
    with pytest.raises(ComponentFailed, match=why):
        DeviceSource(device, kind).run()


def test_a_kind_of_devices_that_this_build_has_not_is_refused_with_those_it_has():
    """When the component is made."""
    with pytest.raises(ValueError, match=r"reads from no 'voodoo' devices: it has .*lavfi"):
        DeviceSource("x", "voodoo")
