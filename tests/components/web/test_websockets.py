"""WebSockets against aiohttp's own client and server, and against a handshake made by hand."""

import asyncio
import base64
import hashlib
import os
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import aiohttp
import pytest
from aiohttp import web

from kamesh import Component, ComponentFailed, EmptyInbox, Pipeline
from kamesh.components.network import Connected, Disconnected, Refused
from kamesh.components.sources import DataSink, DataSource
from kamesh.components.web import HTTPServer, WebSocket, WebSocketClient, WebSocketServer


class Shout(Component):
    """Sends back what it is sent, louder; says a word of its own at the end; breaks on purpose."""

    async def main(self):
        async for message in self.inbox:
            if message == "break":
                raise RuntimeError("broken on purpose")
            if message == "leave":
                await self.send("goodbye")
                return
            await self.send(message.upper())


@contextmanager
def serving(protocol=Shout, **options):
    """Run a server in the background; give it and its address."""
    server = WebSocketServer(protocol, **options)
    with server.background() as handle:
        yield server, handle.get(timeout=5).url


def by_hand(url, path="/"):
    """Shake hands as RFC 6455 says, without any library."""
    where = urlsplit(url)
    sock = socket.create_connection((where.hostname, where.port), 5)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(1)
    accept = base64.b64encode(
        hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    )
    assert head.startswith(b"HTTP/1.1 101")
    assert accept in head
    return sock


def frame(opcode, payload, mask=b"\x01\x02\x03\x04"):
    """Make a frame as clients send them."""
    size = len(payload)
    head = bytes([0x80 | opcode])
    head += bytes([0x80 | size]) if size < 126 else struct.pack("!BQ", 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def unframed(sock):
    """Read one frame; give opcode and payload."""
    first, second = sock.recv(2, socket.MSG_WAITALL)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))
    elif size == 127:
        (size,) = struct.unpack("!Q", sock.recv(8, socket.MSG_WAITALL))
    return first & 15, sock.recv(size, socket.MSG_WAITALL) if size else b""


def test_a_handshake_made_by_hand():
    """Text and binary, a ping, a component for each connection, and a close."""
    with serving() as (_, url):
        assert url.startswith("ws://127.0.0.1:")
        with by_hand(url) as one, by_hand(url) as other:
            one.sendall(frame(1, "grüße".encode()))
            other.sendall(frame(2, b"bytes"))
            assert unframed(one) == (1, "GRÜSSE".encode())
            assert unframed(other) == (2, b"BYTES")
            one.sendall(frame(9, b"ping"))
            assert unframed(one) == (10, b"ping")
            one.sendall(frame(1, b"leave"))
            assert unframed(one) == (1, b"goodbye")
            assert unframed(one) == (8, struct.pack("!H", 1000))
            other.sendall(frame(8, struct.pack("!H", 1000)))
            assert unframed(other)[0] == 8


def test_the_client_of_aiohttp():
    """A thousand messages there and back, in order; a component that breaks closes with 1011."""

    async def main(url):
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url) as ws:
                for number in range(1000):
                    await ws.send_str(f"n{number}")
                assert [(await ws.receive(5)).data for _ in range(1000)] == [
                    f"N{number}" for number in range(1000)
                ]
            async with session.ws_connect(url) as ws, session.ws_connect(url) as bystander:
                await ws.send_str("break")
                assert (await ws.receive(5)).type is aiohttp.WSMsgType.CLOSE
                assert ws.close_code == 1011
                await bystander.send_str("still")
                assert (await bystander.receive(5)).data == "STILL"

    with serving() as (_, url):
        asyncio.run(main(url))


def test_garbage_costs_its_own_connection():
    """Frames that are none, too large ones, a client that vanishes, one that is no WebSocket."""
    with serving(longest=1000) as (_, url):
        with by_hand(url) as sock:
            sock.sendall(b"\xf3\x85\x00\x00\x00\x00hello")  # reserved bits, and no such opcode
            assert unframed(sock)[1][:2] == struct.pack("!H", 1002)
        with by_hand(url) as sock:
            sock.sendall(frame(1, b"x" * 2000))
            assert unframed(sock)[1][:2] == struct.pack("!H", 1009)
        by_hand(url).close()
        with pytest.raises(HTTPError, match="426"):
            urlopen(url.replace("ws", "http"))
        with by_hand(url) as sock:
            sock.sendall(frame(1, b"fine"))
            assert unframed(sock) == (1, b"FINE")


def test_a_client_that_does_not_read_slows_its_component_and_is_let_go():
    """What waits for it is bounded; after `idle` seconds it is closed; others notice nothing."""
    sent = {"much": 0}
    ended = threading.Event()

    class Much(Component):
        async def main(self):
            async for message in self.inbox:
                if message != "much":
                    await self.send(message)
                    continue
                try:
                    while not self.stopping():
                        await self.send(b"x" * 65536)
                        sent["much"] += 1
                finally:
                    ended.set()

    with serving(Much, limits={"idle": 0.5}) as (_, url), by_hand(url) as slow:
        slow.sendall(frame(1, b"much"))
        time.sleep(0.2)
        with by_hand(url) as other:
            other.sendall(frame(1, b"hello"))
            assert unframed(other) == (1, b"hello")
        assert ended.wait(5)
        assert sent["much"] < 1000


def test_beside_a_folder_on_one_port(tmp_path):
    """A WebSocket is one route among others."""
    (tmp_path / "index.html").write_text("page")
    server = HTTPServer({"/*": Path(tmp_path), "/shout": WebSocket(Shout)})
    with server.background() as handle:
        url = handle.get(timeout=5).url
        assert urlopen(url).read() == b"page"
        with by_hand(url, "/shout") as sock:
            sock.sendall(frame(1, b"hey"))
            assert unframed(sock) == (1, b"HEY")


def test_a_server_that_ends_closes_its_connections():
    """With 1001, and its components are over."""
    server = WebSocketServer(Shout)
    handle = server.background()
    with by_hand(handle.get(timeout=5).url) as sock:
        sock.sendall(frame(1, b"hey"))
        assert unframed(sock) == (1, b"HEY")
        handle.stop()
        assert unframed(sock) == (8, struct.pack("!H", 1001))
        sock.sendall(frame(8, struct.pack("!H", 1001)))
        assert handle.wait(10)


# the client


@contextmanager
def foreign(handler):
    """Run aiohttp's own server in a thread; give its address."""
    loop = asyncio.new_event_loop()
    ready, port = threading.Event(), []
    stop = asyncio.Event()

    async def main():
        application = web.Application()
        application.router.add_get("/", handler)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.append(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert ready.wait(5)
    try:
        yield f"ws://127.0.0.1:{port[0]}/"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def quick(url, **options):
    """Make a client that does not wait long."""
    client = WebSocketClient(url, **{"timeout": 5.0, "linger": 0.1, **options})
    client.retries.first = client.retries.longest = 0.02
    return client


def test_the_client_speaks_with_a_foreign_server():
    """All that is sent comes back, up to the end of the stream."""

    async def echo(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ws.send_str(message.data.upper())
            else:
                await ws.send_bytes(message.data)
        return ws

    with foreign(echo) as url, quick(url).background() as client:
        for each in ("one", b"two", "three"):
            client.put(each)
        assert [client.get(timeout=5) for _ in range(3)] == ["ONE", b"two", "THREE"]


def test_the_client_comes_back():
    """After a connection that broke, and one that was closed; nothing that waits is lost."""
    connections = []

    async def fickle(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        connections.append(ws)
        await ws.send_str(f"connection {len(connections)}")
        async for message in ws:
            if message.data == "abort":
                request.transport.abort()
            elif message.data == "close":
                await ws.close()
            else:
                await ws.send_str(message.data)
        return ws

    with foreign(fickle) as url, quick(url).background() as client:
        assert client.get(timeout=5) == "connection 1"
        client.put("abort")
        assert client.get(timeout=5) == "connection 2"
        client.put("close")
        assert client.get(timeout=5) == "connection 3"
        client.put("hello")
        assert client.get(timeout=5) == "hello"


def test_the_client_tells_what_becomes_of_its_connections():
    """Connected, Disconnected with what was received and sent, and Refused for an attempt in vain."""
    closing = asyncio.Event()

    async def once(request):
        if closing.is_set():
            return web.Response(status=503)
        closing.set()
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str((await ws.receive_str()) + "ß")
        await ws.close()
        return ws

    with foreign(once) as url:
        client = quick(url, tries=2)
        handle = client.background()
        handle.put("hello")
        assert handle.get(timeout=5) == "helloß"
        connected, over, refused = (handle.get("status", timeout=5) for _ in range(3))
        with pytest.raises(ComponentFailed, match="status 503"):
            handle.wait(5)
    assert isinstance(connected, Connected)
    assert connected.peer.port == urlsplit(url).port
    assert over == Disconnected(connected.peer, f"{url} has closed the connection", 7, 5)
    sentence = f"{url} opens no WebSocket: it answers with status 503"
    assert refused == Refused(url, sentence, -1.0)


def test_a_server_that_is_not_there_any_more():
    """Is asked for as often as was said; then the client fails, with a sentence."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} refuses"):
        Pipeline(DataSource(["x"]), quick(f"ws://127.0.0.1:{port}/", tries=3)).run()

    async def none(request):
        return web.Response(status=404)

    with foreign(none) as url, pytest.raises(ComponentFailed, match="status 404"):
        Pipeline(DataSource(["x"]), quick(url, tries=2)).run()
    with pytest.raises(ValueError, match="not an address"):
        WebSocketClient("nowhere")


def test_one_try_in_vain_is_said():
    """With `tries=1` a server that is not there fails it, rather than end it as if all were said."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ComponentFailed, match="nothing listens there"):
        Pipeline(DataSource(["x"]), quick(f"ws://127.0.0.1:{port}/", tries=1)).run()


def test_the_client_ends_when_told():
    """Also while nobody answers, and with `tries=1` when the server closes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = WebSocketClient(f"ws://127.0.0.1:{silent.getsockname()[1]}/", timeout=1.0, tries=2)
        handle = client.background()
        with pytest.raises(EmptyInbox):
            handle.get(timeout=0.05)
        handle.stop()
        assert handle.wait(10)
    with serving() as (_, url), quick(url, tries=1).background() as handle:
        handle.put("leave")
        assert handle.get(timeout=5) == "goodbye"
        assert handle.wait(5)


def test_our_two_ends():
    """A pipeline into a client, whose server answers."""
    got = []
    with serving() as (_, url):
        Pipeline(DataSource(["a", "b", "c"]), quick(url), DataSink(got)).run()
    assert got == ["A", "B", "C"]
