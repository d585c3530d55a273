"""Formats: what is agreed, what is put between, what is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kamesh.components import media
from kamesh.components.formats import (
    CONVERSIONS,
    Agreement,
    ByteStream,
    Conversion,
    Packets,
    Pictures,
    Refusal,
    Sound,
    Step,
    Text,
    TransportStream,
    agree,
)

SIZES = some.lists(some.sampled_from([(64, 48), (640, 360)]), max_size=2, unique=True).map(tuple)
RATES = some.lists(some.sampled_from([Fraction(25), Fraction(30)]), max_size=2, unique=True).map(tuple)
KINDS = [Pictures(), Sound(), Packets(), ByteStream(), TransportStream(), Text()]
FORMATS = some.one_of(
    some.sampled_from(KINDS),
    some.builds(Pictures, some.sampled_from([(), ("rgb24",)]), SIZES, RATES),
    some.builds(Sound, some.just(()), some.sampled_from([(), (8000,), (48000,)])),
    some.builds(Packets, some.sampled_from([(), ("h264", "aac"), ("vp9", "opus")])),
)


def test_what_is_open_on_one_side_is_settled_by_the_other():
    """The agreement is as narrow as both say."""
    given = Pictures(("yuv420p", "rgb24"), ((64, 48),))
    assert agree(given, Pictures(("rgb24",), rates=(Fraction(25),))) == Agreement(
        Pictures(("rgb24",), ((64, 48),), (Fraction(25),))
    )


@pytest.mark.parametrize(
    ("gives", "takes", "steps"),
    [
        (Pictures(), Packets(), ["Encode"]),
        (Pictures(), TransportStream(), ["Encode", "MuxMPEGTS"]),
        (Sound(), ByteStream(), ["Encode", "MuxMPEGTS"]),
        (ByteStream(), Pictures(), ["Demux", "Decode"]),
        (TransportStream(), Sound(), ["Demux", "Decode"]),
        (Pictures(), Packets() | TransportStream(), ["Encode"]),
        (Pictures(sizes=((64, 48),)), Pictures(sizes=((32, 24),)), ["Scale(width=32, height=24)"]),
        (Pictures(("gray",)), Pictures(("rgb24",)), ["Scale(format='rgb24')"]),
        (Pictures(rates=(Fraction(25),)), Pictures(rates=(Fraction(30),)), ["FrameRate(rate=30)"]),
        (
            Sound(("s16",), (48000,), (2,)),
            Sound((), (16000,), (1,)),
            ["Resample(rate=16000, channels=1)"],
        ),
        (
            Packets(("h264", "aac")),
            Packets(("vp9", "opus")),
            ["Decode", "Encode(video='libvpx-vp9', audio='opus')"],
        ),
        (Text(), Pictures(), None),
        (Pictures(), Sound(), None),
    ],
)
def test_what_is_put_between(gives, takes, steps):
    """The fewest components, each with the arguments that make it fit; or a sentence."""
    found = agree(gives, takes)
    if steps is None:
        assert found == Refusal(f"nothing here turns {gives.kind} into {takes.kind}")
    else:
        assert [str(step) for step in found.steps] == steps


def test_all_codecs_that_come_must_be_taken():
    """One that fits does not make good for one that does not."""
    mpegts = Packets(("h264", "aac", "mp2"))
    assert agree(Packets(("h264", "aac")), mpegts) == Agreement(Packets(("h264", "aac")))
    assert isinstance(agree(Packets(("vp9", "aac")), mpegts), Conversion)


def test_a_transport_stream_is_bytes_and_bytes_are_not_always_a_transport_stream():
    """Whoever takes bytes takes MPEG-TS."""
    assert agree(TransportStream(), ByteStream()) == Agreement(TransportStream())
    assert isinstance(agree(ByteStream(), TransportStream()), Conversion)


@given(FORMATS)
def test_everything_fits_itself(one):
    """Whatever is constrained of it."""
    assert agree(one, one) == Agreement(one)


@given(FORMATS, FORMATS)
def test_an_agreement_is_within_both_and_a_misfit_says_something(gives, takes):
    """An agreement fits both sides; everything else is a sentence with both in it."""
    found = agree(gives, takes)
    misfit = gives.misfit(takes)
    if isinstance(found, Agreement):
        assert misfit is None
        assert isinstance(agree(found.format, takes), Agreement)
    else:
        assert misfit is not None
        said = misfit.between("A.outbox", "B.inbox")
        assert said.startswith("A.outbox gives ")
        assert " and B.inbox takes " in said
        assert found == agree(gives, takes)


def test_every_converter_that_is_named_exists():
    """Each name of the table is a component of this package."""
    for name in {*CONVERSIONS.values(), "Scale", "Resample", "FrameRate"}:
        assert hasattr(media, name)


def test_a_format_of_somebody_else_is_left_alone():
    """Nothing is known of it, so nothing is said against it."""
    assert Pictures().misfit(object()) is None


def test_steps_read_as_they_would_be_written():
    """In a program."""
    assert str(Step("Scale", {"width": 640, "height": 360})) == "Scale(width=640, height=360)"
    assert str(Step("Encode")) == "Encode"
    assert str(Pictures(("yuv420p",), ((64, 48),), (Fraction(25),))) == (
        "pictures in yuv420p of 64 x 48 at 25 frames a second"
    )
