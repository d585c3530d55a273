"""Which components there are: those of the library, and what other packages add by entry points.

Another package adds its own in its pyproject.toml, whole modules or single classes:

    [project.entry-points."kamesh.components"]
    weather = "weather.components"
    barometer = "weather.barometer:Barometer"

Laws
1. Found by looking: every module of the library and each of its public names. A component is listed
   under the shortest name that it can be imported by.
2. What cannot be imported is a sentence in `troubles`, and costs only itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType

import kamesh
import kamesh.components
from kamesh import Component
from kamesh.errors import UnknownName
from kamesh.linking import did_you_mean

__all__ = ["GROUP", "Catalogue", "Entry", "catalogue", "entry_of", "library", "word_of"]

GROUP = "kamesh.components"  # the entry points that other packages add theirs by
BASES = {"Component", "ThreadedComponent", "Chassis"}  # what components are made of


@dataclass(frozen=True, slots=True)
class Entry:
    """One component: how it is named in a topology, where it belongs, and its first line.

    `use` is "module:Class", `group` the part of the library (or the package) that it comes from.
    """

    name: str
    use: str
    group: str
    summary: str
    inboxes: tuple[str, ...]
    outboxes: tuple[str, ...]
    component: type[Component] = field(repr=False, compare=False)

    @property
    def word(self) -> str:
        """Its name in one-line pipelines: `rate-limiter`."""
        return word_of(self.name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All components there are, by group and name, and what could not be looked at."""

    entries: tuple[Entry, ...]
    troubles: tuple[str, ...] = ()

    def find(self, name: str) -> Entry:
        """Find one by its name, word or "module:Class"; UnknownName, with the likely one, if none."""
        by_name: dict[str, Entry] = {}
        for entry in reversed(self.entries):  # of two with one name, ours
            for known in (entry.name, entry.name.lower(), entry.word, entry.use):
                by_name[known] = entry
        found = by_name.get(name) or by_name.get(name.lower())
        if found is None:
            raise UnknownName(
                f"there is no component {name!r}{did_you_mean(name, [e.name for e in self.entries])}"
            )
        return found

    def matching(self, text: str) -> tuple[Entry, ...]:
        """Give those whose name, group or first line has `text` in it."""
        text = text.lower()
        return tuple(
            entry
            for entry in self.entries
            if text in f"{entry.name} {entry.word} {entry.group} {entry.summary}".lower()
        )


def catalogue() -> Catalogue:
    """Look for all components: in kamesh itself, its library, and the packages installed beside it."""
    found: dict[type[Component], Entry] = {}
    troubles: list[str] = []
    for group, module in library(troubles):
        for component in _public(module):
            _keep(found, component, module.__name__, group)
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        try:
            components, module_name = _offered(point)
        except (Exception, SystemExit) as error:  # whatever another package does when it is imported
            troubles.append(f"{point.value} (of {_package(point)}) cannot be looked at: {error}")
            continue
        for component in components:
            _keep(found, component, module_name, _package(point))
    entries = sorted(found.values(), key=lambda one: (*_place(one.group), one.name.lower()))
    return Catalogue(tuple(entries), tuple(troubles))


def entry_of(component: type[Component], use: str, group: str) -> Entry:
    """Describe one component."""
    said = (component.__doc__ or "").strip().splitlines()
    return Entry(
        component.__name__, use, group, said[0].strip() if said else "",
        tuple(component.inboxes), tuple(component.outboxes), component,
    )  # fmt: skip


def word_of(name: str) -> str:
    """Write the name of a class as a word: `TCPServer` as `tcp-server`."""
    letters: list[str] = []
    for place, letter in enumerate(name):
        after = name[place + 1 : place + 2]
        begins = letter.isupper() and place and (name[place - 1].islower() or after.islower())
        letters.append(f"-{letter.lower()}" if begins else letter.lower())
    return "".join(letters)


def library(troubles: list[str]) -> Iterator[tuple[str, ModuleType]]:
    """Give the mesh floor and each top module of the library, with the group it makes."""
    yield "mesh", kamesh
    package = kamesh.components
    for found in pkgutil.iter_modules(package.__path__):
        name = f"{package.__name__}.{found.name}"
        try:
            yield found.name, importlib.import_module(name)
        except ImportError as error:  # of an extra that is not installed
            troubles.append(f"{name} cannot be imported: {error}")


def _public(module: ModuleType) -> Iterator[type[Component]]:
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if isinstance(thing, type) and issubclass(thing, Component) and name not in BASES:
            yield thing


def _keep(
    found: dict[type[Component], Entry], component: type[Component], module: str, group: str
) -> None:
    """List `component` where it belongs: the module that it was found in by its shortest name."""
    if component not in found:
        found[component] = entry_of(component, f"{module}:{component.__name__}", group)


def _offered(point: metadata.EntryPoint) -> tuple[Iterable[type[Component]], str]:
    thing = point.load()
    if isinstance(thing, ModuleType):
        return list(_public(thing)), thing.__name__
    if isinstance(thing, type) and issubclass(thing, Component):
        return [thing], thing.__module__
    raise TypeError(f"it is {thing!r}, neither a module nor a component")


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.name


_ORDER: Mapping[str, int] = {
    name: place
    for place, name in enumerate(
        ("mesh", "console", "sources", "ticker", "plumbing", "coupling", "framing", "files", "journal",
         "network", "web", "mail", "process", "protocols", "media")
    )
}  # fmt: skip


def _place(group: str) -> tuple[int, str]:
    return _ORDER.get(group, len(_ORDER)), group
