"""The decisions of the socket transports, without sockets: each in its own few lines."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Iterator

import pytest
import zmq

from kamesh.transport import TransportLimits
from kamesh.transport.descriptors import AcceptedSockets, Grip, inode_of
from kamesh.transport.monitor import Event, ending, parse_event
from kamesh.transport.options import accepting_options, dialing_options
from kamesh.transport.pump import SLICE_MESSAGES, Pump
from kamesh.transport.zap import judge
from kamesh.trust import Insecure, MeshCredentials, MeshKey

MESH = MeshCredentials(MeshKey(bytes(range(32))))

LIMITS = TransportLimits()


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
    assert int(options["RECONNECT_IVL"]) > 10**9  # milliseconds; -1 would lose what is unread
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
