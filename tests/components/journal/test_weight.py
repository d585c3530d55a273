"""How much messages weigh, and how many of them may wait."""

from dataclasses import dataclass

import pytest

from kamesh import Pipeline
from kamesh.components.journal import DiskBuffer, Recorder
from kamesh.components.journal.weight import places, weight
from kamesh.components.sources import DataSink, DataSource


@dataclass
class Plane:
    """Stands for a plane of a picture."""

    buffer_size: int


@dataclass
class Picture:
    """Stands for a picture of two planes."""

    planes: tuple[Plane, ...] = (Plane(2_000_000), Plane(1_000_000))


@dataclass
class Array:
    """Stands for an array."""

    nbytes: int = 5_000_000


@pytest.mark.parametrize(
    ("message", "least", "most"),
    [
        (None, 1, 2_000), (3, 1, 2_000), ({"a": 1}, 1, 2_000), ("x" * 9_000, 9_000, 11_000),
        (bytes(5_000_000), 5_000_000, 5_002_000), (Picture(), 3_000_000, 3_002_000),
        (Array(), 5_000_000, 5_002_000), (object(), 10_000, 20_000),
    ],
)  # fmt: skip
def test_what_messages_weigh(message, least, most):
    """Bytes, pictures and arrays say what they have; the rest counts for what is usual."""
    assert least <= weight(message) <= most


def test_how_many_may_wait():
    """Small ones as many as there are places, large ones some 32 MiB, and never fewer than a few."""
    assert places(0, 0, 256) == 256
    assert places(256 * 1024, 256, 256) == 256
    assert places(3 << 20, 1, 256) == 10
    assert places(1 << 30, 1, 256) == 4


@pytest.mark.parametrize("make", [Recorder, DiskBuffer])
def test_few_large_messages_wait_in_memory(tmp_path, make):
    """After the first large messages, the inbox holds fewer of them; and more again of small ones."""
    part = make(tmp_path / "x") if make is Recorder else make(tmp_path / "x", keep=True)
    inbox = part.parts["STAMP"].inbox if make is Recorder else part.inbox
    bounds = []
    big = bytes(4 << 20)

    def look(message):
        bounds.append(inbox.bound)
        return len(message)

    held = []
    Pipeline(DataSource([big] * 12 + ["small"] * 600), part, look, DataSink(held)).run()
    assert held == [4 << 20] * 12 + [5] * 600
    assert min(bounds) == 7
    assert bounds[-1] == 256
