"""`kamesh components`: which components there are, and the page of each."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from kamesh import Component
from kamesh.components.catalogue import (
    Catalogue,
    Entry,
    Value,
    catalogue,
    entry_of,
    page_of,
    value_named,
)
from kamesh.components.catalogue.pages import write_pages
from kamesh.components.named import imported
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
    if options.name in WORDS and not options.json:
        return _word(options.name, context)
    one, several = _asked_for(known, options.name)
    if one is None:
        return _list(several, options, context)
    if isinstance(one, Value):
        context.say("\n".join(one.lines()))
        return Exit.OK
    page = page_of(one)
    if options.json:
        context.say_json(_plain(one) | {"about": page.about, "example": page.example,
                                        "ends": page.ends, "made_by": page.signature})  # fmt: skip
    else:
        context.say(page.markdown().rstrip() if options.markdown else "\n".join(page.lines()))
    return Exit.OK


def _asked_for(known: Catalogue, name: str) -> tuple[Entry | Value | None, tuple[Entry, ...]]:
    """Find what is named: a component, one of the user's own, a value; or those that have it in them."""
    try:
        return known.find(name), ()
    except UnknownName:
        own = _own(name) if ":" in name else None
        found = own or value_named(name)
        several = known.matching(name)
        if found is None and not several:
            raise
        return found, several


def _own(use: str) -> Entry | None:
    """Describe a component that is in no catalogue, by "module:Class"."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # where `kamesh run` finds it too
    try:
        thing = imported(use)
    except (ImportError, AttributeError):
        return None
    if not (isinstance(thing, type) and issubclass(thing, Component)):
        return None
    return entry_of(thing, use, use.partition(":")[0])


def _word(name: str, context: Context) -> int:
    """Show a word of one-line pipelines, and where there is more to read."""
    word = WORDS[name]
    context.say(f"{word.usage(name)}   {word.summary}")
    context.say()
    context.say(f"    takes {' or '.join(word.takes) or 'nothing'}")
    context.say(f"    gives {'what came' if word.gives is None else word.gives or 'nothing'}")
    part = word.use.partition(":")[2]
    if part[:1].isupper():
        context.remark(f"it is made by {part}: `kamesh components {part}` shows its page")
    return Exit.OK


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
