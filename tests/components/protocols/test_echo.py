"""Echo: alone, over a wire in memory, and with a client nobody here wrote."""

import shutil
import subprocess

import pytest
from serving_kit import LIMIT, serving

from kamesh.components.network import TCPServer
from kamesh.components.protocols import Echo
from kamesh.testing import keeps_promises
from kamesh.testing.conversing import converse


def test_alone():
    """It gives back each piece, and keeps what every component promises."""
    assert keeps_promises(Echo, [b"one", b"two", b""]) == [b"one", b"two", b""]


@pytest.mark.parametrize("cuts", range(5))
def test_in_conversation(cuts):
    """However it is cut, the same comes back, and then the end."""
    assert converse(Echo(), [b"hello ", 5.0, b"world" * 1000], cuts=cuts) == b"hello " + b"world" * 1000


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_with_socat():
    """Socat says, ends its half, and hears all of it."""
    said = b"one\ntwo\n" * 1000
    with serving(TCPServer(Echo)) as where:
        done = subprocess.run(
            ["socat", "-", f"TCP:127.0.0.1:{where.port}"],
            input=said,
            capture_output=True,
            timeout=LIMIT,
            check=True,
        )
    assert done.stdout == said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_with_curl():
    """Curl speaks telnet with it."""
    with serving(TCPServer(Echo)) as where, subprocess.Popen(
        ["curl", "-s", "-N", f"telnet://127.0.0.1:{where.port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as curl:
        curl.stdin.write(b"hello\n")
        curl.stdin.flush()
        assert curl.stdout.readline() == b"hello\n"
        curl.kill()
