"""`kamesh components`: which components there are, and the page of each."""

from __future__ import annotations

import difflib
from argparse import Namespace
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from kamesh.components.catalogue import Catalogue, Entry, catalogue, page_of
from kamesh.components.catalogue.pages import write_pages
from kamesh.components.oneline.words import WORDS
from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.pictures.tables import clip, fit, wide
from kamesh.errors import UnknownName

__all__ = ["components"]

NAME, BOXES = 24, 30  # columns, at the most


def components(options: Namespace, context: Context) -> int:
    """List the components, or show the page of one; or the words of one-line pipelines."""
    if options.words:
        return _words(options, context)
    known = catalogue()
    for trouble in known.troubles:
        context.remark(f"kamesh: {trouble}")
    if options.pages:
        count = write_pages(known, Path(options.pages))
        context.remark(f"{count} pages in {options.pages}, to be read from README.md there")
        return Exit.OK
    if not options.name:
        return _list(known.entries, options, context)
    one, several = _asked_for(known, options.name)
    if one is None:
        return _list(several, options, context)
    page = page_of(one)
    if options.json:
        context.say_json(_plain(one) | {"about": page.about, "example": page.example,
                                        "ends": page.ends, "made_by": page.signature})  # fmt: skip
    else:
        context.say(page.markdown().rstrip() if options.markdown else "\n".join(page.lines()))
    return Exit.OK


def _asked_for(known: Catalogue, name: str) -> tuple[Entry | None, tuple[Entry, ...]]:
    """Find the one that is named, or those that are near."""
    try:
        return known.find(name), ()
    except UnknownName:
        several = known.matching(name)
        if not several:
            raise
        near = difflib.get_close_matches(name.lower(), [e.name.lower() for e in several], n=1)
        return (several[0] if len(several) == 1 and near else None), several


def _list(entries: Iterable[Entry], options: Namespace, context: Context) -> int:
    if options.json:
        context.say_json([_plain(entry) for entry in entries])
        return Exit.OK
    for line in _lines(entries, context.width()):
        context.say(line)
    context.remark("`kamesh components NAME` shows the page of one, `--words` what `kamesh run` knows")
    return Exit.OK


def _lines(entries: Iterable[Entry], width: int) -> Iterator[str]:
    entries = list(entries)
    name = min(NAME, max((wide(entry.name) for entry in entries), default=0))
    boxes = min(BOXES, max((wide(_boxes(entry)) for entry in entries), default=0))
    for number, (group, those) in enumerate(groupby(entries, lambda entry: entry.group)):
        if number:
            yield ""
        yield group
        for entry in those:
            line = f"  {fit(entry.name, name)}  {fit(_boxes(entry), boxes)}  {entry.summary}"
            yield clip(line, max(width, 60))


def _boxes(entry: Entry) -> str:
    """Write the boxes that matter: `inbox, audio → outbox`."""
    ins = ", ".join(box for box in entry.inboxes if box != "control")
    outs = ", ".join(box for box in entry.outboxes if box != "signal")
    return " ".join(part for part in (ins, "→", outs) if part)


def _plain(entry: Entry) -> dict[str, object]:
    component = entry.component
    return {
        "name": entry.name,
        "use": entry.use,
        "group": entry.group,
        "word": entry.word,
        "summary": entry.summary,
        "inboxes": dict(component.inboxes),
        "outboxes": dict(component.outboxes),
    }


def _words(options: Namespace, context: Context) -> int:
    """List the words of one-line pipelines, with what each takes and gives."""
    if options.json:
        context.say_json(
            [
                {"word": name, "usage": word.usage(name), "summary": word.summary,
                 "takes": list(word.takes), "gives": word.gives, "use": word.use}
                for name, word in WORDS.items()
            ]
        )  # fmt: skip
        return Exit.OK
    usages = {name: word.usage(name) for name, word in WORDS.items()}
    column = min(44, max(map(wide, usages.values())))
    for name, word in WORDS.items():
        if wide(usages[name]) > column:
            context.say(usages[name])
            context.say(f"{'':{column}}  {word.summary}")
        else:
            context.say(f"{fit(usages[name], column)}  {word.summary}")
    context.remark(
        'join them with !, as in `kamesh run "read names.txt ! upper ! head 3"`; any component of '
        "`kamesh components` is a word too, as is module:Class"
    )
    return Exit.OK
