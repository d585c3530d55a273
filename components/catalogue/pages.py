"""The reference: a page in Markdown for each component, and one that lists them.

Law: the folder afterwards holds exactly these pages; nothing else is touched.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from kamesh.components.catalogue.entries import Catalogue
from kamesh.components.catalogue.page import page_of

__all__ = ["pages_of", "write_pages"]

HEAD = """\
# The components

Made from the docstrings by `kamesh components --pages docs/reference`; every example is run by a test.
What the examples do not import is of `kamesh`, `kamesh.testing` (`run`, which needs no time),
`kamesh.components.sources` (`DataSource`, `DataSink`, `OneShot`), or of the component's own package.
"""


def pages_of(known: Catalogue) -> dict[str, str]:
    """Give the text of every page, by its path within the folder."""
    pages: dict[str, str] = {}
    index = [HEAD]
    for group, entries in groupby(known.entries, lambda entry: entry.group):
        rows = []
        for entry in entries:
            path = f"{group}/{entry.name}.md"
            pages[path] = page_of(entry).markdown()
            rows.append(f"| [{entry.name}]({path}) | {entry.summary.replace('|', chr(92) + '|')} |")
        index.append("\n".join([f"## {group}\n", f"| {group} | |", "| --- | --- |", *rows, ""]))
    pages["README.md"] = "\n".join(index)
    return pages


def write_pages(known: Catalogue, folder: Path) -> int:
    """Write all pages into `folder`, remove pages of what is no more, and say how many there are."""
    pages = pages_of(known)
    for old in folder.glob("*/*.md"):
        if old.relative_to(folder).as_posix() not in pages:
            old.unlink()
    for path, text in pages.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    return len(pages)
