"""Multicast between two hosts, as network namespaces with a wire between them.

Against programs nobody here wrote (socat, ffmpeg, Python's sockets): IPv4 and IPv6, TTL, loop, sources
that are named, a wire that is cut and healed, an interface that vanishes and comes back.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

HOST = Path(__file__).parent / "multicast_host.py"
PREFIX = f"kmc{os.getpid() % 10000}"
LEFT, RIGHT = f"{PREFIX}a", f"{PREFIX}b"
WIRE = "wire0"  # what it is called in each of them
GROUP, GROUP6, PORT = "239.255.7.1", "ff12::7:1", "5004"
SOON = 20.0  # seconds: generous, only so that a failing test ends

SENDS = """
    import socket, struct, sys, time
    group, port, source, ttl, *words = sys.argv[1:]
    six = ":" in group
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    if six:
        scope = socket.if_nametoindex("wire0")
        sock.bind((source, 0, 0, scope))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, scope)
        to = (group, int(port), 0, scope)
    else:
        sock.bind((source, 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, int(ttl))
        to = (group, int(port))
    for word in words:
        sock.sendto(word.encode(), to)
"""
HEARS = """
    import socket, struct, sys
    group, port, address, count = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((group, int(port)))
    sock.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    both = socket.inet_aton(group) + socket.inet_aton(address)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, both)
    sock.settimeout(20)
    print("joined", flush=True)
    for _ in range(int(count)):
        data, ancillary, _, source = sock.recvmsg(2000, 200)
        ttl = [struct.unpack("i", value)[0] for _, kind, value in ancillary if kind == 2]
        print(data.decode(), source[0], *ttl, flush=True)
"""


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


def needs(program):
    """Skip a test where a program is missing."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def wire():
    """Lay a wire between the two hosts: 10.99.8.1 (and .3) and 10.99.8.2, fe80::1 and fe80::2."""
    _ip("link", "add", WIRE, "netns", LEFT, "type", "veth", "peer", WIRE, "netns", RIGHT)
    for name, addresses in ((LEFT, ("1", "3")), (RIGHT, ("2",))):
        _ip("-n", name, "link", "set", WIRE, "addrgenmode", "none")
        _ip("-n", name, "link", "set", WIRE, "up")
        for last in addresses:
            _ip("-n", name, "addr", "add", f"10.99.8.{last}/24", "dev", WIRE)
            _ip("-n", name, "-6", "addr", "add", f"fe80::{last}/64", "dev", WIRE, "nodad")
        _ip("-n", name, "route", "replace", "239.0.0.0/8", "dev", WIRE)


def until(true):
    """Wait until something holds."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def hosts():
    """Two namespaces with a wire."""
    for name in (LEFT, RIGHT):
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    try:
        wire()
        yield
    finally:
        for name in (LEFT, RIGHT):
            _ip("netns", "del", name)


class Run:
    """A program in a namespace, its output by lines."""

    def __init__(self, host, *words):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", host, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode().strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self, within=SOON):
        """Give the next line."""
        return self.lines.get(timeout=within)

    def said(self, key, within=SOON):
        """Give the next thing of a kind that one of ours says."""
        deadline = time.monotonic() + within
        while True:
            one = json.loads(self.line(max(0.0, deadline - time.monotonic())))
            if key in one:
                return one

    def details(self):
        """End one of ours; give its figures."""
        self.process.stdin.close()
        return self.said("details")["details"]


def ours(host, *words):
    """Start one of ours."""
    return Run(host, sys.executable, str(HOST), *words)


def python(host, text, *words):
    """Start some Python that uses nothing of ours."""
    return Run(host, sys.executable, "-c", textwrap.dedent(text), *words)


def sends(source, *words, group=GROUP, ttl="1"):
    """Have a plain socket on the left send some words, to the end."""
    with python(LEFT, SENDS, group, PORT, source, ttl, *words) as run:
        run.process.wait(SOON)
        assert run.process.returncode == 0


def test_a_plain_socket_to_ours_and_only_from_the_source_that_was_named(hosts):
    """Two senders in one group: the one that is not named is not heard."""
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as all_, ours(
        RIGHT, "receive", GROUP, PORT, "10.99.8.2", "10.99.8.3"
    ) as one:
        for each in (all_, one):
            assert each.said("joined")["joined"] == GROUP
        sends("10.99.8.1", "first", "second")
        sends("10.99.8.3", "third")
        assert [all_.said("data")["data"] for _ in range(3)] == ["first", "second", "third"]
        assert one.said("data") == {"data": "third", "size": 5, "host": "10.99.8.3", "group": GROUP}
        assert one.details()["received"] == 1


@pytest.mark.parametrize("source", ["", "fe80::3"])
def test_ipv6_link_local(hosts, source):
    """A group of IPv6 on one link, from all and from one source; the host comes with its zone."""
    with ours(RIGHT, "receive", GROUP6, PORT, WIRE, *([source] if source else [])) as run:
        assert run.said("joined")["joined"] == GROUP6
        sends("fe80::1", "one", group=GROUP6)
        sends("fe80::3", "three", group=GROUP6)
        expected = ["three"] if source else ["one", "three"]
        got = [run.said("data") for _ in expected]
        assert [each["data"] for each in got] == expected
        assert got[-1]["host"] == f"fe80::3%{WIRE}"
        assert run.details()["received"] == len(expected)


def test_the_ttl_is_what_was_asked_for(hosts):
    """A plain socket on the right reads the TTL that ours sends with."""
    with python(RIGHT, HEARS, GROUP, PORT, "10.99.8.2", "2") as run:
        assert run.line() == "joined"
        for ttl in ("1", "5"):
            with ours(LEFT, "send", GROUP, PORT, WIRE, ttl, "1", "1", "0.01") as sender:
                sender.said("details")
            assert run.line() == f"0 10.99.8.1 {ttl}"


def test_ttl_0_stays_on_its_host_and_without_loop_its_host_does_not_hear(hosts):
    """TTL 0 is heard on the left alone; loop=False is heard on the right alone."""
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as right, ours(
        LEFT, "receive", GROUP, PORT, WIRE
    ) as left:
        for each in (right, left):
            each.said("joined")
        for ttl, loop in (("0", "1"), ("1", "0"), ("1", "1")):
            with ours(LEFT, "send", GROUP, PORT, WIRE, ttl, loop, "1", "0.01") as sender:
                sender.said("details")
        for each in (right, left):
            for _ in range(2):
                each.said("data")
            assert each.details()["received"] == 2


@pytest.mark.parametrize(("group", "other"), [(GROUP, "10.99.8.2"), (GROUP6, "fe80::2")])
def test_a_transceiver_knows_its_own_voice(hosts, group, other):
    """Of what it hears on a real wire it knows what it said itself, of IPv4 and of IPv6."""
    with ours(LEFT, "talk", group, PORT, WIRE) as run:
        deadline = time.monotonic() + SOON
        while run.lines.empty() and time.monotonic() < deadline:
            with ours(RIGHT, "send", group, PORT, other, "1", "1", "1", "0.01") as sender:
                sender.said("details")
        assert run.said("heard")["heard"] == [["0", False], ["word", True]]


@needs("socat")
def test_socat_hears_ours_and_ours_hears_socat(hosts, tmp_path):
    """Both ways against socat, which joins by ip-add-membership."""
    joins = f"UDP4-RECV:{PORT},reuseaddr,ip-add-membership={GROUP}:10.99.8.2"
    heard = tmp_path / "heard"
    with Run(RIGHT, "socat", "-u", joins, f"OPEN:{heard},creat,append"):
        until(lambda: GROUP in _ip("-n", RIGHT, "maddr", "show", "dev", WIRE).stdout)
        with ours(LEFT, "send", GROUP, PORT, WIRE, "1", "1", "2", "0.1") as sender:
            sender.said("details")
        until(lambda: heard.exists() and heard.read_text() == "01")
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as run:
        run.said("joined")
        to = f"UDP4-DATAGRAM:{GROUP}:{PORT},ip-multicast-if=10.99.8.1,ip-multicast-ttl=1"
        with Run(LEFT, "socat", "-u", "STDIN", to) as socat:
            socat.process.stdin.write(b"from socat")
            socat.process.stdin.flush()
            assert run.said("data")["data"] == "from socat"


@needs("ffmpeg")
def test_ffmpeg_sends_a_programme_to_ours(hosts):
    """A second of MPEG-TS by ffmpeg: each datagram whole, of up to 7 packets, beginning with 0x47."""
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as run:
        run.said("joined")
        picture = "testsrc=size=320x240:rate=25:duration=1"
        to = f"udp://{GROUP}:{PORT}?pkt_size=1316&ttl=1&localaddr=10.99.8.1"
        with Run(LEFT, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "mpegts", to) as film:
            film.process.wait(SOON)
        got = [run.said("data") for _ in range(10)]
    assert 1316 in {each["size"] for each in got}
    assert all(each["size"] % 188 == 0 for each in got)
    assert {each["data"][0] for each in got} == {"G"}


def test_a_wire_that_is_cut_and_healed(hosts):
    """Down for a while on the side of the receiver: what is sent after it is up again arrives."""
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as run:
        run.said("joined")
        sends("10.99.8.1", "before")
        assert run.said("data")["data"] == "before"
        _ip("-n", RIGHT, "link", "set", WIRE, "down")
        _ip("-n", RIGHT, "link", "set", WIRE, "up")
        _ip("-n", RIGHT, "-6", "addr", "add", "fe80::2/64", "dev", WIRE, "nodad")
        deadline = time.monotonic() + SOON
        while True:
            sends("10.99.8.1", "after")
            try:
                assert run.said("data", 0.5)["data"] == "after"
                break
            except queue.Empty:
                assert time.monotonic() < deadline
        assert run.details()["lost"] == 0


def test_an_interface_that_vanishes_and_comes_back(hosts):
    """The wire is taken away and a new one laid: both ends go on, the groups are joined again."""
    with ours(RIGHT, "receive", GROUP, PORT, WIRE) as run:
        run.said("joined")
        with ours(LEFT, "send", GROUP, PORT, WIRE, "1", "1", "100000", "0.005") as sender:
            run.said("data")
            _ip("-n", RIGHT, "link", "del", WIRE)
            time.sleep(0.2)
            wire()
            assert run.said("joined")["joined"] == GROUP
            while not run.lines.empty():
                run.line()
            last = int(run.said("data")["data"])
            assert int(run.said("data")["data"]) > last
            del sender
        figures = run.details()
    assert figures["vanished"] >= 1
    assert figures["rejoined"] >= 1
