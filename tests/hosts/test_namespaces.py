"""Two hosts, as network namespaces with a wire between them: zeroconf, encryption, a cut wire."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOST = Path(__file__).parent / "one_host.py"
PREFIX = f"kamesh{os.getpid() % 10000}"


def _ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)


def _can():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    try:
        _ip("netns", "add", f"{PREFIX}t")
        _ip("netns", "del", f"{PREFIX}t")
    except subprocess.SubprocessError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _can(), reason="needs root, iproute2 and network namespaces")


@pytest.fixture
def hosts():
    """Two namespaces, 10.99.7.1 and 10.99.7.2, with a veth pair between them."""
    a, b = f"{PREFIX}a", f"{PREFIX}b"
    for name in (a, b):
        _ip("netns", "add", name)
    try:
        _ip("link", "add", f"{PREFIX}v", "netns", a, "type", "veth", "peer", f"{PREFIX}w", "netns", b)
        for name, wire, address in ((a, f"{PREFIX}v", "10.99.7.1"), (b, f"{PREFIX}w", "10.99.7.2")):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", wire)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", wire, "up")
        yield {"left": (a, f"{PREFIX}v", "10.99.7.1"), "right": (b, f"{PREFIX}w", "10.99.7.2")}
    finally:
        for name in (a, b):
            _ip("netns", "del", name)


def _start(hosts, name, count):
    namespace, _, address = hosts[name]
    return subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, str(HOST), name, address, str(count)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def _wire(hosts, name, state):
    namespace, wire, _ = hosts[name]
    _ip("-n", namespace, "link", "set", wire, state)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut for five seconds"])
def test_two_hosts_find_each_other_and_lose_nothing(hosts, cut):
    """No address is given; every message arrives once and in order, also over a cut wire."""
    count = 1500
    running = {name: _start(hosts, name, count) for name in ("right", "left")}
    try:
        if cut:
            time.sleep(2.5)
            _wire(hosts, "left", "down")
            time.sleep(5.0)
            _wire(hosts, "left", "up")
        said = {name: process.communicate(timeout=90) for name, process in running.items()}
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    assert said["right"][0].split() == [str(count), "True"], said
    assert [process.returncode for process in running.values()] == [0, 0], said
