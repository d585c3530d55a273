"""Every example of every component is run, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import kamesh
import kamesh.testing
from kamesh.components import sources
from kamesh.components.catalogue import Entry, catalogue, page_of
from kamesh.components.catalogue.pages import pages_of

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ENTRIES = catalogue().entries
NAMES = [f"{entry.group}.{entry.name}" for entry in ENTRIES]


def _names(entry: Entry) -> dict[str, object]:
    """Give the names that an example may use without importing them."""
    found: dict[str, object] = {}
    for module in (kamesh, kamesh.testing, sources, importlib.import_module(entry.use.split(":")[0])):
        found |= {name: getattr(module, name) for name in module.__all__ if name[0] != "_"}
    return found


class _Terminal(io.StringIO):
    """What an example prints: by `print`, and by whatever writes to standard output itself."""

    def __init__(self, screen: Path) -> None:
        super().__init__()
        self._screen = screen

    def truncate(self, size: int | None = None) -> int:
        """Begin anew, as doctest does between two examples."""
        self.seek(size or 0)
        return super().truncate(size)

    def getvalue(self) -> str:
        text = super().getvalue() + self._screen.read_text()
        os.truncate(self._screen, 0)
        return f"{text}\n" if text and not text.endswith("\n") else text


@contextmanager
def _terminal(folder: Path) -> Iterator[_Terminal]:
    """Stand in for a terminal at which somebody types "hello"."""
    (folder / "typed").write_text("hello\n")
    screen = folder / "screen"
    kept = os.dup(0), os.dup(1)
    files = (
        os.open(folder / "typed", os.O_RDONLY),
        os.open(screen, os.O_CREAT | os.O_WRONLY | os.O_APPEND),
    )
    for number, file in enumerate(files):
        os.dup2(file, number)
    try:
        yield _Terminal(screen)
    finally:
        for number, file in enumerate(kept):
            os.dup2(file, number)
        for file in (*files, *kept):
            os.close(file)


class _Runner(doctest.DocTestRunner):
    """Runs an example at a terminal."""

    def __init__(self, terminal: _Terminal) -> None:
        super().__init__(optionflags=FLAGS, verbose=False)
        self._fakeout = terminal


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_its_example(entry: Entry, tmp_path, tmp_path_factory, monkeypatch):
    """It has one, and what it prints is what the docstring says."""
    monkeypatch.chdir(tmp_path)
    example = page_of(entry).example
    test = doctest.DocTestParser().get_doctest(
        example, _names(entry), entry.name, f"the page of {entry.name}", 0
    )
    assert test.examples, f"the docstring of {entry.name} has no example that can be run (>>> ...)"
    said = io.StringIO()
    with (
        _terminal(tmp_path_factory.mktemp("terminal")) as terminal,
        open(0, closefd=False, encoding="utf-8") as keyboard,
    ):
        monkeypatch.setattr("sys.stdin", keyboard)
        outcome = _Runner(terminal).run(test, out=said.write)
    assert not outcome.failed, said.getvalue()


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_its_page(entry: Entry):
    """It says what the component is, in one line; each box; and how it ends."""
    page = page_of(entry)
    assert entry.summary.endswith(".")
    assert len(entry.summary) <= 100
    assert page.ends, f"the docstring of {entry.name} does not say 'How it ends: ...'"
    assert all(box.about for box in (*page.inboxes, *page.outboxes))


def test_the_reference_is_what_the_docstrings_say():
    """The pages in docs/reference are those of today; `make reference` writes them anew."""
    folder = Path(__file__).parents[2] / "docs" / "reference"
    wanted = pages_of(catalogue())
    there = {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*.md")}
    assert sorted(there) == sorted(wanted)
    assert [path for path, text in wanted.items() if there[path] != text] == []
