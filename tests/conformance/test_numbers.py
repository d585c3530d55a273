"""That the suite is whole: the sixty behaviours, each once, each with its promise."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = [
    node
    for file in sorted(HERE.glob("test_*.py"))
    if file != Path(__file__)
    for node in ast.walk(ast.parse(file.read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
]


def test_all_sixty_are_there_once() -> None:
    """The numbers 1 to 60 each stand in the name of exactly one test."""
    assert sorted(int(test.name.split("_")[1]) for test in TESTS) == list(range(1, 61))


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.name)
def test_each_says_what_it_promises(test: ast.FunctionDef) -> None:
    """Every test of the suite has a short name and a docstring."""
    assert len(test.name.split("_")) > 2
    assert ast.get_docstring(test)
