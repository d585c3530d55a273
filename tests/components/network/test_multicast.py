"""Multicast on loopback, which leaves this host by no means; real wires are in tests/hosts."""

import logging
import socket
import struct
import time

import pytest

from kamesh import ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.codec import decode, encode
from kamesh.components.network import (
    Datagram,
    JoinGroup,
    LeaveGroup,
    Listening,
    MulticastReceiver,
    MulticastSender,
    MulticastTransceiver,
    NetworkError,
)
from kamesh.components.network.multicast_groups import Groups, Step, checked_group
from kamesh.components.network.multicast_interfaces import Interface, find_interface, interfaces
from kamesh.components.sources import DataSource

SOON = 10.0  # seconds: generous, only so that a failing test ends
GROUP, OTHER = "239.255.77.20", "239.255.77.21"


@pytest.fixture
def port():
    """A UDP port that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


@pytest.fixture
def plain():
    """A plain socket that sends to groups by loopback, and to this host alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        by = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo"))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(SOON)
        yield sock


def sent(messages, sender):
    """Send some messages to the end."""
    Pipeline(DataSource(messages), sender).run()
    return sender.details()


def until(true):
    """Wait until something holds."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def member(group, port, address="127.0.0.1"):
    """Give a plain socket that has joined a group on loopback, bound to the port of every address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    both = socket.inet_aton(group) + socket.inet_aton(address)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, both)
    sock.settimeout(SOON)
    return sock


# -- what is decided without a socket


def test_groups_decide_what_is_to_be_done():
    """Joining opens, the second source is added, the last to go closes; doing it twice is nothing."""
    groups = Groups()
    assert groups.join(GROUP, "") == [Step("open", GROUP)]
    assert groups.join(GROUP, "") == groups.join(GROUP, "192.0.2.1") == []  # from all, so from this
    assert groups.leave(GROUP, "192.0.2.1") == []
    assert groups.leave(GROUP, "") == [Step("close", GROUP)]
    assert groups.leave(GROUP, "") == []
    assert groups.join(GROUP, "192.0.2.1") == [Step("open", GROUP)]
    assert groups.join(GROUP, "192.0.2.2") == [Step("add", GROUP, "192.0.2.2")]
    assert groups.leave(GROUP, "192.0.2.1") == [Step("drop", GROUP, "192.0.2.1")]
    assert groups.join(GROUP, "") == [Step("close", GROUP), Step("open", GROUP)]
    assert groups.wanted == {GROUP: set()}


@pytest.mark.parametrize(
    ("group", "source", "sentence"),
    [
        ("10.0.0.1", "", "10.0.0.1 is not a multicast group"),
        ("group", "", "'group' is not a multicast group"),
        (GROUP, "fd00::1", "fd00::1 cannot be a source in the group"),
        (GROUP, OTHER, "cannot be a source"),
        (GROUP, "host", "'host' is not the address of a source"),
    ],
)
def test_what_is_no_group_and_no_source_is_refused(group, source, sentence):
    """The sentence says what is wrong with which."""
    with pytest.raises(ValueError, match=sentence):
        Groups().join(group, source)


def test_groups_are_known_however_they_are_written():
    """One group in two spellings is one group."""
    assert checked_group("FF12:0:0::7:1") == "ff12::7:1"


def test_an_interface_is_found_by_name_or_address_and_a_wrong_one_lists_what_there_is():
    """`lo`, 127.0.0.1 and ::1 are one; a wrong name gets a suggestion and the list."""
    lo, wlan = Interface("lo", 1, ("127.0.0.1", "::1")), Interface("wlan0", 3, ("192.0.2.7",))
    among = [lo, Interface("eth0", 2), wlan]
    assert {find_interface(name, among).index for name in ("lo", "127.0.0.1", "::1", "0:0::1")} == {1}
    with pytest.raises(NetworkError) as caught:
        find_interface("eth1", among)
    assert str(caught.value) == (
        "there is no network interface 'eth1' here (did you mean 'eth0'?): there are "
        "lo (127.0.0.1, ::1), eth0 (no address), wlan0 (192.0.2.7)"
    )


def test_the_interfaces_of_this_machine_are_found():
    """Loopback is among them, with its number and its address."""
    (lo,) = [one for one in interfaces() if one.name == "lo"]
    assert "127.0.0.1" in lo.addresses
    assert lo.index == socket.if_nametoindex("lo")


def test_mistakes_are_refused_when_it_is_made():
    """No group, no interface, a TTL that cannot be: ValueError at once."""
    for wrong in (
        lambda: MulticastSender("10.0.0.1", 5004, "lo"), lambda: MulticastSender(GROUP, 5004, ""),
        lambda: MulticastSender(GROUP, 5004, "lo", ttl=256), lambda: MulticastReceiver(GROUP, 0, "lo"),
        lambda: MulticastReceiver([], 5004, "lo"),
        lambda: MulticastReceiver(GROUP, 5004, "lo", sources=["x"]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            wrong()


@pytest.mark.parametrize(
    "make",
    [
        lambda: MulticastReceiver(None, 5, "lo"),
        lambda: MulticastReceiver(5, 5, "lo"),
        lambda: MulticastReceiver("239.1.1.1", 5, "lo", sources=5),
        lambda: MulticastSender("239.1.1.1", 5, 1),
        lambda: MulticastSender("239.1.1.1", 5, b"lo"),
        lambda: MulticastSender("239.1.1.1", 5, "lo", ttl=2.5),
        lambda: MulticastSender("239.1.1.1", 5, "lo", ttl="1"),
    ],
)
def test_wrong_types_are_refused_when_it_is_made(make):
    """What is of a wrong type is a ValueError with a sentence, and not a matter of the socket."""
    with pytest.raises(ValueError, match=r"no address, and no list|name the interface|number of hops"):
        make()


def test_what_it_is_told_travels():
    """JoinGroup and LeaveGroup cross a process, as they are registered."""
    encoded = encode([JoinGroup(GROUP, "192.0.2.1"), LeaveGroup(GROUP)])
    assert decode(encoded.payload, encoded.buffers) == [JoinGroup(GROUP, "192.0.2.1"), LeaveGroup(GROUP)]


# -- on loopback


def test_what_a_foreign_socket_sends_is_received(plain, port):
    """With its source, and the group it was sent to."""
    with MulticastReceiver(GROUP, port, "127.0.0.1").background() as running:
        assert running.get("listening", timeout=SOON) == Listening(f"udp://{GROUP}:{port}", GROUP, port)
        plain.sendto(b"hello", (GROUP, port))
        assert running.get(timeout=SOON) == Datagram(b"hello", *plain.getsockname(), GROUP)
        running.stop()


def test_what_is_sent_is_received_by_a_foreign_socket(port):
    """By the address of the interface, as datagrams of their own."""
    with member(GROUP, port) as sock:
        assert sent([b"one", b"two"], MulticastSender(GROUP, port, "lo", ttl=0))["sent"] == 2
        got = [sock.recvfrom(100) for _ in range(2)]
    assert [data for data, _ in got] == [b"one", b"two"]
    assert {address[0] for _, address in got} == {"127.0.0.1"}


def test_several_receivers_on_one_host_each_get_a_copy(plain, port):
    """Two of ours and a foreign one share group and port."""
    first, second = (MulticastReceiver(GROUP, port, "lo") for _ in range(2))
    with first.background() as one, second.background() as two, member(GROUP, port) as sock:
        for each in (one, two):
            each.get("listening", timeout=SOON)
        plain.sendto(b"for all", (GROUP, port))
        assert one.get(timeout=SOON).data == two.get(timeout=SOON).data == sock.recv(100) == b"for all"
        for each in (one, two):
            each.stop()


def test_only_the_group_that_was_joined_is_heard(plain, port):
    """Not what is sent to that port otherwise, nor a group that another program has joined."""
    receiver = MulticastReceiver(GROUP, port, "lo")
    with receiver.background() as running, member(OTHER, port) as other:
        running.get("listening", timeout=SOON)
        plain.sendto(b"other group", (OTHER, port))
        plain.sendto(b"no group", ("127.0.0.1", port))
        plain.sendto(b"ours", (GROUP, port))
        assert other.recv(100) == b"other group"
        assert running.get(timeout=SOON).data == b"ours"
        running.stop()
    assert receiver.details()["received"] == 1


def test_groups_are_joined_and_left_while_it_runs(plain, port, caplog):
    """Told on control; what is no group is said and counted, and changes nothing."""
    receiver = MulticastReceiver([GROUP], port, "lo")
    with receiver.background() as running:
        running.get("listening", timeout=SOON)
        running.put(JoinGroup("10.0.0.1"), "control")
        running.put(JoinGroup(OTHER), "control")
        assert running.get("listening", timeout=SOON).host == OTHER
        plain.sendto(b"both", (OTHER, port))
        assert running.get(timeout=SOON).group == OTHER
        running.put(LeaveGroup(OTHER), "control")
        until(lambda: receiver.details()["groups"] == 1 and len(receiver.sources) == 1)
        plain.sendto(b"gone", (OTHER, port))
        plain.sendto(b"here", (GROUP, port))
        assert running.get(timeout=SOON).data == b"here"
        running.stop()
    assert receiver.details()["refused"] == 1
    assert receiver.details()["received"] == 2
    assert "10.0.0.1 is not a multicast group" in caplog.text


def test_source_specific(plain, port):
    """Of two senders only the one that was named is heard; the other once it is named too."""
    receiver = MulticastReceiver("232.7.7.7", port, "lo", sources=["127.0.0.7"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as named:
        by = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo"))
        named.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by)
        named.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        named.bind(("127.0.0.7", 0))
        with receiver.background() as running:
            running.get("listening", timeout=SOON)
            plain.sendto(b"from another", ("232.7.7.7", port))
            named.sendto(b"from the one", ("232.7.7.7", port))
            assert running.get(timeout=SOON).data == b"from the one"
            running.put(JoinGroup("232.7.7.7", "127.0.0.1"), "control")
            until(lambda: len(receiver.groups.wanted["232.7.7.7"]) == 2)
            time.sleep(0.05)  # the turn in which the kernel is told
            plain.sendto(b"now this too", ("232.7.7.7", port))
            assert running.get(timeout=SOON).data == b"now this too"
            running.stop()


@pytest.mark.parametrize("echoes", [False, True])
def test_own_echoes_are_known(plain, port, echoes):
    """What it sent itself is left out and counted, or marked; what others send is not."""
    peer = MulticastTransceiver(GROUP, port, "lo", ttl=0, echoes=echoes)
    with peer.background() as running:
        running.get("listening", timeout=SOON)
        running.put(b"mine")
        if echoes:
            got = running.get(timeout=SOON)
            assert (got.data, got.own) == (b"mine", True)
        else:
            until(lambda: peer.details().get("echoes") == 1)
        plain.sendto(b"theirs", (GROUP, port))
        got = running.get(timeout=SOON)
        assert (got.data, got.own) == (b"theirs", False)
        running.stop()


def test_a_transceiver_ends_with_its_inbox(port):
    """Fed and finished it ends; it need not be told."""
    peer = MulticastTransceiver(GROUP, port, "lo", ttl=0)
    assert sent([b"one", b"two"], peer)["sent"] == 2


def test_it_ends_when_it_is_told(port):
    """A receiver has no stream that could end: it is told."""
    with MulticastReceiver(GROUP, port, "lo").background() as running:
        running.get("listening", timeout=SOON)
        running.put(Shutdown(), "control")


def test_an_interface_that_is_not_there_fails_it_at_the_start(port):
    """In one sentence, with the interfaces that there are."""
    for make in (MulticastReceiver, MulticastSender):
        with pytest.raises(ComponentFailed, match=r"no network interface 'eth99' here.*lo \("):
            make(GROUP, port, "eth99").run()


def test_a_sender_that_is_told_to_join_says_so(port):
    """A sender receives nothing: JoinGroup on its control is a mistake."""
    sender = MulticastSender(GROUP, port, "lo")
    with pytest.raises(ComponentFailed, match="it takes only what any component is told"):
        Graphline({("T", "outbox"): ("S", "control")}, T=DataSource([JoinGroup(OTHER)]), S=sender).run()


def test_an_interface_that_vanishes_is_waited_for_and_its_groups_joined_again(
    plain, port, monkeypatch, caplog
):
    """Gone it is said and counted; back, under another number or the same, the groups are joined."""
    there = {"is": True}
    from kamesh.components.network import multicast_turns

    def find(name):
        if not there["is"]:
            raise NetworkError("no")
        return find_interface(name)

    monkeypatch.setattr(multicast_turns, "find_interface", find)
    monkeypatch.setattr(multicast_turns, "AGAIN", 0.01)
    monkeypatch.setattr(multicast_turns.InterfaceNews, "fileno", lambda self: -1)  # by the clock
    receiver = MulticastReceiver(GROUP, port, "lo")
    with caplog.at_level(logging.WARNING, "kamesh"), receiver.background() as running:
        running.get("listening", timeout=SOON)
        there["is"] = False
        until(lambda: receiver.details().get("vanished") == 1)
        assert not receiver.sources
        there["is"] = True
        running.get("listening", timeout=SOON)
        plain.sendto(b"again", (GROUP, port))
        assert running.get(timeout=SOON).data == b"again"
        running.stop()
    assert receiver.details()["rejoined"] == 1
    assert "the interface lo is gone" in caplog.text
    assert "the interface lo is back" in caplog.text
