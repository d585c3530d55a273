"""The decisions of the socket transports, without sockets: each in its own few lines."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import zmq

from kamesh.transport import AddressTaken, BadAddress, Connection, TransportLimits
from kamesh.transport.accepting import AcceptedConnection, Acceptor
from kamesh.transport.address import bind_error, parse
from kamesh.transport.counts import Counts
from kamesh.transport.descriptors import AcceptedSockets, Grip, inode_of
from kamesh.transport.dialing import DialedConnection
from kamesh.transport.monitor import Event, ending, parse_event
from kamesh.transport.options import accepting_options, dialing_options
from kamesh.transport.pump import SLICE_MESSAGES, Pump
from kamesh.transport.sockets import SETTLING_SECONDS, Setting
from kamesh.transport.zap import judge
from kamesh.trust import Insecure, MeshCredentials, MeshKey

MESH = MeshCredentials(MeshKey(bytes(range(32))))
LIMITS = TransportLimits()


# --- addresses ---


@pytest.mark.parametrize(
    ("written", "read", "literal", "here"),
    [
        ("tcp://127.0.0.1:80", "tcp://127.0.0.1:80", True, True),
        ("tcp://localhost:80", "tcp://127.0.0.1:80", True, True),
        ("tcp://10.0.0.7:65535", "tcp://10.0.0.7:65535", True, False),
        ("tcp://[::1]:80", "tcp://[::1]:80", True, True),
        ("tcp://[fe80::1%eth0]:80", "tcp://[fe80::1%eth0]:80", True, False),
        ("tcp://node-7.example:80", "tcp://node-7.example:80", False, False),
        ("ipc:///run/x", "ipc:///run/x", True, True),
    ],
)
def test_addresses_are_taken_apart(written: str, read: str, literal: bool, here: bool) -> None:
    """What is dialled, whether it needs a name server, and whether it stays on this host."""
    address = parse(written, binding=False)
    assert (str(address), address.is_literal, address.is_this_host) == (read, literal, here)


def test_binding_takes_any_port_and_every_interface() -> None:
    """Port 0 and `*` find a port, host `*` is every interface: for binding only."""
    assert str(parse("tcp://*:*", binding=True)) == "tcp://0.0.0.0:0"
    assert str(parse("tcp://127.0.0.1:0", binding=True)) == "tcp://127.0.0.1:0"
    for wrong in ("tcp://*:80", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*"):
        with pytest.raises(BadAddress):
            parse(wrong, binding=False)
    with pytest.raises(BadAddress, match="a number such as"):
        parse("tcp://node-7.example:80", binding=True)


def test_a_refused_bind_is_put_into_words() -> None:
    """Each errno of bind has its sentence, and the address is in all of them."""
    address = parse("tcp://10.0.0.7:80", binding=True)
    kinds = {number: bind_error(address, number, "text") for number in (98, 99, 13, 19, 5)}
    assert all("tcp://10.0.0.7:80" in str(error) for error in kinds.values())
    assert [type(error) for error in kinds.values()] == [AddressTaken, *[BadAddress] * 4]
    assert "no such address" in str(kinds[99])
    assert "more rights" in str(kinds[13])


# --- what libzmq's events mean ---


def reason(event: int, value: int = 0, *, connected: bool = False, waited: float = 0.0) -> str:
    """Return the sentence for one event, "" if it ends nothing."""
    found = ending(
        event, value, address="tcp://h:1", connected=connected, waited=waited, limits=LIMITS
    )
    return found or ""


@pytest.mark.parametrize(
    ("event", "value", "waited", "words"),
    [
        (Event.CLOSED, 12, 0.0, "nothing accepts connections"),
        (Event.CLOSED, 12, 1.0, "did not answer within 1 s"),
        (Event.HANDSHAKE_FAILED_AUTH, 400, 0.1, "does not admit our key"),
        (Event.HANDSHAKE_FAILED_AUTH, 500, 0.1, "could not judge our key"),
        (Event.HANDSHAKE_FAILED_PROTOCOL, 0x11000002, 0.1, "only one side is encrypted"),
        (Event.HANDSHAKE_FAILED_PROTOCOL, 0x11000001, 0.1, "cannot prove"),
        (Event.HANDSHAKE_FAILED_PROTOCOL, 0x10000000, 0.1, "does not speak our protocol"),
        (Event.HANDSHAKE_FAILED_NO_DETAIL, 32, 0.1, "hung up during the handshake"),
        (Event.HANDSHAKE_FAILED_NO_DETAIL, 11, 2.0, "did not greet within 2 s"),
        (Event.DISCONNECTED, 12, 0.1, "hung up before"),
        (Event.CONNECTED, 12, 0.1, ""),
        (Event.HANDSHAKE_SUCCEEDED, 0, 0.1, ""),
        (4, 0, 0.1, ""),
    ],
)
def test_every_failure_of_a_dial_has_its_sentence(
    event: int, value: int, waited: float, words: str
) -> None:
    """Each event that ends a dial names the address and the likely cause; others end nothing."""
    sentence = reason(event, value, waited=waited)
    assert words in sentence
    assert bool(sentence) == bool(words)
    assert not sentence or "tcp://h:1" in sentence


def test_the_end_of_an_established_connection_says_what_is_known() -> None:
    """The reason is not known: the sentence lists what it can be, with the figures."""
    sentence = reason(Event.DISCONNECTED, connected=True)
    assert "out of reach for 3 s" in sentence
    assert f"{LIMITS.frame_bytes:,} bytes" in sentence


def test_event_numbers_are_those_of_libzmq() -> None:
    """The numbers in our table are the ones pyzmq has for the same names."""
    for event in Event:
        assert int(event) == int(zmq.Event[event.name])
    assert parse_event([b"\x00\x02\x07\x00\x00\x00", b"tcp://h:1"]) == (Event.DISCONNECTED, 7)


# --- who may come in ---


def question(*, domain: bytes = b"kamesh", mechanism: bytes = b"CURVE") -> list[bytes]:
    """Return what libzmq asks about the mesh's own key."""
    return [b"1.0", b"1", domain, b"127.0.0.1", b"", mechanism, MESH.key.curve.public]


def test_a_member_is_admitted_under_its_key() -> None:
    """Status 200, and the key in hex as the user's name, to be found on its frames."""
    verdict = judge(question(), domain=b"kamesh", admits=MESH.admits)
    key = MESH.key.curve.public.hex().encode()
    assert verdict.reply == [b"1.0", b"1", b"200", b"OK", key, b""]
    assert verdict.admitted


@pytest.mark.parametrize(
    ("request_frames", "code"),
    [
        ([], b"500"),
        ([b"1.0", b"7"], b"500"),
        ([b"2.0", *question()[1:]], b"500"),
        ([*question(), b"more"], b"500"),
        (question(domain=b"other"), b"400"),
        (question(mechanism=b"NULL"), b"400"),
        ([*question()[:6], b"short"], b"400"),
        ([*question()[:6], bytes(32)], b"400"),
    ],
)
def test_everything_else_is_refused(request_frames: list[bytes], code: bytes) -> None:
    """Malformed, of another domain or mechanism, or not admitted: never a 200, never a name."""
    verdict = judge(request_frames, domain=b"kamesh", admits=MESH.admits)
    assert not verdict.admitted
    assert verdict.reply[0] == b"1.0"
    assert verdict.reply[2] == code
    assert verdict.reply[4] == b""


def test_a_question_to_an_insecure_node_is_refused() -> None:
    """Where nobody decides about keys, keys are not admitted."""
    assert judge(question(), domain=b"kamesh", admits=None).reply[2] == b"500"


# --- accepted sockets ---


@pytest.fixture(name="grip")
def the_grip() -> Iterator[Grip]:
    """Lend a grip, and check that it gives back what it took."""
    before = len(os.listdir("/proc/self/fd"))
    grip = Grip()
    yield grip
    grip.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_socket_is_cut_only_if_it_is_still_the_same(grip: Grip) -> None:
    """With the inode noted the peer sees the end; with another one, or none, nothing happens."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        number, inode = ours.fileno(), inode_of(ours.fileno())
        assert not grip.cut(number, inode + 1)
        assert not grip.cut(number, 0)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        assert grip.cut(number, inode)
        assert theirs.recv(1) == b""
        assert inode_of(number) == inode
    assert not grip.cut(number, inode)
    assert grip.peer(number, inode) is None
    assert grip.silence(number, inode) is None


def test_a_grip_needs_no_free_descriptor(grip: Grip, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works when the process has none left: it never asks for one."""

    def none_left(*arguments: object) -> int:
        raise OSError(24, "Too many open files")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr(os, "dup", none_left)
        monkeypatch.setattr(os, "open", none_left)
        assert grip.cut(ours.fileno(), inode_of(ours.fileno()))
        assert theirs.recv(1) == b""


def test_a_peer_and_its_silence_are_known_over_tcp(grip: Grip) -> None:
    """The address at the other end, and the time since it was last heard."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ours,
    ):
        theirs, (host, port) = server.accept()
        with theirs:
            inode = inode_of(theirs.fileno())
            assert (host, port) == ours.getsockname()
            assert grip.peer(theirs.fileno(), inode) == f"tcp://{host}:{port}"
            quiet = grip.silence(theirs.fileno(), inode)
            assert quiet is not None
            assert 0 <= quiet < 60


def test_mute_sockets_are_overdue_and_the_oldest_of_too_many() -> None:
    """Those mute since before a time, and beyond a number the oldest; each is named once."""
    sockets = AcceptedSockets()
    for number in range(10):
        sockets.accepted(1000 + number, float(number))
    assert sockets.claim(1000, "spoke") is not None
    assert [one.descriptor for one in sockets.overdue(2.5, 100)] == [1001, 1002]
    assert sockets.overdue(2.5, 100) == []
    assert [one.descriptor for one in sockets.overdue(0.0, 5)] == [1003, 1004]
    assert sockets.mute == 5


def test_a_socket_belongs_to_whoever_is_heard_over_it_until_it_is_gone() -> None:
    """A claim is answered with the socket; when it is gone its owner is found by it."""
    sockets = AcceptedSockets()
    sockets.accepted(1000, 0.0)
    entry = sockets.claim(1000, "a")
    assert entry is not None
    assert sockets.current(entry)
    gone = sockets.gone(1000)
    assert gone is entry
    assert gone.owner == "a"
    assert not sockets.current(entry)
    assert not sockets.knows(1000)
    assert sockets.claim(1000, "b") is None
    sockets.accepted(1000, 1.0)
    assert not sockets.current(entry)


def test_a_descriptor_that_two_peers_claim_belongs_to_neither() -> None:
    """When a number was used again unseen, nobody is cut or declared dead by mistake."""
    sockets = AcceptedSockets()
    sockets.accepted(1000, 0.0)
    first = sockets.claim(1000, "a")
    assert first is not None
    assert sockets.claim(1000, "b") is None
    assert first.owner is None
    assert sockets.knows(1000)


# --- options ---


def test_a_bound_socket_fails_closed() -> None:
    """Encrypted, with a ZAP domain that is enforced, and names that nobody can take over."""
    options = dict(accepting_options(MESH, LIMITS))
    assert options["CURVE_SERVER"] == 1
    assert options["ZAP_DOMAIN"]
    assert options["ZAP_ENFORCE_DOMAIN"] == 1
    assert (options["ROUTER_HANDOVER"], options["ROUTER_MANDATORY"]) == (0, 1)
    assert "CURVE_SERVER" not in dict(accepting_options(Insecure(), LIMITS))


def test_a_dial_is_made_once_and_pins_the_key() -> None:
    """Nothing reconnects by itself, and the server must have the key we expect."""
    options = dict(dialing_options(MESH, "tcp://h:1", LIMITS, ipv6=True))
    assert options["RECONNECT_IVL"] == -1
    assert options["CURVE_SERVERKEY"] == options["CURVE_PUBLICKEY"]
    assert options["IPV6"] == 1
    assert "CURVE_SERVERKEY" not in dict(dialing_options(Insecure(), "x", LIMITS, ipv6=False))


def test_every_option_is_one_that_libzmq_has() -> None:
    """Each name is in pyzmq, and each value is taken by a real socket."""
    context = zmq.Context()
    try:
        for kind, options in (
            (zmq.ROUTER, accepting_options(MESH, LIMITS)),
            (zmq.DEALER, dialing_options(MESH, "tcp://h:1", LIMITS, ipv6=False)),
        ):
            one = context.socket(kind)
            for name, value in options:
                one.setsockopt(getattr(zmq, name), value)
            one.close(0)
    finally:
        context.term()


# --- reading ---


class Source:
    """Something to pump: messages in a queue, and a descriptor that is readable when told so."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.waiting: deque[int] = deque()
        self.taken: list[int] = []
        self.fail_at: int | None = None

    def take(self) -> bool:
        if not self.waiting:
            return False
        self.taken.append(self.waiting.popleft())
        if self.taken[-1] == self.fail_at:
            raise ValueError("of the reader")
        return True

    def close(self) -> None:
        self.near.close()
        self.far.close()


def pumped(source: Source, turns: int) -> list[int]:
    """Pump for so many turns of an event loop; return how much was taken after each."""
    progress: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        pump = Pump(loop, source.near.fileno(), source.take, lambda: bool(source.waiting))
        for _ in range(turns):
            await asyncio.sleep(0)
            progress.append(len(source.taken))
        pump.close()
        pump.close()
        source.waiting.extend(range(5))
        pump.look()
        pump.again()
        await asyncio.sleep(0)
        assert len(source.taken) == progress[-1]

    try:
        asyncio.run(main())
    finally:
        source.close()
    return progress


def test_a_pump_reads_to_the_end_a_slice_at_a_time_without_an_edge() -> None:
    """What waits when it begins is read in slices, the loop going on between them."""
    source = Source()
    source.waiting.extend(range(3 * SLICE_MESSAGES))
    progress = pumped(source, 10)
    assert source.taken == list(range(3 * SLICE_MESSAGES))
    assert max(b - a for a, b in zip([0, *progress], progress, strict=False)) <= SLICE_MESSAGES


def test_a_reader_that_raises_loses_nothing_behind_it() -> None:
    """The exception goes to the loop; the rest is read in the next turn."""
    source = Source()
    source.waiting.extend(range(10))
    source.fail_at = 3
    pumped(source, 10)
    assert source.taken == list(range(10))


# --- the two sides over a socket that does as it is told ---


class FakeSocket:
    """A RawSocket with messages and events put into it by the test, and descriptors of its own."""

    def __init__(self) -> None:
        self._ends = [*socket.socketpair(), *socket.socketpair()]
        self.descriptor = self._ends[0].fileno()
        self.events_descriptor = self._ends[2].fileno()
        self.messages: deque[FakeMessage] = deque()
        self.events: deque[tuple[int, int]] = deque()
        self.sent: list[tuple[bytes, list[bytes | memoryview]]] = []
        self.arrives_meanwhile: list[FakeMessage] = []
        self.unreachable: set[bytes] = set()

    def arrived(self) -> bool:
        return bool(self.messages)

    def receive(self) -> FakeMessage | None:
        return self.messages.popleft() if self.messages else None

    def next_event(self) -> tuple[int, int] | None:
        return self.events.popleft() if self.events else None

    def send(self, parts: list[bytes | memoryview], route: bytes) -> bool:
        self.messages += self.arrives_meanwhile
        self.arrives_meanwhile = []
        self.sent.append((route, parts))
        return route not in self.unreachable

    def nudge(self) -> None:
        """Make the descriptor for messages readable, and not the one for events."""
        self._ends[1].send(b"x")

    def close(self, linger: float) -> None:
        for end in self._ends:
            end.close()


class FakeMessage:
    """A message and where it came from."""

    def __init__(self, text: bytes, *, route: bytes = b"", descriptor: int = -1) -> None:
        self.route, self.frames, self.size = route, [text], len(text)
        self._descriptor = descriptor

    frames: list[bytes | memoryview]

    def origin(self) -> tuple[int, bytes | None]:
        return self._descriptor, None


class Listening:
    """Keeps what it was told, in words."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.connections: list[Connection] = []

    def connected(self, connection: Connection) -> None:
        self.log.append("connected")
        self.connections.append(connection)

    def received(self, connection: Connection, frames: list[bytes | memoryview]) -> None:
        number = self.connections.index(connection)
        self.log.append(f"{number} {bytes(frames[0]).decode()}")

    def lost(self, connection: Connection, reason: str) -> None:
        self.log.append(f"{self.connections.index(connection)} lost")


async def settle() -> None:
    """Let the loop do all that is due, endings included."""
    await asyncio.sleep(5 * SETTLING_SECONDS)


@asynccontextmanager
async def setting() -> AsyncIterator[tuple[Setting, Listening, FakeSocket]]:
    """Lend what both sides work with, over one fake socket."""
    owner, grip, raw = Listening(), Grip(), FakeSocket()
    yield Setting(asyncio.get_running_loop(), owner, LIMITS, Counts(), grip), owner, raw
    grip.close()
    raw.close(0)


def test_an_accepted_peer_from_its_first_message_to_its_end() -> None:
    """Announced with its first message; lost when its socket is gone, after its last message."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.events.append((Event.ACCEPTED, 999_001))
            raw.messages.append(FakeMessage(b"one", route=b"a", descriptor=999_001))
            await settle()
            assert owner.log == ["connected", "0 one"]
            raw.events.append((Event.DISCONNECTED, 999_001))
            raw.messages.append(FakeMessage(b"two", route=b"a"))
            acceptor.look()
            await asyncio.sleep(0)
            acceptor._read_events()
            await settle()
            assert owner.log == ["connected", "0 one", "0 two", "0 lost"]
            raw.messages.append(FakeMessage(b"ghost", route=b"a"))
            acceptor.look()
            await settle()
            assert owner.log[-1] == "0 lost"
            assert len(acceptor) == 0
            acceptor.close(0)

    asyncio.run(main())


def test_a_peer_that_left_before_it_was_read_is_announced_heard_and_lost() -> None:
    """All it sent is handed over, though its socket was gone before the first of it was read."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            raw.events += [(Event.ACCEPTED, 999_001), (Event.DISCONNECTED, 999_001)]
            raw.messages += [
                FakeMessage(text, route=b"a", descriptor=999_001) for text in (b"hello", b"bye")
            ]
            acceptor = Acceptor(given, raw)
            await settle()
            assert owner.log == ["connected", "0 hello", "0 bye", "0 lost"]
            acceptor.close(0)

    asyncio.run(main())


def test_peers_whose_sockets_are_confused_are_found_gone_by_sending() -> None:
    """Two peers over one descriptor: its end is nobody's; who cannot be reached is lost."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.events.append((Event.ACCEPTED, 999_001))
            raw.messages += [
                FakeMessage(b"stale", route=b"a", descriptor=999_001),
                FakeMessage(b"alive", route=b"b", descriptor=999_001),
                FakeMessage(b"unknown", route=b"c", descriptor=-1),
            ]
            await settle()
            raw.events.append((Event.DISCONNECTED, 999_001))
            acceptor._read_events()
            await settle()
            assert [line for line in owner.log if "lost" in line] == []
            raw.unreachable.add(b"a")
            for connection in owner.connections:
                assert isinstance(connection, AcceptedConnection)
                connection.transmit([b"ping"], 4)
            await settle()
            assert [line for line in owner.log if "lost" in line] == ["0 lost"]
            assert given.counts.unsent == 1
            acceptor.close(0)

    asyncio.run(main())


def test_what_arrives_while_sending_is_read_though_no_descriptor_says_so() -> None:
    """A send may swallow the edge of a message: it is read all the same, on both sides."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            acceptor = Acceptor(given, raw)
            raw.messages.append(FakeMessage(b"first", route=b"a"))
            await settle()
            raw.arrives_meanwhile = [FakeMessage(b"second", route=b"a")]
            accepted = owner.connections[0]
            assert isinstance(accepted, AcceptedConnection)
            accepted.transmit([b"x"], 1)
            await settle()
            assert owner.log == ["connected", "0 first", "0 second"]
            acceptor.close(0)
        async with setting() as (given, owner, raw):
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            raw.events.append((Event.HANDSHAKE_SUCCEEDED, 0))
            await settle()
            raw.arrives_meanwhile = [FakeMessage(b"answer")]
            dialed.transmit([b"x"], 1)
            await settle()
            assert owner.log == ["connected", "0 answer"]
            dialed.release(0)

    asyncio.run(main())


def test_a_message_that_is_noticed_before_the_handshake_is_told_after_it() -> None:
    """Messages and events come by two descriptors; `connected` is first whichever is readable."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            await settle()
            raw.events.append((Event.HANDSHAKE_SUCCEEDED, 0))
            raw.messages.append(FakeMessage(b"welcome"))
            raw.nudge()
            await settle()
            assert owner.log == ["connected", "0 welcome"]
            dialed.release(0)

    asyncio.run(main())


def test_the_first_event_that_ends_a_dial_decides() -> None:
    """A refusal followed by a disconnection is told as the refusal, once."""

    async def main() -> None:
        async with setting() as (given, owner, raw):
            reasons: list[str] = []
            owner.lost = lambda connection, reason: reasons.append(reason)  # type: ignore[method-assign]
            dialed = DialedConnection(given, "tcp://h:1", None, lambda connection: None)
            dialed.begin(raw)
            raw.events += [(Event.HANDSHAKE_FAILED_AUTH, 400), (Event.DISCONNECTED, 7)]
            await settle()
            assert len(reasons) == 1
            assert "does not admit our key" in reasons[0]
            assert not dialed.alive

    asyncio.run(main())
