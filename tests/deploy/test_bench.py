"""`kamesh bench`: which benchmarks there are, what is shown of them, and what breaks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kamesh.deploy.cli import bench
from kamesh.deploy.exits import Exit

FINE = """
import json, sys
print(json.dumps({
    "bench": "fine", "seconds": 1.5, "not_installed": ["Axon"], "notes": ["a note"],
    "figures": [
        {"name": "ours", "unit": "messages/s", "median": 2500000.4, "rounds": [1, 2]},
        {"name": "theirs", "unit": "messages/s", "median": 12.5, "rounds": sys.argv[1:]},
    ],
    "ratios": [
        {"name": "ours to theirs", "value": 1.25, "goal": ">= 1", "reached": True},
        {"name": "the other way", "value": 0.8, "goal": ">= 1", "reached": False},
        {"name": "for the record", "value": 3, "goal": "", "reached": None},
    ],
}))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Lend a folder of benchmarks in place of the real one."""
    (tmp_path / "fine.py").write_text(FINE)
    (tmp_path / "broken.py").write_text("raise ValueError('no such thing')")
    (tmp_path / "mute.py").write_text("pass")
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(60)")
    monkeypatch.setattr(bench, "_folder", lambda: tmp_path)
    return tmp_path


def test_what_is_found_is_shown(terminal, folder):
    """Figures, ratios with their goals, what is not installed and notes; a missed goal is no failure."""
    assert terminal("bench", "fine") == Exit.OK
    assert terminal.out.splitlines() == [
        "fine (1.5 s)",
        "",
        "FIGURE     MEDIAN  UNIT",
        "ours    2,500,000  messages/s",
        "theirs       12.5  messages/s",
        "",
        "RATIO OR BOUND  VALUE  GOAL",
        "ours to theirs   1.25  >= 1  reached",
        "the other way     0.8  >= 1  missed",
        "for the record      3",
        "not installed: Axon",
        "a note",
        "",
    ]


def test_as_json(terminal, folder):
    """One array with the object of each benchmark, and how it was asked."""
    assert terminal("bench", "fine", "fine", "--quick", "--json") == Exit.OK
    found = json.loads(terminal.out)
    assert [one["bench"] for one in found] == ["fine", "fine"]
    assert found[0]["figures"][1]["rounds"] == ["--quick"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("broken", "the benchmark broken broke: ValueError: no such thing"),
        ("mute", "the benchmark mute broke: it said nothing"),
    ],
)
def test_one_that_breaks_is_told_and_the_others_run(terminal, folder, name, sentence):
    """It is a failure, said with its last words; what can be measured is."""
    assert terminal("bench", name, "fine") == Exit.FAILED
    assert sentence in terminal.err
    assert "ours to theirs" in terminal.out


def test_one_that_does_not_end_is_ended(terminal, folder, monkeypatch):
    """It has its time, and no more."""
    monkeypatch.setattr(bench, "LIMIT", 0.5)
    assert terminal("bench", "endless") == Exit.FAILED
    assert "endless did not end within 0.5 seconds" in terminal.err


def test_one_that_is_not_there(terminal, folder):
    """Nothing is run, and the names are said."""
    assert terminal("bench", "fine", "fin") == Exit.MISTAKE
    assert "there is no benchmark 'fin' (did you mean 'fine'?); there is: broken," in terminal.err
    assert terminal.out == ""


def test_without_a_checkout(terminal, tmp_path, monkeypatch):
    """From an installed wheel it says in a sentence where the benchmarks are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "kamesh" / "deploy" / "cli" / "bench.py"))
    assert terminal("bench") == Exit.MISTAKE
    assert "the benchmarks are not part of an installed kamesh" in terminal.err


def test_the_real_ones_are_found():
    """Those of the checkout, one file each."""
    names = {file.stem for file in bench._folder().glob("*.py")}
    assert names >= {"buffers", "idle", "links", "local", "nested", "roundtrip", "start", "tcp"}
    assert bench._folder() == Path(__file__).parents[1] / "bench"


@pytest.mark.parametrize("file", sorted(bench._folder().glob("*.py")), ids=lambda file: file.stem)
def test_each_can_be_loaded(file):
    """What it imports is there: a benchmark that nobody runs may rot."""
    load = f"import runpy; runpy.run_path({str(file)!r}, run_name='loaded')"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(file.parent)!r}); {load}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    missing = "ModuleNotFoundError" in done.stderr and "kamesh" not in done.stderr.splitlines()[-1]
    assert done.returncode == 0 or missing, done.stderr
