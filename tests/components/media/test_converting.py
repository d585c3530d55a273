"""Scale, Resample, FrameRate: what comes is brought to one form, also when it changes."""

from fractions import Fraction

import av
import numpy as np
import pytest
from films import film, grey, keeps_promises, played, shade, tone

from kamesh import ComponentFailed, Pipeline
from kamesh.components.media import Encode, FrameRate, Resample, Scale, TransportStream
from kamesh.components.media.engine.cloning import Cloner
from kamesh.components.media.messages import StreamHeader
from kamesh.components.sources import DataSource
from kamesh.errors import LinkageRefused
from kamesh.testing import Collector


def through(part, frames):
    """Send frames through one component; give what comes out."""
    return played(DataSource(frames), part, boxes=("outbox",))[0]


# pictures


@pytest.mark.parametrize(
    ("words", "size"),
    [((32, 24), (32, 24)), ((32,), (32, 24)), ((-1, 12), (16, 12)), ((), (64, 48)), ((50,), (50, 38))],
)
def test_pictures_are_scaled(words, size):
    """To both, or to one with the shape kept; the shade and the time stay."""
    (out,) = through(Scale(*words), [grey(7, 77)])
    assert (out.width, out.height) == size
    assert shade(out) == pytest.approx(77, abs=1)
    assert out.pts * out.time_base == Fraction(7, 25)


def test_one_that_has_the_form_already_is_passed_on_as_it_is():
    """The very same."""
    frame = grey(0)
    part = Scale(64, 48, "gray")
    assert through(part, [frame]) == [frame]
    assert part.details() == {"frames": 1, "passed": 1}


def test_each_picture_is_converted_from_what_it_is():
    """Sizes and formats may change in mid-stream."""
    frames = [grey(0), grey(1, size=(80, 40)), grey(2, form="yuv420p"), grey(3, form="rgb24")]
    out = through(Scale(32, 24, format="rgb24"), frames)
    assert [(f.width, f.height, f.format.name) for f in out] == [(32, 24, "rgb24")] * 4


def test_encode_goes_on_when_the_size_changes_in_mid_stream():
    """With the size of the first, and every picture."""
    frames = [grey(n, form="yuv420p") for n in range(5)]
    frames += [grey(n, size=(128, 96), form="yuv420p") for n in range(5, 10)]
    (header, *packets) = through(Encode(audio=""), frames)
    assert isinstance(header, StreamHeader)
    assert (header.streams[0].width, len(packets)) == (64, 10)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((0,), "cannot be 0: it is from 1"),
        ((64, 99999), "cannot be 99999"),
        ((64, 48, "voodoo"), "no pixel format"),
    ],
)  # fmt: skip
def test_a_size_that_cannot_be_is_refused_at_once(words, why):
    """In words."""
    with pytest.raises(ValueError, match=why):
        Scale(*words)


def test_a_scale_says_what_it_gives():
    """So that a linkage that does not fit is refused with the arguments that would."""
    class Small(Collector):
        formats = {"inbox": TransportStream()}

    with pytest.raises(LinkageRefused, match="put Encode and MuxMPEGTS between them"):
        Pipeline(Scale(64, 48), Small())


# the rate of pictures


def test_pictures_are_brought_to_a_steady_rate():
    """25 to 50: each twice; 25 to 10: two of five; times are the ticks."""
    frames = [grey(n, 10 * n) for n in range(10)]
    twice, fewer = FrameRate(50), FrameRate(10)
    out = through(twice, frames)
    assert [shade(f) for f in out] == [10 * (n // 2) for n in range(20)]
    assert [f.pts for f in out] == list(range(20))
    assert {f.time_base for f in out} == {Fraction(1, 50)}
    assert twice.details() == {"repeated": 10, "dropped": 0}
    out = through(fewer, frames)
    assert [f.pts for f in out] == list(range(4))
    assert fewer.details() == {"repeated": 0, "dropped": 6}


def test_pictures_handed_in_keep_their_times():
    """A clone shares the pixels and has a time of its own; pictures of any format can be cloned."""
    for form in ("gray", "yuv420p", "rgb24", "yuv444p10le"):
        frame = grey(3, 90, form=form)
        other = Cloner().clone(frame, 9, Fraction(1, 50))
        assert (frame.pts, frame.time_base) == (3, Fraction(1, 25))
        assert (other.pts, other.time_base, other.format.name) == (9, Fraction(1, 50), form)
        assert other.planes[0].buffer_ptr == frame.planes[0].buffer_ptr


def test_a_picture_without_a_time_is_refused():
    """As nothing could be placed by it."""
    frame = grey(0)
    frame.pts = None
    with pytest.raises(ComponentFailed, match="this one bears none"):
        through(FrameRate(25), [frame])


def test_ffmpeg_s_film_of_24_pictures_becomes_one_of_30(tmp_path):
    """One second stays one second, and nothing is out of order."""
    path = film(tmp_path / "film.mkv", "-c:v", "ffv1", "-an", "-r", "24")
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    out = through(FrameRate(30), frames)
    assert len(out) == 30 or len(out) == round(len(frames) * 30 / 24)
    assert [f.pts for f in out] == list(range(len(out)))


# sound


def level_of(pieces, channel=0):
    """Give the loudest sample as a part of full scale."""
    return max(np.abs(p.to_ndarray().reshape(p.samples, -1)[:, channel]).max() for p in pieces) / 32767


def test_sound_is_resampled_without_a_gap():
    """As long as it was, as loud as it was, its times counted in samples."""
    out = through(Resample(16000, 1, "s16"), [tone(n, hertz=500) for n in range(100)])
    assert sum(piece.samples for piece in out) == 16000
    assert {(p.layout.name, p.format.name, p.sample_rate) for p in out} == {("mono", "s16", 16000)}
    assert level_of(out) == pytest.approx(0.5, abs=0.02)
    at = 0
    for piece in out:
        assert (piece.pts, piece.time_base) == (at, Fraction(1, 16000))
        at += piece.samples


def test_a_change_of_rate_in_mid_stream_is_followed_in_sound():
    """What is inside comes out first; times go on."""
    pieces = [tone(n, hertz=500) for n in range(50)]
    for n in range(50, 100):
        pieces.append(tone(n, 80, 8000, hertz=500, layout="mono"))
    part = Resample(16000, 2, "s16")
    out = through(part, pieces)
    assert sum(piece.samples for piece in out) == pytest.approx(16000, abs=4)
    assert part.details()["changes"] == 1
    times = [float(p.pts * p.time_base) for p in out]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(1, abs=0.05)


def test_a_gap_in_sound_stays_where_it_was():
    """What comes after a loss has its own time."""
    pieces = [tone(n) for n in (*range(10), *range(60, 70))]
    out = through(Resample(16000), pieces)
    after = [p for p in out if p.pts * p.time_base > Fraction(3, 10)]
    assert float(after[0].pts * after[0].time_base) == pytest.approx(0.6, abs=0.001)
    assert sum(p.samples for p in out) == pytest.approx(3200, abs=4)


def test_sound_that_has_the_form_already_is_passed_on_as_it_is():
    """The very same."""
    piece = tone(0)
    assert through(Resample(48000, 2, "s16"), [piece]) == [piece]


@pytest.mark.parametrize(
    ("words", "why"),
    [({"rate": 10}, "1000 to 768000"), ({"channels": 99}, "1 to 64"), ({"format": "voodoo"}, "no sample"),
     ({"layout": "voodoo"}, "no channel layout"), ({"channels": 2, "layout": "mono"}, "not both")],
)  # fmt: skip
def test_a_form_of_sound_that_cannot_be_is_refused_at_once(words, why):
    """In words."""
    with pytest.raises(ValueError, match=why):
        Resample(**words)


@pytest.mark.parametrize(
    ("make", "frames"),
    [(lambda: Scale(32), [grey(n) for n in range(3)]),
     (lambda: FrameRate(25), [grey(n) for n in range(3)]),
     (lambda: Resample(16000), [tone(n) for n in range(3)])],
)  # fmt: skip
def test_converters_end_and_wait_as_every_component(make, frames):
    """With the stream, when told to, and behind a reader that does not read."""
    assert len(keeps_promises(make, frames)) >= 3


@pytest.mark.parametrize(
    ("part", "why"),
    [(Scale(32), "Scale takes av.VideoFrame, not str"), (FrameRate(25), "FrameRate takes av.VideoFrame"),
     (Resample(8000), "Resample takes av.AudioFrame, not str")],
)  # fmt: skip
def test_what_is_no_frame_is_refused(part, why):
    """With what it takes."""
    with pytest.raises(ComponentFailed, match=why):
        through(part, ["no frame"])
