"""Gives each test a host of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Give a folder in which processes run, and end all of them afterwards."""
    with Host(tmp_path) as host:
        yield host


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Give one for all tests of a file, which only look at what runs there."""
    with Host(tmp_path_factory.mktemp("shared")) as host:
        yield host
