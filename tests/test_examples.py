"""Every example runs as a reader would run it, and prints exactly what is written beside it."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from kamesh.testing import converse

EXAMPLES = Path(__file__).parents[1] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
NEEDS = {"broadcast": ("av", "numpy")}
LONGEST = 60  # lines: an example is read in one look


def test_there_are_examples():
    """There are at least twelve, and nothing is left of one that is gone."""
    assert len(PROGRAMS) >= 12
    names = {path.stem for path in PROGRAMS}
    assert {path.stem for path in EXAMPLES.glob("*.out")} == names
    assert {path.stem for path in EXAMPLES.glob("*.in")} <= names


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_prints_what_it_should(program):
    """Its output is that of its `.out`, given its `.in`; it ends well and complains of nothing."""
    missing = [each for each in NEEDS.get(program.stem, ()) if not importlib.util.find_spec(each)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    given = program.with_suffix(".in")
    done = subprocess.run(
        [sys.executable, "-W", "error", program.name],
        input=given.read_text() if given.exists() else "",
        capture_output=True,
        text=True,
        cwd=EXAMPLES,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout == program.with_suffix(".out").read_text()
    assert done.returncode == 0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(program):
    """It has fewer than sixty lines and begins with a docstring."""
    text = program.read_text()
    assert len(text.splitlines()) < LONGEST
    assert ast.get_docstring(ast.parse(text))


def test_hello_is_what_the_readme_shows():
    """The README's first program is `hello.py`, and has twelve lines or fewer that are not empty."""
    readme = (EXAMPLES.parent / "README.md").read_text()
    _, _, after = readme.partition("```python\n")
    shown, _, _ = after.partition("```")
    assert 0 < sum(1 for line in shown.splitlines() if line.strip()) <= 12
    hello = (EXAMPLES / "hello.py").read_text()
    assert (
        hello.removeprefix(f'"""{ast.get_docstring(ast.parse(hello))}"""').strip() == shown.strip()
    )


def test_the_server_of_the_readme():
    """Its component echoes, whatever way the bytes are cut; and the last line serves it."""
    readme = (EXAMPLES.parent / "README.md").read_text()
    shown = [part.partition("```")[0] for part in readme.split("```python\n")[1:]]
    (program,) = [text for text in shown if "TCPServer(Echo" in text]
    head, _, last = program.rstrip().rpartition("\n")
    assert last == "TCPServer(Echo, port=1500).run()"
    names = {}
    exec(compile(head, "echo.py", "exec"), names)
    assert converse(names["Echo"](), b"hello, world", cuts=3) == b"hello, world"
