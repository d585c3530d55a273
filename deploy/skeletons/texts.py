"""The texts of skeletons.

Laws
1. What is made passes its own tests, and those of ruff and mypy, before a line of it is changed.
2. Each begins with something that works and can be seen to work, not with blanks to fill in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Template

from kamesh._version import __version__
from kamesh.deploy.skeletons.names import Names

__all__ = ["KINDS", "WHAT", "files_of"]

COMPONENT = Template('''\
"""$pascal: numbers the messages that pass."""

from __future__ import annotations

$imports


class $pascal($base):
    """Numbers what comes, from `first` on.

    Example:
        >>> run($pascal(), ["a", "b"])["outbox"]
        [(1, 'a'), (2, 'b')]

    Boxes: "inbox" anything; "outbox" pairs of a number and what came; "control".

    How it ends: with its inbox, or when told on "control".
    """

    inboxes = {"inbox": "anything", "control": "told here to finish or to stop"}
    outboxes = {"outbox": "(number, message)", "signal": "what was told on control"}

    def __init__(self, first: int = 1, *, name: str | None = None) -> None:
        """Remember where to begin; nothing is started here."""
        super().__init__(name=name)
        self.number = first

    $main
''')

GENERATOR = '''def main(self) -> Generator[None, None, None]:
        """Number what has arrived, and sleep until more does."""
        while not self.stopping():
            for message in self.inbox:
                self.send((self.number, message))
                self.number += 1
            yield self.pause()'''

ASYNC = '''async def main(self) -> None:
        """Number what arrives; `await` anything in between."""
        async for message in self.inbox:
            await self.send((self.number, message))
            self.number += 1'''

THREAD = '''def main(self) -> None:
        """Number what arrives; in a thread of its own, anything may block."""
        for message in self.inbox:
            self.send((self.number, message))
            self.number += 1'''

KINDS: Mapping[str, tuple[str, str, str]] = {  # imports, base class, main
    "generator": (
        "from collections.abc import Generator\n\nfrom kamesh import Component", "Component", GENERATOR,
    ),
    "async": ("from kamesh import Component", "Component", ASYNC),
    "thread": ("from kamesh import ThreadedComponent", "ThreadedComponent", THREAD),
}  # fmt: skip

COMPONENT_TEST = Template('''\
"""$pascal: what it does, and what every component promises."""

$imports


def test_it_numbers_what_comes() -> None:
    """Every message is sent on with its number, from `first` on."""
    assert run($pascal(first=7), ["a", "b"])["outbox"] == [(7, "a"), (8, "b")]


def test_it_keeps_the_promises_of_a_component() -> None:
    """It ends when it should, and takes no more than it can hand on."""
    assert keeps_promises($pascal, ["a", "b"]) == [(1, "a"), (2, "b")]
''')

TOPOLOGY = Template('''\
# Three components on two nodes, each node a process of its own.
#
#     kamesh check $file        names every mistake in this file
#     kamesh run $file          runs it here to its end
#     kamesh up $file           starts it and leaves it running: kamesh ps, graph, echo, down

[nodes.$kebab]
[nodes.desk]

[components.TICK]
use = "kamesh.components.ticker:Ticker"
with = { interval = 0.1, count = 3 }
node = "$kebab"

[components.NUMBER]
use = "$use"
with = { first = 100 }
node = "$kebab"

[components.OUT]
use = "kamesh.components.console:ConsoleEchoer"
node = "desk"

[[linkages]]
from = "TICK.outbox"
to = "NUMBER.inbox"

[[linkages]]
from = "NUMBER.outbox"
to = "OUT.inbox"
''')

TOPOLOGY_TEST = Template('''\
"""$file: no mistakes in it, and what it prints when it runs."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent$up
KAMESH = [sys.executable, "-m", "kamesh.deploy.cli"]


def kamesh(*words: str) -> subprocess.CompletedProcess[str]:
    """Carry out a command of kamesh in the folder of the topology."""
    return subprocess.run(
        [*KAMESH, *words],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_there_is_no_mistake_in_it() -> None:
    """`kamesh check` has nothing to say."""
    checked = kamesh("check", "$file")
    assert checked.returncode == 0, checked.stderr


def test_it_runs() -> None:
    """Its nodes find each other, and what comes out is what went in, numbered."""
    ran = kamesh("run", "$file")
    assert ran.stdout.splitlines() == ["(100, 1)", "(101, 2)", "(102, 3)"], ran.stderr
''')

PYPROJECT = Template('''\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "$kebab"
version = "0.1.0"
description = "Components for kamesh."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["kamesh>=$version"]

[project.optional-dependencies]
dev = ["pytest>=8"]

# What is public in these modules shows in `kamesh components`, once the project is installed.
[project.entry-points."kamesh.components"]
$snake = "$snake"

[tool.setuptools]
packages = ["$snake"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
''')

README = Template('''\
# $kebab

Components for [kamesh](https://pypi.org/project/kamesh).

In the environment that kamesh is installed in:

    pip install -e ".[dev]"
    pytest
    kamesh components Numbered       # yours is among them
    kamesh run $kebab.toml
    kamesh up $kebab.toml ; kamesh graph ; kamesh down

- `$snake/numbered.py`: a component. Its docstring is its page.
- `$kebab.toml`: what runs where, and what is linked to what.
- `tests/`: what it does, what every component promises, and the whole of it in real processes.

`kamesh new component NAME --folder $snake` makes another; name it in `$snake/__init__.py`.
''')

PACKAGE = Template('''\
"""Components of $kebab."""

from $snake.numbered import Numbered

__all__ = ["Numbered"]
''')

IGNORED = ".venv/\n__pycache__/\n*.egg-info/\nbuild/\ndist/\n.pytest_cache/\n"


def component(names: Names, kind: str = "generator") -> dict[str, str]:
    """Give a component and its test."""
    return {
        f"{names.snake}.py": _component(names.pascal, kind),
        f"test_{names.snake}.py": _component_test(names.pascal, names.snake),
    }


def node(names: Names, kind: str = "generator") -> dict[str, str]:
    """Give a topology with a node of this name, the component that is on it, and their tests."""
    return {
        f"{names.snake}.py": _component("Numbered", kind),
        f"{names.snake}.toml": _topology(names, f"{names.snake}.toml", names.snake),
        f"test_{names.snake}.py": _component_test("Numbered", names.snake),
        f"test_{names.snake}_nodes.py": TOPOLOGY_TEST.substitute(file=f"{names.snake}.toml", up=""),
    }


def project(names: Names, kind: str = "generator") -> dict[str, str]:
    """Give a folder to be installed: a package of components, a topology, and their tests."""
    package, topology = names.snake, f"{names.kebab}.toml"
    words = {"snake": names.snake, "kebab": names.kebab, "version": __version__}
    files = {
        "pyproject.toml": PYPROJECT.substitute(words),
        "README.md": README.substitute(words),
        ".gitignore": IGNORED,
        f"{package}/__init__.py": PACKAGE.substitute(words),
        f"{package}/numbered.py": _component("Numbered", kind),
        topology: _topology(names, topology, package),
        "tests/test_numbered.py": _component_test("Numbered", package),
        "tests/test_topology.py": TOPOLOGY_TEST.substitute(file=topology, up=".parent"),
    }
    return {f"{names.kebab}/{path}": text for path, text in files.items()}


WHAT: Mapping[str, Callable[[Names, str], dict[str, str]]] = {
    "component": component,
    "node": node,
    "project": project,
}


def files_of(what: str, names: Names, kind: str = "generator") -> dict[str, str]:
    """Give the texts of what is to be made, by their paths."""
    return WHAT[what](names, kind)


def _component(pascal: str, kind: str) -> str:
    imports, base, main = KINDS[kind]
    return COMPONENT.substitute(pascal=pascal, imports=imports, base=base, main=main)


def _component_test(pascal: str, module: str) -> str:
    """Give the test; the imports stand as ruff sorts them, where their own project is."""
    theirs, own = "from kamesh.testing import keeps_promises, run", f"from {module} import {pascal}"
    return COMPONENT_TEST.substitute(pascal=pascal, imports=f"{theirs}\n\n{own}")


def _topology(names: Names, file: str, module: str) -> str:
    return TOPOLOGY.substitute(kebab=names.kebab, file=file, use=f"{module}:Numbered")
