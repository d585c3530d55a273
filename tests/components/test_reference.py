"""Every example of every component is run, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import io

import pytest

import kamesh
import kamesh.testing
from kamesh.components import sources
from kamesh.components.catalogue import Entry, catalogue, page_of

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ENTRIES = catalogue().entries
NAMES = [f"{entry.group}.{entry.name}" for entry in ENTRIES]


def _names(entry: Entry) -> dict[str, object]:
    """Give the names that an example may use without importing them."""
    found: dict[str, object] = {}
    for module in (kamesh, kamesh.testing, sources, importlib.import_module(entry.use.split(":")[0])):
        found |= {name: getattr(module, name) for name in module.__all__ if name[0] != "_"}
    return found


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_its_example(entry: Entry, tmp_path, monkeypatch):
    """It has one, and what it prints is what the docstring says."""
    monkeypatch.chdir(tmp_path)
    example = page_of(entry).example
    test = doctest.DocTestParser().get_doctest(
        example, _names(entry), entry.name, f"the page of {entry.name}", 0
    )
    assert test.examples, f"the docstring of {entry.name} has no example that can be run (>>> ...)"
    said = io.StringIO()
    outcome = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.write)
    assert not outcome.failed, said.getvalue()


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_its_page(entry: Entry):
    """It says what the component is, in one line; each box; and how it ends."""
    page = page_of(entry)
    assert entry.summary.endswith(".")
    assert len(entry.summary) <= 100
    assert page.ends, f"the docstring of {entry.name} does not say 'How it ends: ...'"
    assert all(box.about for box in (*page.inboxes, *page.outboxes))
