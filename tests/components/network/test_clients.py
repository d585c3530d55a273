"""Clients: they connect, come back, keep what was not sent, and say what is wrong."""

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest
from serving_kit import LIMIT, all_of, comes, serving

from kamesh import ComponentFailed, Pipeline, ProducerFinished
from kamesh.components.network import (
    Connected,
    Disconnected,
    NetworkError,
    Refused,
    TCPClient,
    TCPServer,
    UnixClient,
    UnixServer,
)
from kamesh.components.protocols import Echo
from kamesh.components.refusing import WrongFigure
from kamesh.components.sources import DataSource
from kamesh.testing import Collector


@contextlib.contextmanager
def listening(port=0):
    """Listen with a plain socket."""
    with socket.create_server(("127.0.0.1", port)) as one:
        one.settimeout(LIMIT)
        yield one, one.getsockname()[1]


def accepted(listener):
    """Accept a connection."""
    one, _ = listener.accept()
    one.settimeout(LIMIT)
    return one


def reset(one):
    """Break a connection off."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def free_port():
    """Find a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def quick(port, **options):
    """Make a client that tries again at once."""
    return TCPClient("127.0.0.1", port, **{"first_wait": 0.01, "longest_wait": 0.05} | options)


def test_it_says_and_hears_and_tells():
    """Bytes both ways, and what became of the connection on "status"."""
    with serving(TCPServer(Echo)) as where:
        with TCPClient("127.0.0.1", where.port, tries=1).background() as client:
            client.put(b"hello")
            assert client.get(timeout=LIMIT) == b"hello"
            said = client.get("status", timeout=LIMIT)
            assert isinstance(said, Connected)
            assert (said.peer.host, said.peer.port) == ("127.0.0.1", where.port)
        assert client.get("status", timeout=LIMIT) == Disconnected(said.peer, "", 5, 5)


def test_what_feeds_it_ends_and_the_answer_still_comes():
    """The end of its inbox is the end of its half; it goes on receiving until the other end is done."""
    collected = Collector()
    with listening() as (listener, port):
        whole = Pipeline(DataSource([b"one ", b"two"]), TCPClient("127.0.0.1", port), collected)
        thread = threading.Thread(target=whole.run)
        thread.start()
        with accepted(listener) as one:
            assert all_of(one) == b"one two"
            time.sleep(0.05)
            one.sendall(b"answer")
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert b"".join(collected.messages) == b"answer"


def test_one_conversation_ends_with_the_other_end():
    """With tries=1 the server's end of stream is the end of the client."""
    collected = Collector()
    with listening() as (listener, port):
        handle = Pipeline(TCPClient("127.0.0.1", port, tries=1), collected).background()
        with accepted(listener) as one:
            one.sendall(b"all there is")
        assert handle.wait(LIMIT)
    assert collected.messages == [b"all there is"]


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_it_comes_back_after_a_connection_is_over(end):
    """Closed or broken off: it connects again, and the streams at its boxes go on."""
    with listening() as (listener, port):
        handle = quick(port).background()
        for number in range(3):
            one = accepted(listener)
            handle.put(b"%d" % number)
            assert one.recv(10) == b"%d" % number
            one.sendall(b"got %d" % number)
            assert handle.get(timeout=LIMIT) == b"got %d" % number
            end(one)
        handle.stop()
        with contextlib.suppress(TimeoutError):
            listener.settimeout(0.2)
            accepted(listener).close()
        assert handle.wait(LIMIT)


def test_what_was_not_sent_waits_for_the_next_connection():
    """What comes while there is no connection is sent, in order, when there is one."""
    port = free_port()
    handle = quick(port, tries=None).background()
    assert isinstance(handle.get("status", timeout=LIMIT), Refused)
    for number in range(100):
        handle.put(b"%d " % number)
    with listening(port) as (listener, _), accepted(listener) as one:
        handle.finish()
        assert all_of(one) == b"".join(b"%d " % n for n in range(100))
    assert handle.wait(LIMIT)


def test_what_the_system_has_not_taken_is_sent_again_whole():
    """A connection is lost in the middle of a large message: the next one gets it from its beginning."""
    messages = [bytes([n]) * (8 << 20) for n in range(3)]
    with listening() as (listener, port):
        handle = quick(port).background()
        for message in messages:
            handle.put(message)
        one = accepted(listener)
        assert one.recv(100, socket.MSG_WAITALL) == bytes(100)
        reset(one)
        handle.finish()
        with accepted(listener) as two:
            again = all_of(two)
        assert again == b"".join(messages)
        assert handle.wait(LIMIT)


def test_a_server_that_does_not_read_holds_back_whoever_feeds_the_client():
    """What cannot be sent waits in bounds, and then the source does."""
    taken = []

    def source():
        for number in range(100_000):
            taken.append(number)
            yield bytes(65536)

    with listening() as (listener, port):
        whole = Pipeline(DataSource(source()), TCPClient("127.0.0.1", port, tries=1))
        handle = whole.background()
        with accepted(listener):
            assert comes(lambda: taken)
            before = -1
            while before != len(taken):
                before = len(taken)
                time.sleep(0.1)
            assert before < 5000
            handle.stop()
            assert handle.wait(LIMIT)


def test_a_reader_that_does_not_read_holds_back_the_server():
    """What nobody takes from the client is not received."""
    with listening() as (listener, port):
        handle = TCPClient("127.0.0.1", port, tries=1).background()
        with accepted(listener) as one:
            one.settimeout(0.3)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 200 << 20:
                    sent += one.send(bytes(1 << 20))
            assert sent < 150 << 20
        handle.stop()
        assert handle.wait(LIMIT)


def test_a_server_that_takes_nothing_is_given_up():
    """After `stall` seconds the connection counts as broken."""
    with listening() as (listener, port):
        handle = TCPClient("127.0.0.1", port, tries=1, stall=0.2).background()
        with accepted(listener):
            handle.put(bytes(50 << 20))
            with pytest.raises(ComponentFailed, match=rf"127.0.0.1:{port} took nothing for 0.2 sec"):
                handle.wait(LIMIT)


def test_a_silent_server_is_given_up_where_that_is_asked_for():
    """After `idle` seconds the connection counts as broken."""
    with listening() as (_, port):
        silent = rf"127.0.0.1:{port} was silent for 0.2 seconds"
        with pytest.raises(ComponentFailed, match=silent):
            TCPClient("127.0.0.1", port, tries=1, idle=0.2).run()


def test_a_connection_that_breaks_off_fails_a_client_that_does_not_come_back():
    """With tries=1 a reset is no end of stream but a failure, in a sentence."""
    with listening() as (listener, port):
        handle = TCPClient("127.0.0.1", port, tries=1).background()
        one = accepted(listener)
        one.sendall(b"half")
        assert handle.get(timeout=LIMIT) == b"half"
        reset(one)
        with pytest.raises(ComponentFailed, match=rf"127.0.0.1:{port} has broken the connection off"):
            handle.wait(LIMIT)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_is_not_there_is_one_sentence(host):
    """Refused, whether the host has one address or two."""
    port = free_port()
    with pytest.raises(ComponentFailed, match=rf"{host}:{port} refuses: nothing listens there") as seen:
        TCPClient(host, port, tries=1).run()
    assert isinstance(seen.value.__cause__, NetworkError)


def test_it_gives_up_after_its_tries():
    """Each attempt is told of, with when the next one comes; the last one fails it."""
    port = free_port()
    client = quick(port, tries=4)
    handle = client.background()
    with pytest.raises(ComponentFailed, match="refuses"):
        handle.wait(LIMIT)
    said = [handle.get("status", timeout=0) for _ in range(4)]
    assert all(one.reason == f"127.0.0.1:{port} refuses: nothing listens there" for one in said)
    waits = [one.again_in for one in said]
    assert waits[3] == -1
    for wait, span in zip(waits[:3], (0.01, 0.02, 0.04), strict=True):
        assert span / 2 <= wait <= span


def test_a_name_that_does_not_resolve():
    """It is said which."""
    with pytest.raises(ComponentFailed, match=r"the name in no.such.name.invalid:80"):
        TCPClient("no.such.name.invalid", 80, tries=1).run()


def test_a_server_that_does_not_answer_has_a_time_out():
    """A handshake that nobody answers ends with the time-out."""
    with listening() as (_, port):
        client = TCPClient("127.0.0.1", port, tries=1, timeout=0.2)

        async def never(stream):
            await asyncio.sleep(1000)

        client.dial = never
        with pytest.raises(ComponentFailed, match="does not answer"):
            client.run()


@pytest.mark.parametrize("phase", ["waiting", "connecting", "connected"])
def test_shutdown_ends_it_at_once(phase):
    """Told to stop, it stops, whatever it is at."""
    with listening() as (listener, port):
        client = quick(free_port() if phase == "waiting" else port, first_wait=50, longest_wait=50)
        if phase == "connecting":

            async def never(stream):
                await asyncio.sleep(1000)

            client.dial = never
        handle = client.background()
        if phase == "waiting":
            handle.get("status", timeout=LIMIT)
        elif phase == "connected":
            accepted(listener).close()
        handle.stop()
        assert handle.wait(LIMIT)


def test_told_to_finish_it_sends_what_it_has():
    """ProducerFinished: what waits is sent, and the connection closed."""
    with listening() as (listener, port):
        handle = TCPClient("127.0.0.1", port).background()
        with accepted(listener) as one:
            whole = bytes(20 << 20)
            handle.put(whole)
            assert one.recv(1) == b"\0"
            handle.put(ProducerFinished(), "control")
            assert all_of(one) == whole[1:]
        assert handle.wait(LIMIT)


def test_what_is_not_of_bytes_fails_it_with_a_sentence():
    """Text is not sent."""
    with serving(TCPServer(Echo)) as where:
        handle = TCPClient("127.0.0.1", where.port).background()
        handle.put("text")
        with pytest.raises(ComponentFailed, match="takes bytes, and was sent a message of the type str"):
            handle.wait(LIMIT)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"tries": 0}, WrongFigure),
        ({"timeout": 0}, WrongFigure),
        ({"idle": -1}, WrongFigure),
        ({"first_wait": 0}, WrongFigure),
        ({"first_wait": 2, "longest_wait": 1}, WrongFigure),
        ({"port": 0}, WrongFigure),
    ],
)
def test_mistakes_are_refused_when_it_is_made(options, error):
    """What cannot be is not tried."""
    with pytest.raises(error):
        TCPClient("127.0.0.1", **{"port": 80} | options)


def test_a_unix_client(tmp_path):
    """As over TCP; a path where nothing is, or nobody listens any more, is one sentence."""
    path = tmp_path / "echo.sock"
    with pytest.raises(ComponentFailed, match="does not exist: no such socket"):
        UnixClient(path, tries=1).run()
    with serving(UnixServer(Echo, path)), UnixClient(path, tries=1).background() as client:
        client.put(b"hello")
        assert client.get(timeout=LIMIT) == b"hello"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ComponentFailed, match="refuses: nothing listens there"):
        UnixClient(path, tries=1).run()


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
def test_socat_as_the_server():
    """A server nobody here wrote: socat with cat behind it."""
    port = free_port()
    with subprocess.Popen(
        ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr", "EXEC:cat"]
    ) as process:
        collected = Collector()
        Pipeline(DataSource([b"one ", b"two"]), quick(port), collected).run()
        assert b"".join(collected.messages) == b"one two"
        assert process.wait(LIMIT) == 0
