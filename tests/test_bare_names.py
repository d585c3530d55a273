"""The top-level folders have plain names; under those they refuse to be imported."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = {
    "mesh": "kamesh",
    "nodes": "kamesh.nodes",
    "components": "kamesh.components",
    "deploy": "kamesh.deploy",
}


@pytest.mark.parametrize(("folder", "name"), NAMES.items())
def test_a_folder_refuses_its_bare_name(folder, name):
    """`import mesh` in the repository says what to import instead; the right name works."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"ImportError: import it as {name}:" in done.stderr
    assert importlib.import_module(name).__name__ == name
