"""The memory of large frames is kept for the next ones, where the C library can be told so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TELL = "from kamesh.transport.allocator import keep_memory; print(keep_memory(), keep_memory())"
GLIBC = hasattr(os, "confstr") and "CS_GNU_LIBC_VERSION" in os.confstr_names


def told(**variables: str) -> str:
    """Run it in a process of its own, for it changes the process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    clean.pop("GLIBC_TUNABLES", None)
    run = [sys.executable, "-c", TELL]
    return subprocess.run(
        run, env=clean | variables, capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_the_c_library_is_told_once() -> None:
    """It takes both thresholds; to tell it again changes nothing."""
    assert told() == "True True"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MALLOC_TRIM_THRESHOLD_", "131072"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")],
)
def test_what_the_user_has_set_stays(name: str, value: str) -> None:
    """Whoever has tuned the C library himself is left alone."""
    assert told(**{name: value}) == "False False"
