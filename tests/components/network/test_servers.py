"""Servers: a protocol for each connection, whatever kind it is, and all that is hidden from it."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from serving_kit import LIMIT, all_of, comes, connected, serving

from kamesh import (
    Backplane,
    Component,
    ComponentFailed,
    Graphline,
    Pipeline,
    ProducerFinished,
    PublishTo,
    SubscribeTo,
    ThreadedComponent,
)
from kamesh.components.network import (
    Connected,
    Disconnected,
    ListenError,
    Peer,
    TCPClient,
    TCPServer,
    UnixClient,
    UnixServer,
)
from kamesh.components.protocols import Echo
from kamesh.errors import NotSuitable


class AsyncEcho(Component):
    """Echoes as a coroutine."""

    async def main(self):
        async for data in self.inbox:
            await self.send(data)


class ThreadEcho(ThreadedComponent):
    """Echoes in a thread."""

    def main(self):
        for data in self.inbox:
            self.send(data)


class Says(Component):
    """Sends what it is given, whatever it is told, and ends."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def main(self):
        self.send_all(self.pieces)
        yield


class Counts(Component):
    """Counts what it receives; answers with the sum at the end."""

    def main(self):
        count = 0
        while not self.stopping():
            count += sum(map(len, self.inbox))
            yield self.pause()
        self.send(str(count).encode())


class Deaf(Component):
    """Neither reads nor ends, until it is ended."""

    def main(self):
        while True:
            yield self.pause()


class Floods(Component):
    """Sends as long as there is room."""

    made = ()

    def main(self):
        self.turns = 0
        type(self).made += (self,)
        while not self.stopping():
            self.turns += 1
            self.send(bytes(65536))
            yield


class Breaks(Component):
    """Echoes, until it is told to break."""

    def main(self):
        while not self.stopping():
            for data in self.inbox:
                if data == b"break":
                    raise ValueError("as I was told")
                self.send(data)
            yield self.pause()


def reset(one):
    """Break a connection off."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


# -- what it serves


@pytest.mark.parametrize(
    "protocol",
    [
        Echo,
        AsyncEcho,
        ThreadEcho,
        lambda: Pipeline(Echo(), AsyncEcho()),
        lambda: Pipeline(bytes.upper, bytes.lower),
        lambda: Graphline(
            A=Echo(),
            linkages={("", "inbox"): ("A", "inbox"), ("A", "outbox"): ("", "outbox")},
        ),
        partial(Echo, name="named"),
    ],
)
def test_any_component_is_a_protocol(protocol):
    """A generator, a coroutine, a thread and a chassis: each connection has its own, and half-closes."""
    with serving(TCPServer(protocol)) as where, connected(where) as one, connected(where) as two:
        one.sendall(b"one")
        two.sendall(b"two")
        assert one.recv(100) == b"one"
        assert two.recv(100) == b"two"
        one.shutdown(socket.SHUT_WR)
        assert all_of(one) == b""
        two.sendall(b"still")
        assert two.recv(100) == b"still"


def test_the_protocol_may_go_on_after_the_other_end_has_said_all():
    """The peer's end of stream ends the protocol's inbox; what it sends after that still arrives."""
    with serving(TCPServer(Counts)) as where, connected(where) as one:
        one.sendall(bytes(300_000))
        one.shutdown(socket.SHUT_WR)
        assert all_of(one) == b"300000"


def test_a_protocol_that_wants_it_is_given_the_peer():
    """Whoever has one required argument is told who is there, at both ends."""

    class Names(Says):
        def __init__(self, peer):
            super().__init__(str(peer).encode(), b" ", str(peer.local_port).encode())

    with serving(TCPServer(Names)) as where, connected(where) as one:
        assert all_of(one) == f"127.0.0.1:{one.getsockname()[1]} {where.port}".encode()


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        (Echo(), "Echo is one component, and each connection needs one of its own"),
        (7, "7 makes no components"),
        (lambda a, b: None, "wants a, b: it is called with nothing, or with the Peer alone"),
        (lambda *, key: None, "wants key"),
    ],
)
def test_what_makes_no_protocol_is_refused_at_once(protocol, sentence):
    """A mistake with the protocol is found when the server is made."""
    with pytest.raises(NotSuitable, match=sentence):
        TCPServer(protocol)


@pytest.mark.parametrize("made", [None, "a", "same"])
def test_a_factory_that_gives_something_else_costs_its_connection(made, caplog):
    """What is not a new component is one sentence in the log; the server goes on."""
    same = Echo()
    server = TCPServer(lambda: same if made == "same" else made)
    with serving(server) as where, connected(where) as keeps:
        keeps.sendall(b"x")
        if made == "same":
            assert keeps.recv(10) == b"x"
        with connected(where) as one, contextlib.suppress(ConnectionError):
            assert one.recv(10) == b""
        assert comes(lambda: server.details()["failed"] == (1 if made == "same" else 2))
    assert "each connection needs a new one" in caplog.text or "not a component" in caplog.text


def test_a_protocol_that_sends_text_is_told_what_goes_over_a_network(caplog):
    """A str is refused with a sentence; it ends that connection only."""
    server = TCPServer(lambda: Says("text"))
    with serving(server) as where, connected(where) as one:
        assert all_of(one) == b""
        assert comes(lambda: server.details()["failed"] == 1)
    assert "takes bytes, and was sent a message of the type str; str.encode makes bytes of it" in caplog.text


def test_a_protocol_that_raises_ends_its_connection_only(caplog):
    """It is logged once, with the peer and the line; the others never know."""
    server = TCPServer(Breaks)
    with serving(server) as where, connected(where) as other:
        with connected(where) as one:
            one.sendall(b"before")
            assert one.recv(100) == b"before"
            one.sendall(b"break")
            assert all_of(one) == b""
            peer = f"127.0.0.1:{one.getsockname()[1]}"
        other.sendall(b"after")
        assert other.recv(100) == b"after"
        assert server.details()["failed"] == 1
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == 1
    assert said[0].startswith(
        f"{peer}: TCPServer/Breaks-2 failed with ValueError: as I was told at "
    )


def test_many_small_messages_of_one_turn_go_out_together():
    """A hundred lines sent in a turn arrive in order, and in few pieces."""
    lines = [b"%d\n" % n for n in range(1000)]
    with serving(TCPServer(lambda: Says(*lines))) as where, connected(where) as one:
        assert all_of(one) == b"".join(lines)


def test_what_is_sent_may_be_large():
    """Megabytes at a time go through, to a client that takes its time."""
    whole = os.urandom(1 << 20) * 8
    server = TCPServer(lambda: Says(whole, bytearray(b"a"), memoryview(b"b")))
    with serving(server) as where, connected(where) as one:
        time.sleep(0.1)
        assert all_of(one) == whole + b"ab"


def test_what_a_client_still_reads_is_not_broken_off():
    """A client that has sent what nobody reads gets the whole answer all the same, not a reset."""

    class Answers(Says):
        def __init__(self):
            super().__init__(bytes(500_000))

    with serving(TCPServer(Answers)) as where, connected(where) as one:
        one.sendall(b"unread" * 1000)
        time.sleep(0.05)
        assert len(all_of(one)) == 500_000


def test_clients_of_a_backplane_hear_of_each_other():
    """A chassis of PublishTo and SubscribeTo is a chat; a client that leaves disturbs nobody."""

    def protocol():
        return Pipeline(PublishTo("ROOM"), SubscribeTo("ROOM"))

    class Room(Graphline):
        pass

    room = Room(
        SERVER=TCPServer(protocol),
        ROOM=Backplane("ROOM"),
        linkages={("SERVER", "outbox"): ("", "outbox")},
    )
    with serving(room) as where, connected(where) as two:
        with connected(where) as one:
            two.sendall(b"I am here")
            assert two.recv(100) == b"I am here"
            one.sendall(b"hello")
            assert two.recv(100) == b"hello"
        two.sendall(b"alone")
        assert two.recv(100) == b"alone"


# -- back-pressure


def test_a_client_that_does_not_read_stops_its_protocol():
    """What the network does not take is not asked for: the protocol rests, others are served."""
    Floods.made = ()
    server = TCPServer(lambda peer: Floods() if len(Floods.made) < 1 else Echo())
    with serving(server) as where, connected(where) as one:
        assert one.recv(1) == b"\0"
        assert comes(lambda: Floods.made[0].state == "blocked")
        turns = Floods.made[0].turns
        with connected(where) as other:
            other.sendall(b"x")
            assert other.recv(10) == b"x"
        assert Floods.made[0].turns == turns
        assert turns * 65536 < 50 << 20
        while Floods.made[0].turns < turns + 10:
            assert one.recv(1 << 20)


def test_a_protocol_that_does_not_read_stops_its_client():
    """What the protocol does not take is not received: a bounded part of it waits in this process."""
    server = TCPServer(Deaf)
    with serving(server) as where, connected(where) as one:
        one.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100 << 20:
                sent += one.send(bytes(1 << 20))
        assert sent < 50 << 20
        assert 0 < server.details()["bytes_in"] <= 1 << 20


def test_what_was_held_back_arrives_whole():
    """A protocol that is slow gets every byte, in order."""

    class Slow(Component):
        bounds = {"inbox": 2}

        async def main(self):
            count = 0
            async for data in self.inbox:
                count += len(data)
                await asyncio.sleep(0.001)
            await self.send(str(count).encode())

    with serving(TCPServer(Slow)) as where, connected(where) as one:
        one.sendall(bytes(4 << 20))
        one.shutdown(socket.SHUT_WR)
        assert all_of(one) == b"4194304"


# -- limits


def test_one_too_many_is_refused():
    """At the limit the next is closed and counted; when one leaves there is room again."""
    server = TCPServer(Echo, connections=2)
    with serving(server) as where, connected(where) as one:
        one.sendall(b"1")
        assert one.recv(1) == b"1"
        with connected(where) as two:
            two.sendall(b"2")
            assert two.recv(1) == b"2"
            with connected(where) as three, contextlib.suppress(ConnectionResetError):
                assert three.recv(1) == b""
            assert server.details()["refused"] == 1
        assert comes(lambda: server.details()["connections"] == 1)
        with connected(where) as four:
            four.sendall(b"4")
            assert four.recv(1) == b"4"


def test_one_too_many_may_wait():
    """With `when_full="wait"` it is served as soon as another has left."""
    server = TCPServer(Echo, connections=1, when_full="wait")
    with serving(server) as where:
        with connected(where) as one:
            one.sendall(b"1")
            assert one.recv(1) == b"1"
            two = socket.create_connection((where.host, where.port), timeout=0.1)
            two.sendall(b"2")
            with pytest.raises(TimeoutError):
                two.recv(1)
        two.settimeout(LIMIT)
        assert two.recv(1) == b"2"
        assert server.details()["refused"] == 0
        two.close()


def test_a_client_that_never_reads_is_let_go():
    """What takes nothing for `stall` seconds is broken off and counted, though it goes on sending."""
    server = TCPServer(Floods, stall=0.2, events=True)
    handle = server.background()
    where = handle.get(timeout=LIMIT)
    with connected(where):
        assert isinstance(handle.get(timeout=LIMIT), Connected)
        over = handle.get(timeout=LIMIT)
        assert isinstance(over, Disconnected)
        assert over.reason == f"{over.peer} took nothing for 0.2 seconds"
        assert server.details()["stalled"] == 1
        assert server.details()["connections"] == 0
    handle.stop()
    assert handle.wait(LIMIT)


def test_a_client_that_never_reads_the_last_of_it_is_let_go():
    """The protocol is over, and its last words wait in vain: not for ever."""
    server = TCPServer(lambda: Says(bytes(50 << 20)), stall=0.2)
    with serving(server) as where, connected(where):
        assert comes(lambda: server.details()["stalled"] == 1)
        assert comes(lambda: server.details()["connections"] == 0)


def test_a_silent_client_is_let_go():
    """What neither sends nor takes for `idle` seconds is closed; the protocol hears of an end."""
    server = TCPServer(Counts, idle=0.2)
    with serving(server) as where, connected(where) as one:
        assert all_of(one) == b""
        assert server.details()["idle_closed"] == 1


def test_a_slow_client_is_not_a_silent_one():
    """Byte by byte is slow, and yet served."""
    server = TCPServer(Echo, idle=0.5)
    with serving(server) as where, connected(where) as one:
        for letter in b"slowly, slowly":
            one.sendall(bytes([letter]))
            assert one.recv(10) == bytes([letter])
            time.sleep(0.05)
        assert server.details()["idle_closed"] == 0


def test_no_file_descriptors_left(monkeypatch, caplog):
    """When the process has no more, that is one sentence; what is connected is served, and later more."""
    server = TCPServer(Echo)
    with serving(server) as where, connected(where) as one:
        one.sendall(b"1")
        assert one.recv(1) == b"1"
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as two, socket.socket() as three:
            used = max(int(each) for each in os.listdir("/proc/self/fd"))
            monkeypatch.setattr("kamesh.components.network.accepting.PAUSE", 0.05)
            spare = []
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
            try:
                with contextlib.suppress(OSError):
                    while True:
                        spare.append(os.dup(0))
                two.settimeout(LIMIT)
                two.connect((where.host, where.port))
                three.settimeout(LIMIT)
                three.connect((where.host, where.port))
                assert comes(lambda: "cannot accept" in caplog.text)
                time.sleep(0.2)
                one.sendall(b"2")
                assert one.recv(1) == b"2"
            finally:
                for each in spare:
                    os.close(each)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            two.sendall(b"3")
            assert two.recv(1) == b"3"
            three.sendall(b"4")
            assert three.recv(1) == b"4"
    assert caplog.text.count("cannot accept: there are no open files and sockets left") == 1


def test_more_than_a_thousand_connections():
    """1,100 are held and answered; the soft limit of open files is raised as need be."""
    program = """if True:
        import resource, socket
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        from kamesh.components.network import TCPServer
        from kamesh.components.protocols import Echo
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        handle = TCPServer(Echo, connections=1200).background()
        print(handle.get(timeout=10).port, flush=True)
        input()
        handle.stop()
        handle.wait()
    """
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        port = int(process.stdout.readline())
        held = [socket.create_connection(("127.0.0.1", port), timeout=LIMIT) for _ in range(1100)]
        for one in held:
            one.sendall(b"here")
        assert all(one.recv(100) == b"here" for one in held)
        for one in held:
            one.close()
        process.communicate("\n", timeout=LIMIT)
        assert process.returncode == 0


# -- ends that are no ends


def test_a_connection_that_is_reset_ends_its_protocol_with_a_failure():
    """The protocol's inbox has broken off, in words; what it received before is not lost."""
    seen = []

    class Watches(Component):
        def main(self):
            while not self.stopping():
                seen.extend(self.inbox)
                yield self.pause()
            seen.append(self.inbox.failure)

    server = TCPServer(Watches)
    with serving(server) as where:
        with connected(where) as one:
            one.sendall(b"half a mess")
            assert comes(lambda: seen)
            reset(one)
        assert comes(lambda: len(seen) == 2)
        assert seen[0] == b"half a mess"
        assert "has broken the connection off" in seen[1].message
        assert comes(lambda: server.details()["connections"] == 0)
        assert server.details()["broken"] == 1


def test_a_protocol_that_does_not_look_is_ended_after_its_connection(monkeypatch):
    """One that ignores that its connection is lost is told to finish, and then ended."""
    monkeypatch.setattr("kamesh.components.network.connection.GRACE", 0.05)
    server = TCPServer(Deaf)
    with serving(server) as where:
        with connected(where) as one:
            one.sendall(b"x")
            assert comes(lambda: server.details()["bytes_in"] == 1)
            reset(one)
        assert comes(lambda: server.details()["connections"] == 0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_client_that_is_killed_or_stopped_in_the_middle(how):
    """Whatever becomes of one client, the others are served."""
    program = """if True:
        import socket, sys
        one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        one.sendall(b"half of it")
        print("sent", flush=True)
        one.recv(10)
        input()
    """
    server = TCPServer(Floods, stall=0.3)
    with (
        serving(server) as where,
        subprocess.Popen(
            [sys.executable, "-c", program, str(where.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        try:
            assert process.stdout.readline() == b"sent\n"
            process.send_signal(how)
            with connected(where) as other:
                assert other.recv(1) == b"\0"
                assert comes(lambda: server.details()["connections"] == 1, 5)
        finally:
            process.kill()
            process.stdin.close()


# -- how a server ends


def test_told_to_finish_it_lets_protocols_finish():
    """ProducerFinished: no more are accepted, each protocol is told, and what they say is sent."""

    class Farewell(Component):
        def main(self):
            self.send(b"hello")
            while not self.stopping():
                yield self.pause()
            self.send(b", goodbye")

    handle = TCPServer(Farewell).background()
    where = handle.get(timeout=LIMIT)
    with connected(where) as one:
        assert one.recv(100) == b"hello"
        handle.put(ProducerFinished(), "control")
        assert all_of(one) == b", goodbye"
    assert handle.wait(LIMIT)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((where.host, where.port))


def test_protocols_that_do_not_finish_are_ended_after_the_grace():
    """The end comes all the same."""
    handle = TCPServer(Deaf, grace=0.1).background()
    with connected(handle.get(timeout=LIMIT)) as one:
        one.sendall(b"x")
        time.sleep(0.05)
        handle.put(ProducerFinished(), "control")
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(10) == b""
        assert handle.wait(LIMIT)


def test_shutdown_ends_all_at_once():
    """Shutdown waits for nobody, though protocols would go on."""
    handle = TCPServer(Deaf, grace=1000).background()
    with connected(handle.get(timeout=LIMIT)):
        handle.stop()
        assert handle.wait(LIMIT)


def test_shutdown_while_it_finishes_ends_all_at_once():
    """Who is asked to finish may still be told to stop."""
    handle = TCPServer(Deaf, grace=1000).background()
    with connected(handle.get(timeout=LIMIT)) as one:
        one.sendall(b"x")
        handle.put(ProducerFinished(), "control")
        time.sleep(0.05)
        handle.stop()
        assert handle.wait(LIMIT)


def test_the_end_of_what_feeds_it_has_it_finish():
    """Leaving the `with` of a server in the background is its end."""
    with TCPServer(Echo).background() as handle, connected(handle.get(timeout=LIMIT)) as one:
        one.sendall(b"x")
        assert one.recv(1) == b"x"
    assert handle.wait(0)


def test_ended_from_outside_it_leaves_nothing():
    """stop() in the middle of it all closes all sockets and ends all protocols."""
    server = TCPServer(Deaf)
    handle = server.background()
    with connected(handle.get(timeout=LIMIT)) as one:
        one.sendall(b"x")
        assert comes(lambda: server.details()["bytes_in"] == 1)
        server.stop()
        assert handle.wait(LIMIT)
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(10) == b""


# -- where it listens


def test_a_port_that_is_taken_is_one_sentence():
    """The second server at a port fails, naming it; the first goes on."""
    with serving(TCPServer(Echo)) as where:
        taken = rf"127.0.0.1:{where.port} is taken by another"
        with pytest.raises(ComponentFailed, match=taken):
            TCPServer(Echo, where.port).run()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("203.0.113.7", "203.0.113.7:0 is not an address of this machine"),
        ("no.such.name.invalid", "is not an address of this machine"),
        ("a..b", "is not an address"),
    ],
)
def test_what_is_no_address_of_this_machine_is_one_sentence(host, sentence):
    """It fails with the address that was asked for."""
    with pytest.raises(ComponentFailed, match=sentence) as raised:
        TCPServer(Echo, 0, host).run()
    assert isinstance(raised.value.__cause__, ListenError)


def test_a_port_is_a_port():
    """A number that is none is refused when the server is made."""
    with pytest.raises(ValueError, match="70000 is not a port"):
        TCPServer(Echo, 70000)


@pytest.mark.parametrize("path", ["", "a\0b", None, 5, b"sock"])
def test_the_path_of_a_socket(path):
    """What can be none is refused when the server or the client is made: nothing listens elsewhere."""
    for make in (lambda: UnixServer(Echo, path), lambda: UnixClient(path)):
        with pytest.raises(ValueError, match="is not the path of a socket"):
            make()


@pytest.mark.parametrize("host", [None, 5, "a\0b"])
def test_a_host_is_a_host(host):
    """What can be no name is refused when the server or the client is made."""
    for make in (lambda: TCPServer(Echo, 0, host), lambda: TCPClient(host, 1)):
        with pytest.raises(ValueError, match="is not a host: a name or an address, as text"):
            make()


def test_all_addresses_have_one_port():
    """With no host it listens at every family there is, at the same port."""
    with serving(TCPServer(Echo, 0, "")) as where:
        for host in ("127.0.0.1", "::1"):
            try:
                one = socket.create_connection((host, where.port), timeout=LIMIT)
            except OSError:
                if host == "::1" and not Path("/proc/net/if_inet6").exists():
                    continue
                raise
            with one:
                one.sendall(b"x")
                assert one.recv(1) == b"x"


# -- Unix sockets


def test_a_unix_socket_is_served_and_cleared_away(tmp_path):
    """The same protocols; only its owner may connect; the file is gone at the end."""
    path = tmp_path / "echo.sock"
    with serving(UnixServer(Echo, path)) as where, connected(where) as one:
        assert path.stat().st_mode & 0o777 == 0o600
        one.sendall(b"x")
        assert one.recv(1) == b"x"
    assert not path.exists()


def test_a_socket_left_behind_is_replaced_one_in_use_is_not(tmp_path):
    """What a dead server left is no obstacle; a live server, or a file, is."""
    path = tmp_path / "echo.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serving(UnixServer(Echo, path, permissions=0o666)) as where, connected(where) as one:
        assert path.stat().st_mode & 0o777 == 0o666
        with pytest.raises(ComponentFailed, match="is taken by another program"):
            UnixServer(Echo, path).run()
        one.sendall(b"x")
        assert one.recv(1) == b"x"
    path.write_text("precious")
    with pytest.raises(ComponentFailed, match="is no socket"):
        UnixServer(Echo, path).run()
    assert path.read_text() == "precious"
    with pytest.raises(ComponentFailed, match="too long for a socket"):
        UnixServer(Echo, tmp_path / ("x" * 120)).run()


def test_a_peer_at_a_unix_socket_is_named_by_the_path(tmp_path):
    """It has neither host nor port."""
    peers = []

    def protocol(peer):
        peers.append(peer)
        return Echo()

    path = str(tmp_path / "s")
    with serving(UnixServer(protocol, path)) as where, connected(where):
        assert comes(lambda: peers)
    assert peers == [Peer(path, 0, path)]
    assert str(peers[0]) == path


# -- figures


def test_it_counts_and_tells():
    """With events each connection is told of twice; the figures agree with them."""
    server = TCPServer(Echo, events=True)
    handle = server.background()
    where = handle.get(timeout=LIMIT)
    with connected(where) as one:
        one.sendall(b"12345")
        assert one.recv(10) == b"12345"
        peer = Peer("127.0.0.1", one.getsockname()[1], "127.0.0.1", where.port)
    assert handle.get(timeout=LIMIT) == Connected(peer)
    assert handle.get(timeout=LIMIT) == Disconnected(peer, "", 5, 5)
    figures = server.details()
    assert (figures["connections"], figures["connections_ever"]) == (0, 1)
    assert (figures["bytes_in"], figures["bytes_out"], figures["broken"]) == (5, 5, 0)
    handle.stop()
    assert handle.wait(LIMIT)


def test_nobody_holds_a_server_up_by_not_listening_to_it():
    """Events that find no room are dropped and counted."""

    class Reads(Component):
        bounds = {"inbox": 1}

        def main(self):
            while not self.stopping():
                yield self.pause(0.01)

    server = TCPServer(Echo, events=True)
    whole = Pipeline(server, Reads())
    thread = threading.Thread(target=whole.run)
    thread.start()
    assert comes(lambda: server.port)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as one:
            one.sendall(b"x")
            assert one.recv(1) == b"x"
    assert comes(lambda: server.details()["untold"] == 6)
    whole.stop()
    thread.join(LIMIT)
