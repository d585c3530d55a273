"""Loading: from "module:Class" in a topology to a component, or a sentence that says why not.

Laws
1. Nothing but a class of components is taken, whatever the name leads to.
2. A class is imported, never guessed at; a component is made only where it is needed.
3. Whatever a user's module or constructor raises comes back as a sentence with its file and line.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from kamesh.component import Component
from kamesh.deploy.topology.blame import blame, told
from kamesh.errors import KameshError
from kamesh.linking import did_you_mean

__all__ = ["NotLoadable", "component_class", "make_component", "wrong_arguments"]

_USE = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")


class NotLoadable(KameshError, ImportError):
    """A component cannot be made from what a topology says; `word` is the part at fault."""

    def __init__(self, text: str, word: str = "") -> None:
        """Keep the word."""
        super().__init__(text)
        self.word = word


def make_component(
    use: str, arguments: Mapping[str, object], *, folder: Path | None = None
) -> Component:
    """Make the component that `use` names, called with `arguments`.

    `folder` (the topology's) is put on the module path, so that "parts:Camera" finds the parts.py
    beside it. Raises NotLoadable with a sentence.

    Example: `make_component("kamesh.components.media:TestCard", {"rate": 25})`.
    """
    cls = component_class(use, folder=folder)
    for _, sentence in wrong_arguments(cls, arguments):
        raise NotLoadable(f"{use}: {sentence}", use)
    make: Callable[..., Component] = cls
    try:
        return make(**arguments)
    except Exception as error:
        raise NotLoadable(f"{use} cannot be made with these arguments: {_told(error)}") from error


def component_class(use: str, *, folder: Path | None = None) -> type[Component]:
    """Import the class that `use` ("module:Class") names; NotLoadable with a sentence if it cannot."""
    if not _USE.fullmatch(use):
        head, _, tail = use.rpartition(".")
        hint = f"; perhaps {f'{head}:{tail}'!r}" if _USE.fullmatch(f"{head}:{tail}") else ""
        raise NotLoadable(f'{use!r} does not name a class: write "module:Class"{hint}', use)
    module_name, _, name = use.partition(":")
    found: object = _module(module_name, folder)
    seen = module_name
    for part in name.split("."):
        if not hasattr(found, part):
            among = [one for one, value in vars(found).items() if isinstance(value, type)]
            raise NotLoadable(f"{seen} has no {part!r}{did_you_mean(part, among)}", part)
        found = getattr(found, part)
        seen += f".{part}"
    if not (isinstance(found, type) and issubclass(found, Component)):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"{_article(found)}"
        raise NotLoadable(f"{use!r} is {what}, which is not a class of components", name)
    return found


def wrong_arguments(
    cls: type[Component], arguments: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Give (argument, sentence) for every argument that the class does not take, or lacks."""
    try:
        signature = inspect.signature(cls.__init__)
    except (TypeError, ValueError):
        return  # a constructor that cannot be looked at says itself what it does not like
    parameters = list(signature.parameters.values())[1:]
    open_end = any(one.kind is one.VAR_KEYWORD for one in parameters)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    takes = {one.name: one for one in parameters if one.kind in named}
    for name in arguments:
        if name not in takes and not open_end:
            there = ", ".join(takes) or "none"
            yield (
                name,
                f"{cls.__name__} takes no argument {name!r}{did_you_mean(name, takes)}; "
                f"its arguments: {there}",
            )
    for name, one in takes.items():
        if one.default is one.empty and name not in arguments:
            yield "", f"{cls.__name__} needs the argument {name!r}"


def _module(name: str, folder: Path | None) -> ModuleType:
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != name and not name.startswith(f"{missing}."):
            raise NotLoadable(
                f"module {name!r} needs {missing!r}, which is not installed", name
            ) from error
        near = did_you_mean(missing, _siblings(missing))
        raise NotLoadable(f"there is no module {missing!r}{near}", missing) from error
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}"
        raise NotLoadable(f"module {name!r} is not Python: {where}: {error.msg}", name) from error
    except (Exception, SystemExit) as error:
        raise NotLoadable(f"importing {name!r} failed: {_told(error)}", name) from error


def _siblings(module: str) -> list[str]:
    """Name the modules beside a missing one."""
    parent, _, _ = module.rpartition(".")
    prefix = f"{parent}." if parent else ""
    paths = list(getattr(sys.modules.get(parent), "__path__", ())) if parent else sys.path[:1]
    return [f"{prefix}{one.name}" for one in pkgutil.iter_modules(paths)]


def _told(error: BaseException) -> str:
    """Say what was raised, with the line of the user's own file."""
    file, line = blame(error)
    return told(error) + (f" ({file}:{line})" if file else "")


def _article(thing: object) -> str:
    if inspect.isroutine(thing):
        return "a function"
    if isinstance(thing, ModuleType):
        return "a module"
    return f"an object of the type {type(thing).__name__}"
