"""Level: how loud a sound is, by its own times."""

from math import sqrt

import numpy as np
import pytest
from films import keeps_promises, tone

from kamesh import ComponentFailed
from kamesh.codec import decode, encode
from kamesh.components.media import Level, SoundLevel
from kamesh.components.media.engine.metering import Meter
from kamesh.components.refusing import WrongFigure
from kamesh.testing import run


def test_a_level_is_told_for_each_stretch_of_time():
    """A sine of half of full scale: its peak is that, its root mean square that by the root of two."""
    frames = [tone(n, level=0.5) for n in range(25)]
    out = run(Level(0.1), frames)
    assert [level.time for level in out["levels"]] == [0.0, 0.1, 0.2]
    for level in out["levels"]:
        assert level.peak == pytest.approx(0.5, abs=1e-3)
        assert level.rms == pytest.approx(0.5 / sqrt(2), abs=1e-3)
    assert out["outbox"] == frames


def test_however_it_is_cut_it_is_as_loud():
    """The same levels for pieces of any length; the last is of what is left."""
    samples = np.linspace(-1, 1, 1000, dtype=np.float32)[:, None]
    measures = []
    for size in (1, 7, 100, 1000):
        meter, found = Meter(1000, 0.3), []
        for first in range(0, 1000, size):
            found += meter.push(first, samples[first : first + size])
        measures.append(found + meter.finish())
    assert [[level.time for level in found] for found in measures] == [[0.0, 0.3, 0.6, 0.9]] * 4
    for found in measures[1:]:
        assert [(m.peak, m.rms) for m in found] == [
            (m.peak, pytest.approx(m.rms)) for m in measures[0]
        ]


def test_a_change_of_rate_begins_a_new_measure():
    """What was measured before is told first."""
    frames = [tone(0, 480), tone(0, 160, 16000, layout="mono")]
    assert len(run(Level(0.1), frames)["levels"]) == 2


def test_a_level_crosses_processes():
    """As it was."""
    there = encode([SoundLevel(1.0, 0.5, 0.25)])
    assert decode(there.payload, there.buffers) == [SoundLevel(1.0, 0.5, 0.25)]


def test_it_ends_and_waits_as_every_component():
    """With its stream, when told to, and behind a reader that does not read."""
    assert len(keeps_promises(Level, [tone(n) for n in range(4)])) == 4


def test_what_cannot_be_measured_is_refused():
    """No time at all, and what is no sound."""
    with pytest.raises(WrongFigure, match="more than 0"):
        Level(0)
    with pytest.raises(ComponentFailed, match=r"Level takes av.AudioFrame, not str"):
        run(Level(), ["no sound"])
