"""A protocol is the same one whatever carries it: TCP, a WebSocket, or a wire in memory."""

import asyncio
import socket
import threading
from functools import partial

import aiohttp
import pytest

from kamesh import Component, KameshError
from kamesh.components.network import Peer, TCPServer
from kamesh.components.web import BadRoute, HTTPServer, Request, WebSocket, WebSocketServer
from kamesh.testing import pair

UPLOAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
TEN = [bytes([number]) for number in range(10)]


class Slow(Component):
    """Takes its time for each byte, and notes it."""

    def __init__(self, took, over, begun):
        super().__init__()
        self.took = took
        self.over = over
        self.begun = begun

    async def main(self):
        async for message in self.inbox:
            if isinstance(message, Request):
                continue
            for byte in message:
                self.begun.set()
                await asyncio.sleep(0.02)
                self.took.append(byte)
        self.over.set()


def by_tcp(make, over):
    """Send ten messages to it, and close."""
    with TCPServer(make, port=0).background() as server:
        with socket.create_connection(("127.0.0.1", server.get(timeout=5).port), 5) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for message in TEN:
                client.sendall(message)
        assert over.wait(5)


def by_websocket(make, over):
    """Send ten messages to it, and close."""

    async def talk(url):
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
            for message in TEN:
                await ws.send_bytes(message)

    with WebSocketServer(make).background() as server:
        asyncio.run(talk(server.get(timeout=5).url))
        assert over.wait(5)


class Says(Component):
    """Says ten messages, and that this was all."""

    async def main(self):
        for message in TEN:
            await self.send(message)


def by_request(make, over):
    """Send one request with ten bytes to it, and close in the middle of its work."""
    begun = make.keywords["begun"]
    with HTTPServer(make, limits={"patience": 5.0}).background() as server:
        with socket.create_connection(("127.0.0.1", server.get(timeout=5).port), 5) as client:
            client.sendall(UPLOAD + b"".join(TEN))
            assert begun.wait(5)
        assert over.wait(5)


def by_wire(make, over):
    """Send ten messages to it, and close, without a network."""
    pair(Says(), make())
    assert over.is_set()


@pytest.mark.parametrize("carry", [by_tcp, by_websocket, by_request, by_wire])
def test_what_came_before_the_close_is_taken(carry):
    """All of it, however long the protocol takes for each, whatever carries it."""
    took, over = [], threading.Event()
    carry(partial(Slow, took, over, begun=threading.Event()), over)
    assert bytes(took) == b"".join(TEN)


class Needs(Component):
    """Cannot be made of nothing."""

    def __init__(self, one, other):
        super().__init__()


@pytest.mark.parametrize(
    "serve",
    [WebSocketServer, WebSocket, HTTPServer, lambda made: HTTPServer({"GET /": made})],
)
def test_what_cannot_be_made_for_a_connection_is_refused_at_once(serve):
    """In a sentence that says what it wants, when the server is made."""
    with pytest.raises(KameshError, match="Needs wants one, other: it is called with nothing"):
        serve(Needs)


def test_a_route_that_cannot_be_served_is_named():
    """As every mistake in a table of routes is."""
    with pytest.raises(BadRoute, match=r"the route 'GET /' .*Needs wants one, other"):
        HTTPServer({"GET /": Needs})


class Knows(Component):
    """Says who it speaks with."""

    def __init__(self, peer):
        super().__init__()
        self.peer = peer

    async def main(self):
        assert isinstance(self.peer, Peer)
        await self.send(f"{self.peer.host} {self.peer.port} {self.peer.local_port}")


def test_a_protocol_may_ask_who_it_speaks_with():
    """A web protocol gets the Peer as one over TCP does, and so does a handler of requests."""

    async def ask(url):
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url + "ws") as ws:
                told = (await ws.receive(5)).data
                ours = ws.get_extra_info("sockname")
            async with session.get(url) as response:
                return told, ours, await response.text()

    with HTTPServer({"/ws": WebSocket(Knows), "/": Knows}).background() as server:
        where = server.get(timeout=5)
        told, ours, answered = asyncio.run(ask(where.url))
    assert told == f"127.0.0.1 {ours[1]} {where.port}"
    assert answered.startswith("127.0.0.1 ")


class Ends(Component):
    """Notes how what came has ended."""

    def __init__(self, ends, over):
        super().__init__()
        self.ends = ends
        self.over = over

    async def main(self):
        async for _ in self.inbox:
            pass
        self.ends.append(self.inbox.failure)
        self.over.set()


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"  # a frame with the code 1000


@pytest.mark.parametrize(
    ("serve", "said", "whole"),
    [
        (WebSocketServer, HANDSHAKE + CLOSE, True),
        (WebSocketServer, HANDSHAKE, False),
        (HTTPServer, UPLOAD + b"0123456789", True),
        (HTTPServer, UPLOAD + b"01234", False),
    ],
)
def test_what_breaks_off_is_not_taken_for_whole(serve, said, whole):
    """As over TCP: the inbox ends with a failure when the connection did so in the middle."""
    ends, over = [], threading.Event()
    with serve(partial(Ends, ends, over)).background() as server:
        with socket.create_connection(("127.0.0.1", server.get(timeout=5).port), 5) as client:
            client.sendall(said)
            assert not over.wait(0.1) or whole
        assert over.wait(5)
    (failure,) = ends
    assert (failure is None) is whole
