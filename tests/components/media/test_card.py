"""The test card: what it shows, that its number can be read off it, and its pace."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from kamesh.components.media import TestCard as Card_
from kamesh.components.media.engine.card import Card, crc8, flash_is_on, read_number, timecode
from kamesh.components.media.engine.cardframes import CardFrames
from kamesh.components.media.engine.lettering import ALPHABET, text_width, write
from kamesh.testing import Collector, run, run_coroutine

PAL = Fraction(25)


def frames(size=(320, 180), rate=PAL, tone=440.0):
    """Make the frames of a small card."""
    return CardFrames(size, rate, tone=tone, sample_rate=48000)


def luma(frame):
    """Look at the brightness of a picture."""
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]


# lettering


def test_every_letter_leaves_ink_within_its_own_width():
    """All of the alphabet is drawn, none runs over the edge at the top or the bottom."""
    for letter in ALPHABET:
        ink = write(letter, 40)
        assert ink.shape[1] == text_width(letter, 40)
        assert ink.max() == (0 if letter == " " else 1)
        assert ink[0].max() == ink[-1].max() == 0


def test_no_two_digits_look_alike():
    """Each differs from each in a good part of its ink."""
    drawn = [write(digit, 40) for digit in "0123456789"]
    for i, one in enumerate(drawn):
        for other in drawn[i + 1 :]:
            assert np.abs(one - other).sum() > 0.15 * max(one.sum(), other.sum())


def test_lower_case_is_written_as_capitals_and_the_unknown_is_left_blank():
    """A label of any text can be drawn."""
    assert (write("ab", 20) == write("AB", 20)).all()
    assert write("é", 20).max() == 0


# the number


@pytest.mark.parametrize("number", [0, 1, 24, 25, 1234567, 0xFFFFFFFF])
@pytest.mark.parametrize("size", [(160, 90), (320, 180), (720, 576), (360, 640)])
def test_the_number_is_read_off_the_picture(number, size):
    """At every size, for every number of 32 bits."""
    card = Card(size, PAL)
    picture = card.still.y.copy()
    card.draw(picture, number)
    assert read_number(picture) == number


def test_a_picture_without_a_number_reads_as_none():
    """Black, white, grey and noise are not mistaken for frame 0."""
    assert read_number(np.full((180, 320), 16, np.uint8)) is None
    assert read_number(np.full((180, 320), 235, np.uint8)) is None
    assert read_number(np.full((180, 320), 126, np.uint8)) is None
    noise = np.random.default_rng(1).integers(0, 256, (180, 320), np.uint8)
    assert read_number(noise) is None


def test_a_number_with_one_wrong_block_is_refused():
    """The check finds any single block that was read wrongly."""
    for bit in range(32):
        assert crc8(0xCAFE ^ 1 << bit) != crc8(0xCAFE)


def test_the_number_survives_scaling():
    """A picture that was made smaller or larger on its way can still be read."""
    picture = frames((640, 360)).picture(4321)
    for size in ((320, 180), (1280, 720)):
        assert read_number(luma(picture.reformat(width=size[0], height=size[1]))) == 4321


# the picture


def test_the_clock_counts_frames_seconds_minutes_and_hours():
    """hh:mm:ss.ff, at whole rates and at those that are not."""
    assert timecode(0, PAL) == "00:00:00.00"
    assert timecode(24, PAL) == "00:00:00.24"
    assert timecode(25 * 3661 + 7, PAL) == "01:01:01.07"
    assert timecode(25 * 86400, PAL) == "00:00:00.00"
    assert timecode(30, Fraction(30000, 1001)) == "00:00:01.00"


def test_the_bars_have_the_colours_of_bt_709():
    """75 % bars, limited range: luma and both colours of each, to the digit of the standard."""
    frame = frames((1280, 720)).picture(0)
    expected = [(180, 128, 128), (168, 44, 136), (145, 147, 44), (133, 63, 52), (63, 193, 204),
                (51, 109, 212), (28, 212, 120)]  # fmt: skip
    for i, values in enumerate(expected):
        x = i * 1280 // 7 + 40
        found = tuple(
            int(np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[y, x // (1280 // wide)])
            for plane, y, wide in zip(frame.planes, (4, 2, 2), (1280, 640, 640), strict=True)
        )
        assert np.abs(np.subtract(found, values)).max() <= 1, f"bar {i}: {found}, not {values}"


def test_a_frame_is_the_same_whenever_it_is_drawn():
    """It depends on its number alone, so nothing of an earlier frame is left in it."""
    one, other = frames(), frames()
    for number in (0, 26, 99):
        one.picture(number)
    assert (luma(one.picture(7)) == luma(other.picture(7))).all()


def test_every_frame_differs_from_the_one_before():
    """Something moves, besides the figures."""
    card = frames()
    pictures = [luma(card.picture(number)) for number in range(30)]
    strip = slice(round(180 * 0.845), round(180 * 0.90))
    for before, after in pairwise(pictures):
        assert (before[strip] != after[strip]).any()


def test_the_blip_sounds_while_the_flash_is_lit_and_never_else():
    """So that picture and sound can be compared by eye and ear: to the sample."""
    card = frames(tone=0)
    for number in range(60):
        loud = np.abs(card.sound(number).to_ndarray()).max() > 1000
        assert loud == flash_is_on(number, PAL) == (number % 25 < 2)


@pytest.mark.parametrize("rate", [PAL, Fraction(30000, 1001), Fraction(24), Fraction(60)])
def test_the_sound_has_no_gap_and_no_overlap(rate):
    """Each frame's sound begins where the last one's ended, also where samples do not divide."""
    card = frames(rate=rate)
    at = 0
    for number in range(120):
        sound = card.sound(number)
        assert sound.pts == at
        at += sound.samples
    assert abs(at - 120 * 48000 / rate) < 1


def test_the_tone_runs_on_over_the_edge_of_frames():
    """No click: the step from one frame's last sample to the next one's first is as any other."""
    card = frames()
    wave = np.concatenate([card.sound(n).to_ndarray()[0, ::2] for n in range(5, 20)]).astype(int)
    assert np.abs(np.diff(wave)).max() < 110  # 440 Hz at -26 dB: at most 94 from sample to sample


# the component


def test_it_makes_as_many_frames_as_it_is_told_and_ends():
    """Both streams, with their times."""
    sent = run(Card_((160, 90), rate=25, seconds=2, realtime=False), {})
    assert [frame.pts for frame in sent["outbox"]] == list(range(50))
    assert {frame.time_base for frame in sent["outbox"]} == {Fraction(1, 25)}
    assert sum(frame.samples for frame in sent["audio"]) == 96000
    assert [read_number(luma(frame)) for frame in sent["outbox"]] == list(range(50))


def test_it_keeps_the_pace_of_the_clock():
    """Frame n leaves n frames after the first, by the scheduler's clock, without drift."""
    times = []

    class Watch(Collector):
        def main(self):
            while not self.stopping():
                times.extend(self.now() for _ in self.inbox)
                yield self.pause()

    from kamesh import Pipeline

    run_coroutine(Pipeline(Card_((160, 90), rate="30000/1001", seconds=2), Watch()).run_async())
    assert len(times) == 60
    for number, time in enumerate(times):
        assert time - times[0] == pytest.approx(number * 1001 / 30000, abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"size": (161, 90)}, "even"),
        ({"size": (64, 64)}, "from 160 x 90"),
        ({"rate": "fast"}, "frame rate"),
        ({"rate": 1000}, "1 to 240"),
        ({"seconds": 0}, "more than 0"),
        ({"tone": 30000}, "below half"),
    ],
)
def test_a_mistake_is_refused_at_once(wrong, why):
    """When the card is made, not when it runs, and in words."""
    with pytest.raises(ValueError, match=why):
        Card_(**wrong)
