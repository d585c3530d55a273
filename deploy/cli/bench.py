"""`kamesh bench`: runs the benchmarks of the source tree, one after another, and shows what they found.

Laws
1. A benchmark is a file of `tests/bench`: run in a process of its own, it prints one JSON object. It has
   LIMIT seconds, and leaves no process behind.
2. A goal that is missed is shown, and is no failure: the machine may be busy. A benchmark that breaks is.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.pictures.tables import table
from kamesh.errors import KameshError, NotSuitable, UnknownName
from kamesh.linking import did_you_mean

__all__ = ["bench"]

LIMIT = 120.0  # seconds; on a quiet machine each takes less than half of it


class BenchmarkFailed(KameshError):
    """A benchmark broke or took too long; the text says which, and its last words."""


def bench(options: Namespace, context: Context) -> int:
    """Run the benchmarks named, or all of them."""
    there = {file.stem: file for file in sorted(_folder().glob("*.py"))}
    for name in options.what:
        if name not in there:
            raise UnknownName(
                f"there is no benchmark {name!r}{did_you_mean(name, there)}; there is: "
                + ", ".join(there)
            )
    found, code = [], Exit.OK
    for name in options.what or there:
        context.remark(f"{name} ...")
        try:
            result = _run(there[name], quick=options.quick)
        except BenchmarkFailed as error:
            context.remark(f"kamesh: {error}")
            code = Exit.FAILED
            continue
        found.append(result)
        if not options.json:
            context.say("\n".join(_shown(result)))
    if options.json:
        context.say_json(found)
    return code


def _folder() -> Path:
    """Find the benchmarks: of the checkout that is installed, or of the one that this is run in."""
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        folder = root / "tests" / "bench"
        if (folder / "support").is_dir():
            return folder
    raise NotSuitable(
        "the benchmarks are not part of an installed kamesh: run `kamesh bench` in a checkout of its "
        "sources"
    )


def _run(file: Path, *, quick: bool) -> dict[str, Any]:
    """Run one; give its JSON object."""
    with subprocess.Popen(  # noqa: S603 our own file
        [sys.executable, str(file), *(["--quick"] if quick else [])],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:
        try:
            said, trouble = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise BenchmarkFailed(f"{file.stem} did not end within {LIMIT:g} seconds") from None
        finally:
            if process.poll() is None:  # too late, or interrupted: its contenders are of its group
                os.killpg(process.pid, signal.SIGKILL)
    try:
        result = json.loads(said)
    except ValueError:
        result = None
    if process.returncode or not isinstance(result, dict):
        last = (trouble.strip().splitlines() or ["it said nothing"])[-1]
        raise BenchmarkFailed(f"the benchmark {file.stem} broke: {last}")
    return result


def _shown(result: dict[str, Any]) -> list[str]:
    figures = [(one["name"], _number(one["median"]), one["unit"]) for one in result["figures"]]
    ratios = [
        (one["name"], _number(one["value"]), one["goal"], _word(one)) for one in result["ratios"]
    ]
    lines = [f"{result['bench']} ({result['seconds']:g} s)", ""]
    lines += table(["FIGURE", "MEDIAN", "UNIT"], figures, right=["MEDIAN"])
    if ratios:
        lines += ["", *table(["RATIO OR BOUND", "VALUE", "GOAL", ""], ratios, right=["VALUE"])]
    lines += [f"not installed: {peer}" for peer in result["not_installed"]]
    return [*lines, *result["notes"], ""]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _word(ratio: dict[str, Any]) -> str:
    return {True: "reached", False: "missed", None: ""}[ratio["reached"]]
