"""UDP: sent and received as it was, in turns, through every trouble; against Python's own sockets."""

import errno
import logging
import socket
import subprocess
import time
from contextlib import suppress

import pytest

from kamesh import (
    Component,
    ComponentFailed,
    EmptyInbox,
    Graphline,
    Pipeline,
    ProducerFinished,
    Shutdown,
)
from kamesh.codec import decode, encode
from kamesh.components.network import UDP, Datagram, Listening, UDPReceiver, UDPSender
from kamesh.components.network.datagram import Unsuitable, destination, sealed
from kamesh.components.network.datagram_socket import DatagramSocket, said
from kamesh.components.sources import DataSink, DataSource

SOON = 10.0  # seconds: generous, only so that a failing test ends


@pytest.fixture
def plain():
    """A plain UDP socket of Python's own, bound to loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(SOON)
        yield sock


def until(true):
    """Wait until something holds."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def sent(messages, sender):
    """Send some messages to the end."""
    Pipeline(DataSource(messages), sender).run()
    return sender.details()


def closed_port():
    """Give a port of loopback that nobody listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


def test_a_datagram_is_made_fast_and_is_like_any_other():
    """The short way to make one gives the same as the long one: equal, frozen, and it travels."""
    fast = sealed(b"x", "127.0.0.1", 5, "239.1.1.1", 1.5, True)
    slow = Datagram(b"x", "127.0.0.1", 5, "239.1.1.1", 1.5, True)
    assert type(fast) is Datagram
    assert (fast, hash(fast), repr(fast)) == (slow, hash(slow), repr(slow))
    with pytest.raises(AttributeError):
        fast.data = b"y"
    encoded = encode([fast])
    assert decode(encoded.payload, encoded.buffers) == [slow]


def test_each_message_is_one_datagram_and_comes_from_one_port(plain):
    """Bytes of any kind arrive one by one at a foreign socket, the empty one too."""
    figures = sent([b"one", bytearray(b"two"), memoryview(b"three"), b""], UDPSender(*plain.getsockname()))
    got = [plain.recvfrom(100) for _ in range(4)]
    assert [data for data, _ in got] == [b"one", b"two", b"three", b""]
    assert len({address for _, address in got}) == 1
    assert figures["sent"] == 4


@pytest.mark.parametrize("connected", [True, False])
def test_a_datagram_goes_where_it_says(plain, connected):
    """Beside the peer, connected or not, and without any peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(SOON)
        to_other = Datagram(b"there", *other.getsockname())
        sent([b"here", to_other], UDPSender(*plain.getsockname(), connected=connected))
        sent([to_other], UDPSender())
        assert plain.recv(100) == b"here"
        assert [other.recv(100), other.recv(100)] == [b"there", b"there"]


def test_what_is_received_says_where_it_came_from(plain):
    """Source, port, and with `stamped` the time at which the kernel had it."""
    receiver = UDPReceiver(0, stamped=True)
    with receiver.background() as running:
        where = running.get("listening", timeout=SOON)
        assert where == Listening(f"udp://127.0.0.1:{receiver.port}", "127.0.0.1", receiver.port)
        before = time.time()
        plain.sendto(b"hello", (where.host, where.port))
        got = running.get(timeout=SOON)
        running.stop()
    assert (got.data, got.host, got.port) == (b"hello", *plain.getsockname())
    assert before - 1 < got.arrived < time.time() + 1
    assert (got.group, got.own) == ("", False)


def test_ipv6():
    """Over ::1 it works alike; a datagram for IPv4 is refused there in a sentence."""
    receiver = UDPReceiver(0, "::1")
    with receiver.background() as running:
        where = running.get("listening", timeout=SOON)
        assert where.url == f"udp://[::1]:{where.port}"
        sender = UDPSender("::1", where.port)
        figures = sent([b"six", Datagram(b"four", "127.0.0.1", 9)], sender)
        got = running.get(timeout=SOON)
        running.stop()
    assert (got.data, got.host) == (b"six", "::1")
    assert figures == {"received": 0, "sent": 1, "lost": 0, "unsuitable": 1}


def test_a_name_is_looked_up_for_the_peer():
    """`localhost` is a peer like any number; a name that does not resolve fails with a sentence."""
    receiver = UDPReceiver(0)
    with receiver.background() as running:
        port = running.get("listening", timeout=SOON).port
        sent([b"named"], UDPSender("localhost", port))
        assert running.get(timeout=SOON).data == b"named"
        running.stop()
    with pytest.raises(ComponentFailed, match="the name in no-such-host"):
        sent([b"x"], UDPSender("no-such-host.invalid", 9))


def test_a_peer_answers_by_the_port_it_was_asked_at(plain):
    """UDP sends and receives by one port; who is answered knows the answer by its source."""
    shout = Graphline(
        {("U", "outbox"): ("S", "inbox"), ("S", "outbox"): ("U", "inbox"),
         ("U", "listening"): ("", "outbox")},
        U=UDP(0), S=lambda d: Datagram(d.data.upper(), d.host, d.port),
    )  # fmt: skip
    with shout.background() as running:
        where = running.get(timeout=SOON)
        for word in (b"one", b"two"):
            plain.sendto(word, (where.host, where.port))
            assert plain.recvfrom(100) == (word.upper(), (where.host, where.port))
        running.stop()


def test_connected_it_hears_its_peer_alone(plain):
    """Connected, what others send is not heard; they are told that nobody listens."""
    peer = UDP(0, peer=plain.getsockname(), connected=True)
    with peer.background() as running:
        where = running.get("listening", timeout=SOON)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"me too", (where.host, where.port))
        plain.sendto(b"from the peer", (where.host, where.port))
        assert running.get(timeout=SOON).data == b"from the peer"
        running.stop()


def test_it_lingers_for_the_answer(plain):
    """Its inbox has ended: it goes on receiving for `linger` seconds, and then ends by itself."""
    got = []
    peer = UDP(0, peer=plain.getsockname(), linger=0.3)

    class Question(Component):
        def main(self):
            self.send(b"how far?")
            yield

    running = Pipeline(Question(), peer, DataSink(got)).background()
    with running:
        _, address = plain.recvfrom(100)
        plain.sendto(b"this far", address)
    assert [each.data for each in got] == [b"this far"]


def test_trouble_is_counted_and_said_and_the_sender_lives_on(caplog):
    """Refused, too large, no datagram at all, broadcast unasked: one sentence each, then it goes on."""
    port = closed_port()
    messages = [b"a", b"b", bytes(70_000), "text", Datagram(b"x", "255.255.255.255", 9), b"c"]
    with caplog.at_level(logging.WARNING, "kamesh"):
        figures = sent(messages, UDPSender("127.0.0.1", port))
    assert figures["refused"] >= 1
    assert figures["too large"] == figures["unsuitable"] == figures["forbidden"] == 1
    assert figures["sent"] == 3
    text = caplog.text
    assert f"127.0.0.1:{port} refuses: nothing listens there" in text
    assert "70,000 bytes are too large for one datagram" in text
    assert "a str is no datagram: send bytes, or Datagram(data, host, port) with bytes" in text
    assert "255.255.255.255:9 is a broadcast address: that is to be asked for, with broadcast=True" in text


def test_a_refusal_costs_no_later_datagram(plain):
    """What the system refuses at a send was an earlier datagram: this one is sent all the same."""
    port = closed_port()
    sender = UDPSender("127.0.0.1", port)

    class Twice(Component):
        def main(self):
            self.send(b"lost")
            yield self.pause(0.1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
                late.bind(("127.0.0.1", port))
                late.settimeout(SOON)
                self.send(b"found")
                yield self.pause(0.1)
                self.got = late.recv(100)

    twice = Twice()
    Pipeline(twice, sender).run()
    assert twice.got == b"found"
    assert sender.details()["refused"] == 1


def test_trouble_is_said_ever_less_often():
    """The first, second, fourth, eighth time: a night of trouble is a few lines."""
    assert [n for n in range(1, 40) if said(n)] == [1, 2, 4, 8, 16, 32]


def test_a_way_that_is_not_there_is_trouble_and_no_end(monkeypatch, caplog):
    """ENETUNREACH at a send is a sentence and a figure."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        way = DatagramSocket(sock, "SENDER")
        error = OSError(errno.ENETUNREACH, "Network is unreachable")
        assert way._not_sent(error, b"x", ("198.51.100.1", 9))
        assert way.counts["unreachable"] == 1
        assert "198.51.100.1:9 cannot be reached: there is no way" in caplog.text


def test_broadcast_for_those_who_ask():
    """With broadcast=True the loopback's broadcast address takes a datagram; without it none."""
    receiver = UDPReceiver(0, "127.255.255.255")
    with receiver.background() as running:
        port = running.get("listening", timeout=SOON).port
        assert sent([b"all"], UDPSender("127.255.255.255", port, broadcast=True))["sent"] == 1
        assert running.get(timeout=SOON).data == b"all"
        running.stop()
    with pytest.raises(ComponentFailed, match="is a broadcast address: that is to be asked for"):
        sent([b"all"], UDPSender("127.255.255.255", port))
    assert sent([b"all"], UDPSender("127.255.255.255", port, connected=False))["forbidden"] == 1


def test_a_reader_that_is_slow_holds_reading_up_and_drops_are_counted(plain):
    """Nobody reads: a few wait in the inbox, some in the kernel, the rest is lost and counted."""

    class Slow(Component):
        bounds = {"inbox": 4}

        def __init__(self):
            self.got = []
            self.may = False

        def main(self):
            while not self.stopping():
                if self.may:
                    self.got += self.inbox
                    yield self.pause(0.05)
                else:
                    yield self.pause(0.02)

    receiver, slow = UDPReceiver(0, receive_buffer=20_000), Slow()
    graph = Graphline(
        {("R", "outbox"): ("S", "inbox"), ("R", "listening"): ("", "outbox")}, R=receiver, S=slow
    )
    with graph.background() as running:
        where = running.get(timeout=SOON)
        for number in range(500):
            plain.sendto(b"%3d" % number + bytes(1313), (where.host, where.port))
        until(lambda: receiver.details()["lost"] > 0)
        assert len(slow.inbox) <= 4 + 256
        figures = receiver.details()
        slow.may = True
        until(lambda: len(slow.got) + figures["lost"] == 500)
        running.stop()
    numbers = [int(each.data[:3]) for each in slow.got]
    assert numbers == list(range(len(numbers)))  # the newest are those that found no room
    assert receiver.details()["received"] == len(numbers)


def test_a_receive_buffer_that_the_kernel_does_not_give_is_said(caplog):
    """Asked for a gigabyte it says what it got; what is given is not spoken of."""
    for size, warned in ((1 << 30, True), (10_000, False)):
        caplog.clear()
        with UDPReceiver(0, receive_buffer=size).background() as running:
            running.get("listening", timeout=SOON)
            running.stop()
        assert ("a receive buffer of" in caplog.text) is warned


@pytest.mark.parametrize("told", [Shutdown(), ProducerFinished()])
def test_it_ends_when_it_is_told(told):
    """A receiver has no stream that could end: either word ends it."""
    with UDPReceiver(0).background() as running:
        running.get("listening", timeout=SOON)
        running.put(told, "control")


def test_a_port_that_is_taken_is_said(plain):
    """The sentence names the address."""
    host, port = plain.getsockname()
    with pytest.raises(ComponentFailed, match=f"{host}:{port} is taken by another program"):
        UDPReceiver(port).run()
    with pytest.raises(ComponentFailed, match=r"203\.0\.113\.7:0 is not an address of this machine"):
        UDPReceiver(0, "203.0.113.7").run()


def test_mistakes_are_refused_when_it_is_made():
    """No port, no bytes of buffer, connected to nobody: ValueError at once."""
    for wrong in (
        lambda: UDPSender("127.0.0.1", 0), lambda: UDPReceiver(70_000), lambda: UDP(-1),
        lambda: UDP(connected=True), lambda: UDP(linger=-1), lambda: UDPReceiver(0, receive_buffer=0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            wrong()


def test_a_message_on_control_that_means_nothing_is_a_mistake():
    """A JoinGroup told to plain UDP fails it with a sentence, as it would be lost otherwise."""
    with pytest.raises(ComponentFailed, match="only what any component is told"):
        Graphline({("T", "outbox"): ("U", "control")}, T=DataSource(["join!"]), U=UDPReceiver(0)).run()


def test_the_port_is_free_again_and_nothing_is_left_open():
    """After its end the same port can be had at once."""
    receiver = UDPReceiver(0)
    with receiver.background() as running:
        running.get("listening", timeout=SOON)
        running.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", receiver.port))


def test_numeric_addresses_are_all_that_a_datagram_takes():
    """Names are refused in a sentence, and addresses of the other family are."""
    assert destination(b"x", socket.AF_INET) == (b"x", None)
    assert destination(Datagram(b"x", "127.0.0.1", 7), socket.AF_INET) == (b"x", ("127.0.0.1", 7))
    for wrong in (
        Datagram(b"x", "localhost", 7), Datagram(b"x", "::1", 7), Datagram(b"x", "127.0.0.1"), 17,
        Datagram("x", "127.0.0.1", 7),
    ):  # fmt: skip
        with pytest.raises(Unsuitable):
            destination(wrong, socket.AF_INET)


def test_nonsense_among_datagrams_is_no_end(plain):
    """Hosts and ports of any type, views with gaps: what cannot be sent is counted, the rest is sent."""
    host, port = plain.getsockname()
    views = [memoryview(b"a-b-")[::2], Datagram(memoryview(b"c-d-")[::2], host, port)]
    nonsense = [
        Datagram(b"x", 5, port),
        Datagram(b"x", [host], port),
        Datagram(b"x", host, [port]),
        Datagram(b"x", host, "80"),
        Datagram(b"x", "a\0b", port),
        Datagram(b"x", "\ud800", port),
        Datagram(None, host, port),
    ]
    counts = sent([*nonsense, *views], UDPSender(host, port))
    assert (counts["unsuitable"], counts["sent"]) == (len(nonsense), 2)
    assert [plain.recv(9), plain.recv(9)] == [b"ab", b"cd"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: UDPSender(5, 5), "5 is not a host"),
        (lambda: UDPReceiver(0, None), "None is not a host"),
        (lambda: UDP(0, 5), "5 is not a host"),
        (lambda: UDP(peer="127.0.0.1:5004"), "it is a pair"),
        (lambda: UDP(peer=("127.0.0.1",)), "it is a pair"),
        (lambda: UDP(peer=5004), "it is a pair"),
        (lambda: UDP(peer=(5, 5)), "5 is not a host"),
        (lambda: UDP(linger="1"), "a number of seconds"),
        (lambda: UDPReceiver(0, receive_buffer=float("nan")), "whole number of bytes"),
        (lambda: UDPReceiver(0, receive_buffer="1 MB"), "whole number of bytes"),
    ],
)
def test_wrong_types_are_refused_when_it_is_made(make, sentence):
    """What is of a wrong type is said in a sentence, and not by the socket later."""
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_peer_of_the_other_kind_of_address():
    """IPv6 from a socket of IPv4, or the reverse, is no matter of spelling."""
    for host, peer in (("127.0.0.1", "::1"), ("::1", "127.0.0.1")):
        with pytest.raises(ComponentFailed, match="give it a host= of the same kind"):
            UDP(0, host, peer=(peer, 5004)).run()


@pytest.mark.skipif(subprocess.call(["which", "socat"], stdout=-3) != 0, reason="needs socat")
def test_against_socat(plain):
    """The echo of socat answers what a UDP peer sends it."""
    port = closed_port()
    echo = subprocess.Popen(["socat", f"UDP4-LISTEN:{port},bind=127.0.0.1,fork", "EXEC:cat"])
    try:
        with UDP(0, peer=("127.0.0.1", port)).background() as running:
            got = None
            for _ in range(100):
                running.put(b"hello")  # until socat listens
                with suppress(TimeoutError, EmptyInbox):
                    got = running.get(timeout=0.2)
                    break
            running.stop()
        assert got is not None
        assert got.data == b"hello"
    finally:
        echo.terminate()
        echo.wait()
