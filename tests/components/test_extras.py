"""Optional packages: not imported before they are used, and missed in a sentence."""

import subprocess
import sys

import pytest

from kamesh.components.extras import EXTRAS, NotInstalled, needing

HEAVY = {"av", "numpy", "aiohttp"}


def test_naming_media_components_imports_none_of_what_they_need():
    """Every node reads the whole graph; only the one that draws or encodes pays for it."""
    program = (
        "import sys; from kamesh.components.media import *; "
        "parts = TestCard(), FileSource('x'), Encode(), Decode(), MuxMPEGTS(), Record('x'), HTTPStream(); "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", sorted(EXTRAS))
def test_what_is_missing_is_named_with_the_words_that_install_it(missing, monkeypatch):
    """And who needs it."""
    monkeypatch.setitem(sys.modules, missing, None)
    words = rf'Encode needs {missing}.*pip install "kamesh\[{EXTRAS[missing]}\]"'
    with pytest.raises(NotInstalled, match=words), needing("Encode"):
        __import__(missing)


def test_another_missing_module_is_our_own_mistake():
    """It is not blamed on what the user has installed."""
    with pytest.raises(ModuleNotFoundError, match="nothing_of_the_kind"), needing("Encode"):
        import nothing_of_the_kind  # noqa: F401
