"""The page of a component: its docstring in its parts, its boxes, and how it is made.

Laws
1. Everything on it is read from the class: nothing is written twice.
2. A docstring in another order, or with parts left out, still makes a page.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from kamesh import Chassis, Component, ThreadedComponent
from kamesh.components.catalogue.entries import Entry
from kamesh.components.oneline.words import WORDS
from kamesh.owner import DEFAULT_BOUND

__all__ = ["Page", "page_of"]

PARTS = re.compile(r"(?:^|(?<=[.;] ))(Example|Boxes|How it ends)[^:\n]{0,40}:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its name, what it is for, and how many messages an inbox holds (None: no limit)."""

    name: str
    about: str
    bound: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All that is known of a component."""

    entry: Entry
    signature: str
    about: str
    example: str
    ends: str
    inboxes: tuple[Box, ...]
    outboxes: tuple[Box, ...]
    kind: str

    def lines(self) -> Iterator[str]:
        """Write it as text for a terminal."""
        yield f"{self.entry.name}   ({self.entry.use})"
        yield ""
        yield self.entry.summary
        yield ""
        yield f"    {self.signature}"
        if self.about:
            yield ""
            yield from self.about.splitlines()
        for title, boxes in (("Inboxes", self.inboxes), ("Outboxes", self.outboxes)):
            yield ""
            yield title
            width = max((len(box.name) for box in boxes), default=0)
            for box in boxes:
                yield f"    {box.name:<{width}}  {box.about}{_holds(box, title)}"
        for title, text in (("Example", self.example), ("How it ends", self.ends)):
            if text:
                yield ""
                yield title
                yield from (f"    {line}".rstrip() for line in text.splitlines())
        yield ""
        yield f"In a topology:            use = {self.entry.use!r}".replace("'", '"')
        yield f"In a one-line pipeline:   {word_for(self.entry)}"

    def markdown(self) -> str:
        """Write it as a page in Markdown."""
        blocks = [f"# {self.entry.name}", self.entry.summary]
        module, name = self.entry.use.split(":")
        blocks.append(f"```python\nfrom {module} import {name}\n\n{self.signature}\n```")
        blocks.append(self.about)
        for title, boxes in (("Inbox", self.inboxes), ("Outbox", self.outboxes)):
            rows = [f"| `{box.name}` | {box.about}{_holds(box, title)} |" for box in boxes]
            blocks.append("\n".join([f"| {title} | |", "| --- | --- |", *rows]))
        if self.example:
            blocks.append(f"## Example\n\n```python\n{self.example}\n```")
        if self.ends:
            blocks.append(f"## How it ends\n\n{self.ends}")
        blocks.append(
            f"In a topology: `use = \"{self.entry.use}\"`. In a one-line pipeline: "
            f"`{word_for(self.entry)}`. {self.kind}"
        )
        return "\n\n".join(block for block in blocks if block) + "\n"


def page_of(entry: Entry) -> Page:
    """Make the page of a component."""
    component = entry.component
    parts = _parts(inspect.cleandoc(component.__doc__ or ""))
    bounds = component.bounds
    return Page(
        entry, _signature(component), parts.get("", ""), parts.get("Example", ""),
        parts.get("How it ends", ""),
        tuple(Box(n, about, bounds.get(n, DEFAULT_BOUND)) for n, about in component.inboxes.items()),
        tuple(Box(n, about) for n, about in component.outboxes.items()),
        _kind(component),
    )  # fmt: skip


def _parts(text: str) -> Mapping[str, str]:
    """Take a docstring apart: what is said of it (""), and each of its named parts.

    An example is what is indented below its name; what follows it is said of the component again.
    """
    _, _, rest = text.partition("\n")
    places = list(PARTS.finditer(rest))
    about = [rest[: places[0].start()] if places else rest]
    parts: dict[str, str] = {}
    for place, following in zip_longest(places, places[1:]):
        body = rest[place.end() : following.start() if following else len(rest)].rstrip()
        if place[1] == "Example" and body.startswith("\n"):
            body, after = _indented(body)
            about.append(after)
        parts.setdefault(place[1], inspect.cleandoc(body.strip("\n")).strip())
    if ends := parts.get("How it ends"):
        parts["How it ends"] = ends[:1].upper() + ends[1:]
    return parts | {"": "\n\n".join(part.strip() for part in about if part.strip())}


def _indented(text: str) -> tuple[str, str]:
    """Part the indented lines that `text` begins with from what comes after them."""
    lines = text.splitlines(keepends=True)
    for place, line in enumerate(lines):
        if line.strip() and not line[0].isspace():
            return "".join(lines[:place]), "".join(lines[place:])
    return text, ""


def _signature(component: type[Component]) -> str:
    """Write how one is made: its name, its arguments and their defaults, on as many lines as it takes."""
    try:
        signature = inspect.signature(component)
    except (TypeError, ValueError):
        return f"{component.__name__}(...)"
    shown = [_argument(one) for one in signature.parameters.values()]
    marks = list(signature.parameters.values())
    for place, one in enumerate(marks):
        if one.kind is one.KEYWORD_ONLY:
            if not any(each.kind is each.VAR_POSITIONAL for each in marks):
                shown.insert(place, "*")
            break
    line = f"{component.__name__}({', '.join(shown)})"
    if len(line) <= 90:
        return line
    return f"{component.__name__}(\n" + "".join(f"        {each},\n" for each in shown) + "    )"


def _argument(one: inspect.Parameter) -> str:
    """Write one argument and its default, as a person would type it."""
    default: object = one.default
    if isinstance(default, Enum):
        default = default.value
    elif callable(default) and default is not one.empty:
        return f"{one.name}={getattr(default, '__name__', '...')}"
    elif type(default).__repr__ is object.__repr__:
        return f"{one.name}=..."
    return str(one.replace(annotation=inspect.Parameter.empty, default=default))


def word_for(entry: Entry) -> str:
    """Give what a component is called in one-line pipelines: its word, if that is not another's."""
    word = WORDS.get(entry.word)
    module, _, name = entry.use.partition(":")
    if word is None or (word.use.endswith(f":{name}") and word.use.startswith(module)):
        return entry.word
    return entry.use


def _kind(component: type[Component]) -> str:
    if issubclass(component, Chassis):
        return "It is made of other components."
    if issubclass(component, ThreadedComponent):
        return "It works in a thread of its own."
    if inspect.iscoroutinefunction(component.main):
        return "It is a coroutine."
    return "It takes its turns in the scheduler."


def _holds(box: Box, title: str) -> str:
    if not title.startswith("Inbox") or box.bound == DEFAULT_BOUND:
        return ""
    return " (no limit)" if box.bound is None else f" (holds {box.bound})"
