"""Figures, and the ratios that are the point of them.

Laws: contenders that are compared are measured in one run, turn by turn; a figure is the median of
its rounds, shown with all of them, and a ratio the median of the ratios within each round, so that
what else the machine does falls on both alike; a ratio has a goal or none, and none of it is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

__all__ = ["Bench", "Contender", "main"]

Contender = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender reached, round by round."""

    name: str
    unit: str
    median: float
    rounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure in proportion to another, or by itself, and what it is meant to be."""

    name: str
    value: float
    goal: str
    reached: bool | None


@dataclass(slots=True)
class Bench:
    """What one benchmark has found.

    Example:
        bench = Bench("local", rounds=5)
        bench.compare({"ours": ours, "theirs": theirs}, "messages/s")
        bench.ratio("ours to theirs", "ours", "theirs", at_least=4)
    """

    name: str
    rounds: int = 3
    figures: dict[str, Figure] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    not_installed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(self, contenders: Mapping[str, Contender], unit: str) -> None:
        """Let each contender have its turn, `rounds` times over."""
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(self.rounds):
            for name, contender in contenders.items():
                taken[name].append(contender())
        for name, rounds in taken.items():
            self.add(name, unit, *rounds)

    def add(self, name: str, unit: str, *rounds: float) -> None:
        """Take figures that were measured otherwise."""
        shown = tuple(float(f"{one:.6g}") for one in rounds)
        self.figures[name] = Figure(name, unit, median(shown), shown)

    def ratio(
        self, name: str, of: str, to: str, *, at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Hold one figure against another; where either was not measured, there is no ratio."""
        if of in self.figures and to in self.figures:
            pairs = zip(self.figures[of].rounds, self.figures[to].rounds, strict=True)
            self._judge(name, median(one / other for one, other in pairs), at_least, at_most)

    def bound(
        self, name: str, of: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Hold a figure against a number."""
        if of in self.figures:
            self._judge(name, self.figures[of].median, at_least, at_most)

    def _judge(
        self, name: str, value: float, at_least: float | None, at_most: float | None
    ) -> None:
        value = float(f"{value:.4g}")
        goal, reached = "", None
        if at_least is not None:
            goal, reached = f">= {at_least:,g}", value >= at_least
        elif at_most is not None:
            goal, reached = f"<= {at_most:,g}", value <= at_most
        self.ratios.append(Ratio(name, value, goal, reached))

    def as_json(self, seconds: float) -> dict[str, object]:
        """Give it as one JSON object."""
        return {
            "bench": self.name,
            "figures": [asdict(figure) for figure in self.figures.values()],
            "ratios": [asdict(ratio) for ratio in self.ratios],
            "not_installed": self.not_installed,
            "notes": self.notes,
            "seconds": round(seconds, 1),
            "machine": {
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
                "cores": len(os.sched_getaffinity(0)),
                "load": round(os.getloadavg()[0], 1),
            },
        }


def main(measure: Callable[[bool], Bench]) -> None:
    """Run one benchmark from the command line and print its JSON object; `--quick` for a glance."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    options = parser.parse_args()
    began = time.monotonic()
    bench = measure(options.quick)
    print(json.dumps(bench.as_json(time.monotonic() - began)))
