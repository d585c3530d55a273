"""Nesting: generators that a component's `main` waits for, with `yield WaitComplete(...)`.

Laws
1. The innermost runs; what it returns or raises goes to the one that waits for it, as with
   `yield from`.
2. They are closed from the inside out.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any, TypeAlias

from kamesh.errors import BadYield, NotSuitable
from kamesh.messages import Failure

__all__ = ["Nest", "Running", "WaitComplete", "bad_yield", "close_all", "generators_behind"]

Running: TypeAlias = "GeneratorType[Any, Any, Any]"


class WaitComplete:
    """`x = yield WaitComplete(generator)` runs it to its end and goes on here, as `yield from` does."""

    def __init__(self, generator: Generator[Any, Any, Any]) -> None:
        """Take the generator to run."""
        if not isinstance(generator, GeneratorType):
            raise NotSuitable(f"WaitComplete({generator!r}): it takes a generator, as f() gives one")
        self.generator: Running = generator


class Nest:
    """A generator and those that it waits for, the innermost last."""

    __slots__ = ("generators",)

    def __init__(self, generators: list[Running]) -> None:
        """Begin with those that are there."""
        self.generators = generators

    def resume(self) -> object:
        """Run the innermost to its next `yield`."""
        generators = self.generators
        value: object = None
        error: BaseException | None = None
        while len(generators) > 1:
            try:
                return _go_on(generators[-1], value, error)
            except StopIteration as over:
                value, error = over.value, None
            except BaseException as raised:
                value, error = None, raised
            generators.pop()
        return _go_on(generators[0], value, error)


def generators_behind(resume: Callable[[], object]) -> list[Running]:
    """List the generators that `resume` (a `__next__`, or a Nest's) runs, the innermost last."""
    runner = getattr(resume, "__self__", None)
    if isinstance(runner, Nest):
        return runner.generators
    return [runner] if isinstance(runner, GeneratorType) else []


def close_all(generators: list[Running]) -> BaseException | None:
    """Close all of them; give the first that was raised."""
    error: BaseException | None = None
    for generator in reversed(generators):
        try:
            generator.close()
        except Exception as raised:
            error = error or raised
    return error


def bad_yield(path: str, request: object, resume: Callable[[], object]) -> BadYield:
    """Say that `request`, which the component at `path` has yielded, is none, and in which line."""
    frame = generators_behind(resume)[-1].gi_frame
    file, line = (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)
    text = (
        f"{path} yielded {request!r}; a component sends with self.send(...) and yields only "
        f"`self.pause()`, nothing at all, or WaitComplete(...)"
    )
    code = linecache.getline(file, line).strip()
    return BadYield(text, Failure(path, "BadYield", text, file, line, code))


def _go_on(generator: Running, value: object, error: BaseException | None) -> object:
    return generator.send(value) if error is None else generator.throw(error)
