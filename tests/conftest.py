"""Lets all tests share what is in `support`, and names each the same in every process."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))


def pytest_make_parametrize_id(config, val, argname):
    """Name what has an address or a time in its own name by its kind only."""
    if isinstance(val, bytes | bytearray | memoryview):
        return f"{len(val)}-bytes"
    if type(val).__repr__ is object.__repr__:
        return type(val).__name__
    return None
