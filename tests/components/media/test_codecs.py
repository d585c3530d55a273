"""Codecs: what is encoded comes back with every one that there is, and what cannot be is said."""

from fractions import Fraction

import av
import pytest

from kamesh.components.media.core.codecs import codec_of, is_other, makers_of
from kamesh.components.media.engine.encoders import VideoEncoder
from kamesh.components.media.trouble import MediaError
from tests.components.media.test_encode import CARD, card, decoded, encoded, number_of, time_of


@pytest.mark.parametrize(
    ("asked", "codec"),
    [
        ("h264", "h264"), ("hevc", "hevc"), ("vp8", "vp8"), ("vp9", "vp9"),
        ("mpeg2", "mpeg2video"), ("dirac", "dirac"), ("vc2", "dirac"),
    ],
)  # fmt: skip
def test_pictures(asked, codec):
    """Each picture comes back, in order, at its time; the first one is a place to begin."""
    header, packets, encoder = encoded(card(0, 30)[0], video=asked, audio="", bitrate=4_000_000)
    assert [info.codec for info in header.streams] == [codec]
    assert packets[0].keyframe
    assert encoder.notes == []
    pictures, _, decoder = decoded(header, packets)
    assert [number_of(p) for p in pictures] == list(range(30))
    assert [time_of(p) for p in pictures] == [Fraction(n, 25) for n in range(30)]
    assert (decoder.damaged, decoder.skipped) == (0, 0)


@pytest.mark.parametrize("codec", ["opus", "vorbis", "aac", "mp3", "mp2", "flac"])
def test_sound(codec):
    """Two seconds of a tone come back as two seconds, at about the level they had."""
    sounds = card(0, 50)[1]
    header, packets, _ = encoded((), sounds, video="", audio=codec)
    assert header.streams[0].codec == codec
    _, heard, decoder = decoded(header, packets)
    assert decoder.damaged == 0
    assert 96000 - 2048 <= sum(one.samples for one in heard) <= 96000 + 3 * 1152
    middle = heard[len(heard) // 2].to_ndarray().astype(float)
    scale = 32768 if heard[0].format.name.startswith("s16") else 1
    there = sounds[25].to_ndarray().astype(float)
    loud = abs(middle).max() / scale
    assert loud == pytest.approx(abs(there).max() / (32768 if there.max() > 2 else 1), rel=0.3)


def test_vorbis_takes_two_channels_and_opus_its_own_rates():
    """What an encoder cannot have is brought to the nearest it can, and the header says it."""
    sounds = card(0, 25)[1]
    header, _, _ = encoded((), sounds, video="", audio="vorbis", channels=1)
    assert header.streams[0].channels in (1, 2)
    header, _, _ = encoded((), sounds, video="", audio="opus", sample_rate=44100)
    assert header.streams[0].sample_rate == 48000


def test_a_rate_that_a_codec_cannot_have_is_said():
    """MPEG-2 has a list of rates; another is refused with the name of the encoder."""
    with pytest.raises(MediaError, match="mpeg2video at 7/3 frames a second cannot encode this"):
        VideoEncoder(CARD.picture(0), "mpeg2video", Fraction(7, 3), bitrate=1_000_000)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("libx264", "libx264", "mpeg4"),
        ("h264", "libx264", "mpeg4"),
        ("opus", "libopus", "opus"),
        ("libvpx-vp9", "libvpx-vp9", "libvpx-vp9"),
        ("prores", "prores", "prores"),
    ],
)
def test_which_encoders_are_tried(wanted, first, last):
    """A codec has its best encoder first; an encoder by name comes before all others."""
    assert (makers_of(wanted)[0], makers_of(wanted)[-1]) == (first, last)


def test_what_is_another():
    """A codec's own encoders are none; an encoder that was named is only itself."""
    assert not is_other("libx264", "h264")
    assert is_other("mpeg4", "h264")
    assert is_other("libopenh264", "libx264")
    assert codec_of("vc2") == "dirac"
    assert av.Codec("vc2", "w").canonical_name == "dirac"
