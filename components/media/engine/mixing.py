"""Mixing: blocks of samples summed by a matrix of gains, and kept within full scale. Imports NumPy.

A block is an array of float32, samples by channels; full scale is 1.0.

Laws
1. Sums are made in float32. What is not louder than full scale leaves as it was summed, bit for bit.
2. What would be louder is turned down, smoothly and as far as it takes, not clipped: the limiter
   knows one block ahead. It gives way again over RELEASE seconds.
3. Gains that change go from the old to the new in a straight line over one block.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kamesh.components.media.core.gains import Rows

__all__ = ["Desk", "Limiter", "Samples", "mixed", "spread"]

Samples = NDArray[np.float32]

RELEASE = 0.5  # seconds from silence to full gain


def spread(samples: Samples, channels: int) -> Samples:
    """Give samples of one channel as `channels` alike, or of several as one: their mean."""
    have = samples.shape[1]
    if have == channels:
        return samples
    if have == 1:
        return np.repeat(samples, channels, axis=1)
    if channels == 1:
        mean: Samples = samples.mean(axis=1, dtype=np.float32, keepdims=True)
        return mean
    raise ValueError(f"sound of {have} channels is made {channels} by FFmpeg, not here")


def mixed(
    blocks: Sequence[Samples | None], before: Rows, after: Rows, shape: tuple[int, int]
) -> list[Samples]:
    """Sum blocks of one `shape` (samples, channels), None for silence, to one for each row of gains.

    Example: `mixed([a, b], ((1, 1),), ((1, 1),), a.shape)` is `[a + b]`.
    """
    found = [(place, block) for place, block in enumerate(blocks) if block is not None]
    if not found:
        return [np.zeros(shape, np.float32) for _ in after]
    heard = [place for place, _ in found]
    stack = np.stack([block for _, block in found]).reshape(len(found), -1)
    sums = np.array(after, np.float32)[:, heard] @ stack
    if before != after:
        old = np.array(before, np.float32)[:, heard] @ stack
        way = np.repeat(np.arange(1, shape[0] + 1, dtype=np.float32) / shape[0], shape[1])
        sums = old + (sums - old) * way
    return list(sums.reshape(-1, *shape))


class Limiter:
    """Turns down what is louder than full scale.

    Each block has the gain that its loudest sample asks for; where two meet, the lesser of both
    holds, and within a block it goes from one meeting to the next in a straight line, so it is
    nowhere more than the block can bear. `rise` is how much gain may come back in one block.

    Example: `Limiter(0.04).push(block)` is the block before, or None for the first.
    """

    def __init__(self, rise: float) -> None:
        """Begin with full gain and no block."""
        self._rise = rise
        self._held: Samples | None = None
        self._gain = self._from = 1.0
        self.limited = 0  # blocks that were turned down

    def push(self, block: Samples) -> Samples | None:
        """Take a block; give the one before."""
        peak = float(np.abs(block).max(initial=0.0))
        gain = min(1 / peak if peak > 1 else 1.0, self._gain + self._rise)
        if self._held is None:
            given, self._from = None, gain
        else:
            given = self._turned_down(min(self._gain, gain))
        self._held, self._gain = block, gain
        return given

    def finish(self) -> Samples | None:
        """Give the last block."""
        given = None if self._held is None else self._turned_down(self._gain)
        self._held = None
        return given

    def _turned_down(self, to: float) -> Samples:
        block, start, self._from = self._held, self._from, to
        assert block is not None
        if start == to == 1.0:
            return block
        self.limited += 1
        ramp = np.linspace(start, to, len(block), dtype=np.float32)[:, None]
        turned: Samples = np.clip(block * ramp, -1.0, 1.0)  # the last of it is rounding only
        return turned


class Desk:
    """Mixes block after block: the gains as they are now, and a limiter for each output.

    Example: `Desk(rows, seconds=0.02).mix([a, None], rows, a.shape)` gives, for each output, the
    block before.
    """

    def __init__(self, rows: Rows, seconds: float) -> None:
        """Begin with these gains; `seconds` is how long a block lasts."""
        self._rows = rows
        self._limiters = [Limiter(seconds / RELEASE) for _ in rows]

    @property
    def limited(self) -> int:
        """How many blocks were turned down."""
        return sum(limiter.limited for limiter in self._limiters)

    def mix(
        self, blocks: Sequence[Samples | None], rows: Rows, shape: tuple[int, int]
    ) -> list[Samples]:
        """Take a block of each input; give the block before of each output, none at first."""
        sums = mixed(blocks, self._rows, rows, shape)
        self._rows = rows
        given = [limiter.push(block) for limiter, block in zip(self._limiters, sums, strict=True)]
        return [block for block in given if block is not None]

    def finish(self) -> list[Samples]:
        """Give the last block of each output, if there was any."""
        given = [limiter.finish() for limiter in self._limiters]
        return [block for block in given if block is not None]
