"""Fortune: one saying, and the end."""

import shutil
import subprocess
from functools import partial

import pytest
from serving_kit import LIMIT, all_of, connected, serving

from kamesh.components.network import TCPServer
from kamesh.components.protocols import Fortune, fortunes_of
from kamesh.components.protocols.fortune import SAYINGS
from kamesh.errors import NotSuitable
from kamesh.testing import keeps_promises, run
from kamesh.testing.conversing import converse


def test_alone():
    """It says one of what it was given, and ends without being asked anything."""
    said = {run(Fortune(["a", "b"], seed=seed))["outbox"][0] for seed in range(20)}
    assert said == {b"a\n", b"b\n"}
    assert keeps_promises(lambda: Fortune(["a"])) == [b"a\n"]
    assert run(Fortune(seed=1)) == run(Fortune(seed=1))
    assert run(Fortune())["outbox"][0].decode().strip() in SAYINGS


def test_in_conversation():
    """It ends the conversation itself."""
    assert converse(Fortune(["Look."]), b"not asked", half_close=False) == b"Look.\n"


def test_sayings_come_from_a_file(tmp_path):
    """As fortune(6) writes them, with a % between; none is a mistake."""
    book = tmp_path / "book"
    book.write_text("one\n%\ntwo\n  lines\n%\n\n%\nlast")
    assert fortunes_of(book) == ["one", "two\n  lines", "last"]
    book.write_text("%\none\n%\n")
    assert fortunes_of(book) == ["one"]
    with pytest.raises(NotSuitable, match="no sayings"):
        Fortune([])


def test_it_reaches_a_client_that_says_what_nobody_reads():
    """What the client sent meanwhile does not break off the saying."""
    with serving(TCPServer(partial(Fortune, ["Look."]))) as where, connected(where) as one:
        one.sendall(bytes(100_000))
        assert all_of(one) == b"Look.\n"


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_with_socat():
    """Socat gets the saying, and the end."""
    with serving(TCPServer(partial(Fortune, ["Look."]))) as where:
        done = subprocess.run(
            ["socat", "-u", f"TCP:127.0.0.1:{where.port}", "-"],
            capture_output=True, timeout=LIMIT, check=True,
        )  # fmt: skip
    assert done.stdout == b"Look.\n"
