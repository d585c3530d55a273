"""What a node's port must take from strangers, and from members that misbehave, while it works."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from hosts import Host, Started, until

from kamesh.link import LinkLimits
from kamesh.link.framing import Flush, unpack
from kamesh.link.records import Hello, Record, Refuse
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials, MeshKey

TOPOLOGY = """
[nodes.source]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = { every = 0.01, burst = 20, note = "sent.txt" }
node = "source"
[components.KEEP]
use = "parts:Keep"
with = { file = "kept.txt" }
node = "sink"
[[linkages]]
from = "NUMBERS.outbox"
to = "KEEP.inbox"
"""

TLS_HELLO = bytes.fromhex(
    "16030100a5010000a10303" + "5a" * 32 + "20" + "a5" * 32 + "0006130113021303" + "0100005200"
) + bytes(82)
STRANGERS = {
    "random bytes": os.urandom(4096),
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": TLS_HELLO,
    "half a ZMTP greeting": b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03",
    "ZMTP 2": b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01\x05\x00\x00",
    "ZMTP 3, no encryption": b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48),
    "nothing": b"",
    "many zeros": bytes(1 << 20),
}


class Port:
    """A working node: where it listens, its process, and how it fares."""

    def __init__(self, host: Host, running: Started) -> None:
        self.host = host
        self.running = running
        self.pid = host.nodes()["sink"]
        node = host.run_file()["nodes"]["sink"]
        self.endpoint: str = node["endpoint"]
        self.number = int(self.endpoint.rpartition(":")[2])
        folder = next(host.runtime.glob("*/mesh.key"))
        self.key = MeshKey.load(folder)
        self.mesh = self.key.identity

    def dialed(self) -> socket.socket:
        """Connect to it as anybody can."""
        return socket.create_connection(("127.0.0.1", self.number), timeout=5)

    def descriptors(self) -> int:
        """Count the files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def memory(self) -> int:
        """Give the most memory it ever had, in MiB."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024

    def works_on(self) -> None:
        """Hold that numbers go on arriving at the same process."""
        before = len(self.host.read("kept.txt"))
        until(lambda: len(self.host.read("kept.txt")) > before + 200, "numbers go on arriving")
        assert self.host.nodes()["sink"] == self.pid


@pytest.fixture(scope="module")
def port(shared: Host) -> Iterator[Port]:
    """Have a stream run into a node; at the end, all of it must have arrived, once and in order."""
    running = shared.start("up", shared.topology("stream.toml", TOPOLOGY), "--foreground")
    shared.linked(2)
    port = Port(shared, running)
    port.works_on()
    yield port
    running.signal(signal.SIGTERM)
    ended = running.ended()
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err, ended.err
    sent = int(shared.read("sent.txt")[0])
    assert shared.read("kept.txt") == [str(number) for number in range(1, sent + 1)]


def test_strangers_get_nothing_and_cost_nothing(port: Port):
    """Garbage, other protocols and 200 silent connections: all cut, the stream undisturbed."""
    before = port.descriptors()
    memory = port.memory()
    silent = [port.dialed() for _ in range(200)]
    for words in STRANGERS.values():
        for _ in range(5):
            with port.dialed() as stranger:
                try:
                    stranger.sendall(words)
                    stranger.settimeout(0.05)
                    stranger.recv(64)
                except OSError:
                    pass  # it hung up or said nothing: either will do
    port.works_on()
    for one in silent:  # cut by the node: an end of file, or a reset
        one.settimeout(10)
        try:
            while one.recv(1024):
                pass
        except ConnectionResetError:
            pass
        one.close()
    until(lambda: port.descriptors() <= before + 8, "its descriptors are free again")
    assert port.memory() < memory + 48
    port.works_on()


def test_a_peer_without_encryption_or_with_another_key_is_not_heard(port: Port):
    """Plain ZeroMQ and the key of another mesh: nothing is let in, and the other learns why."""
    context = zmq.Context()
    plain = context.socket(zmq.DEALER)
    plain.linger = 0
    plain.connect(port.endpoint)
    for _ in range(100):
        plain.send(b"hello")
    answered = plain.poll(300)
    context.destroy(linger=0)
    assert not answered
    lost = asyncio.run(Member(MeshKey.new(), port.endpoint).ended())
    assert "key" in lost
    port.works_on()


class Member:
    """Somebody who holds a mesh key and says what they like."""

    def __init__(self, key: MeshKey, endpoint: str, *messages: list[bytes]) -> None:
        self.transport = ZeroMQTransport(MeshCredentials(key))
        self.endpoint = endpoint
        self.messages = messages
        self.heard: list[Record] = []
        self.over: asyncio.Future[str] | None = None

    async def ended(self) -> str:
        """Dial, say it, and wait until the node hangs up; give the transport's reason."""
        self.over = asyncio.get_running_loop().create_future()
        self.transport.start(self)
        self.transport.dial(self.endpoint)
        async with asyncio.timeout(15):
            reason = await self.over
        await self.transport.stop(0.1)
        return reason

    def connected(self, connection: object) -> None:
        for frames in self.messages:
            self.transport.send(connection, frames)

    def received(self, connection: object, frames: list[bytes | memoryview]) -> None:
        self.heard += unpack(frames, LinkLimits())

    def lost(self, connection: object, reason: str) -> None:
        if self.over is not None and not self.over.done():
            self.over.set_result(reason)


def hello(port: Port, **other: object) -> list[bytes]:
    """Make the frames of a HELLO."""
    words = {
        "version_min": 1, "version_max": 1, "mesh": port.mesh, "node": "stranger",
        "incarnation": os.urandom(16), "capabilities": {"kind": "node"}, **other,
    }
    flush = Flush(LinkLimits())
    flush.add(Hello(**words))
    return [bytes(frame) for message in flush.take() for frame in message]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"version_min": 7, "version_max": 9}, "speaks 7 to 9: update the older of the two"),
        ({"mesh": "another"}, "node 'stranger' to the mesh 'another'"),
        ({"node": "sink"}, "both nodes are called 'sink'"),
        ({"node": "source"}, "Node name 'source' is taken by a run that is linked here and alive."),
    ],
    ids=["version", "mesh", "own name", "name of another"],
)
def test_a_member_that_does_not_fit_is_told_so(port: Port, other: dict[str, object], sentence: str):
    """Another version, another mesh, a name that is taken: a sentence, and nobody is disturbed."""
    member = Member(port.key, port.endpoint, hello(port, **other))
    asyncio.run(member.ended())
    (refusal,) = [one for one in member.heard if isinstance(one, Refuse)]
    assert sentence in refusal.reason
    port.works_on()


@pytest.mark.parametrize(
    "frames",
    [
        [b""], [b"\xc1"], [b"not a greeting"], [os.urandom(1000)], [b"\x91" * 5000],
        [b"\xdd\xff\xff\xff\xff"], [b"\x90"] * 100,
    ],
    ids=["empty", "no MessagePack", "text", "random", "deep", "a list of 4 billion", "100 frames"],
)
def test_a_member_that_talks_nonsense_is_cut(port: Port, frames: list[bytes]):
    """Frames that are no greeting cost their sender the connection, and nobody else anything."""
    asyncio.run(Member(port.key, port.endpoint, frames).ended())
    port.works_on()


def test_nonsense_after_a_greeting_is_cut_too(port: Port):
    """A node that greets well and then breaks the protocol loses its link; it is said in the log."""
    member = Member(
        port.key, port.endpoint, hello(port, node="vandal"), [b"\x91\x93\x07\x01\x01"]
    )
    asyncio.run(member.ended())
    logs = port.host.kamesh("logs", "sink").out
    assert "vandal" in logs
    assert "broke the link protocol" in logs
    port.works_on()


def test_a_frame_beyond_the_limit_costs_its_sender_the_connection(port: Port):
    """64 MiB and more from a member: refused at its header, the node's memory stays as it is."""
    memory = port.memory()
    pair = port.key.curve
    context = zmq.Context()
    huge = context.socket(zmq.DEALER)
    huge.linger = 0
    for option, key in (
        (zmq.CURVE_SERVERKEY, pair.public), (zmq.CURVE_PUBLICKEY, pair.public),
        (zmq.CURVE_SECRETKEY, pair.secret),
    ):
        huge.setsockopt(option, key)
    events = huge.get_monitor_socket()
    huge.connect(port.endpoint)
    huge.send(bytes(80 << 20))
    seen = set()
    while zmq.EVENT_DISCONNECTED not in seen:
        assert events.poll(15_000), "it has not been cut"
        seen.add(int.from_bytes(events.recv_multipart()[0][:2], "little"))
    huge.disable_monitor()
    context.destroy(linger=0)
    assert port.memory() < memory + 48
    port.works_on()
