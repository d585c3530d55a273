"""The house, held: floors, circles, sizes, the words that are never imported, and docstrings.

Imports under `if TYPE_CHECKING:` are promises to the type checker and do not count.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import kamesh
from kamesh import Component

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "mesh": "kamesh",
    "components": "kamesh.components",
    "nodes": "kamesh.nodes",
    "deploy": "kamesh.deploy",
}
FLOORS = ["kamesh", "kamesh.components", "kamesh.nodes", "kamesh.deploy"]  # from the ground up
LINES = 400
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FORBIDDEN = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}
SANS_IO = ("kamesh.codec", "kamesh.link", "kamesh.membership")
DOES_IO = {"socket", "select", "selectors", "asyncio", "zmq", "zeroconf", "subprocess", "ssl"}


def _module_name(file: Path) -> str:
    folder, *rest = file.relative_to(ROOT).with_suffix("").parts
    parts = [FOLDERS[folder], *rest]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    _module_name(file): file
    for folder in FOLDERS
    for file in sorted((ROOT / folder).rglob("*.py"))
    if "__pycache__" not in file.parts
}
TEXTS = {name: file.read_text() for name, file in FILES.items()}
TREES = {name: ast.parse(text) for name, text in TEXTS.items()}
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def _is_type_checking(node: ast.If) -> bool:
    return "TYPE_CHECKING" in ast.unparse(node.test)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through all that is run, wherever it stands."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and _is_type_checking(node):
            for other in node.orelse:
                yield from _statements(other)
            continue
        yield node
        yield from _statements(node)


def _imports(name: str) -> set[str]:
    """Name the modules that `name` imports, ours and others'."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in _statements(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in FILES else base)
    return found - {name}


IMPORTS = {name: _imports(name) for name in FILES}


def _floor(name: str) -> int:
    return max(
        number
        for number, floor in enumerate(FLOORS)
        if name == floor or name.startswith(f"{floor}.")
    )


@pytest.mark.parametrize("name", FILES)
def test_imports_go_down_the_floors_only(name: str) -> None:
    """A module imports from its own floor or one below, never from one above."""
    above = {
        other for other in IMPORTS[name] if other in FILES and _floor(other) > _floor(name)
    }
    assert not above


def test_no_circle_anywhere() -> None:
    """No module imports itself by way of others, function-level imports included."""
    graph = {
        name: {other for other in imported if other in FILES} for name, imported in IMPORTS.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("a circle: " + " -> ".join(reversed(error.args[1])))
    assert set(order) == set(FILES)


@pytest.mark.parametrize("library", ["zmq", "zeroconf"])
def test_one_file_imports_it(library: str) -> None:
    """One file stands before libzmq, and one before zeroconf."""
    users = [
        name
        for name, imported in IMPORTS.items()
        if any(each == library or each.startswith(f"{library}.") for each in imported)
    ]
    assert len(users) == 1, users


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_long(name: str) -> None:
    """A file is one idea: 400 lines at the most."""
    length = len(TEXTS[name].splitlines())
    assert length <= LINES


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_runs_what_it_reads(name: str) -> None:
    """No pickle, marshal or yaml is imported, and neither eval nor exec is called."""
    assert not {each.split(".")[0] for each in IMPORTS[name]} & FORBIDDEN
    calls = {
        node.func.id
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec", "__import__"}


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith(SANS_IO)])
def test_protocol_cores_do_no_io(name: str) -> None:
    """The codec, the link protocol and the membership protocol import nothing that does I/O."""
    assert not {each.split(".")[0] for each in IMPORTS[name]} & DOES_IO


MEDIA = "kamesh.components.media"


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith("kamesh.components")])
def test_only_the_engine_of_media_imports_pyav_as_it_is_imported(name: str) -> None:
    """A node that passes media on starts without PyAV and NumPy; the core of media never has them."""
    heavy = {"av", "numpy", "sounddevice"}
    at_import = {
        each.split(".")[0]
        for node in TREES[name].body
        for each in _named_by(node)
    }  # fmt: skip
    if not name.startswith(f"{MEDIA}.engine"):
        assert not at_import & heavy
    if name.startswith(f"{MEDIA}.core"):
        inside = {each for each in IMPORTS[name] if each.startswith(MEDIA)}
        assert not {each for each in inside if each.startswith(f"{MEDIA}.engine")}
        assert not {each.split(".")[0] for each in IMPORTS[name]} & (heavy | DOES_IO | {"threading"})


def _named_by(node: ast.AST) -> list[str]:
    """Name what one statement at the head of a module imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_the_scheduler_knows_nothing_of_components() -> None:
    """The scheduler imports none of our modules."""
    assert not {each for each in IMPORTS["kamesh.scheduler"] if each.startswith("kamesh")}


@pytest.mark.parametrize("name", FILES)
def test_each_module_says_what_it_is(name: str) -> None:
    """Every module opens with a docstring."""
    assert ast.get_docstring(TREES[name])


@pytest.mark.parametrize("name", [n for n in kamesh.__all__ if not n.startswith("__")])
def test_public_names_are_documented(name: str) -> None:
    """Every public name has a docstring; a component's says how it ends, and gives an example."""
    thing = getattr(kamesh, name)
    said = inspect.getdoc(thing)
    assert said
    if isinstance(thing, type) and issubclass(thing, Component):
        assert "How it ends" in said
        assert "Example" in said


def _components() -> Iterator[type[Component]]:
    """Give every component that a module of the library makes public."""
    for name in FILES:
        if not name.startswith("kamesh.components"):
            continue
        try:
            module = importlib.import_module(name)
        except ImportError:  # an extra that is not installed here
            continue
        for each in getattr(module, "__all__", ()):
            thing = getattr(module, each)
            if isinstance(thing, type) and issubclass(thing, Component):
                yield thing


@pytest.mark.parametrize("component", list(_components()), ids=lambda c: c.__qualname__)
def test_library_components_are_documented(component: type[Component]) -> None:
    """Every component of the library says what it is, with an example, and how it ends."""
    said = inspect.getdoc(component) or ""
    assert "Example" in said
    assert "ends" in said.lower()


def test_what_a_file_gives_others_is_used_by_others() -> None:
    """A function or a constant in `__all__` is named by another file or a test; else it is its own."""
    texts = {FILES[name]: text for name, text in TEXTS.items()}
    texts |= {test: test.read_text() for test in TESTS}
    said = {file: set(re.findall(r"\w+", text)) for file, text in texts.items()}
    unused = []
    for name, file in FILES.items():
        functions = {node.name for node in TREES[name].body if isinstance(node, FUNCTIONS)}
        given = [] if file.name == "__init__.py" else _all_of(TREES[name])
        for each in given:
            ours = each in functions or each.isupper()
            if ours and not any(each in words for other, words in said.items() if other != file):
                unused.append(f"{name}.{each}")
    assert unused == []


def _all_of(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


@pytest.mark.parametrize("file", TESTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_test_says_what_it_promises(file: Path) -> None:
    """Every test function of the project has a docstring."""
    without = [
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert without == []
