"""Live streams over HTTP: real sockets on loopback, many viewers, slow ones, and mistakes."""

import asyncio
import io
import socket
from fractions import Fraction
from itertools import pairwise

import aiohttp
import av
import numpy as np
import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline
from kamesh.components.chunks import Chunk
from kamesh.components.media import Encode, HTTPStream, MuxMPEGTS
from kamesh.components.media import TestCard as Card
from kamesh.components.media.engine.card import read_number
from kamesh.components.web.streams import Listening, StreamServer
from kamesh.testing import Feeder

TIMEOUT = aiohttp.ClientTimeout(total=10)


class Source(Component):
    """Sends what a test puts into it; ends when told."""

    def __init__(self):
        self.pieces = asyncio.Queue()

    async def main(self):
        while (piece := await self.pieces.get()) is not None:
            await self.send(piece)

    def put(self, *pieces):
        for piece in pieces:
            self.pieces.put_nowait(piece)


class Address(Component):
    """Keeps the address that a server says it has."""

    def __init__(self):
        self.told = asyncio.Event()
        self.url = ""

    async def main(self):
        async for said in self.inbox:
            assert isinstance(said, Listening)
            self.url = said.url
            self.told.set()


def chunk(number, size=1000, keyframe=False):
    """Make a chunk that bears its number."""
    return Chunk(number.to_bytes(4, "big") * (size // 4), keyframe, number / 25, number)


class Browser:
    """A client whose responses are all closed with it."""

    def __init__(self, session):
        self.session = session
        self.responses = []

    async def get(self, url):
        self.responses.append(await self.session.get(url))
        return self.responses[-1]

    async def head(self, url):
        self.responses.append(await self.session.head(url))
        return self.responses[-1]

    def close(self):
        for response in self.responses:
            response.close()


def on_air(server, test, source=None):
    """Run `source` into `server`, and `await test(url, source, browser)` beside it."""

    async def main():
        feed, address = source or Source(), Address()
        graph = Graphline(
            SOURCE=feed, SERVER=server, ADDRESS=address,
            linkages={("SOURCE", "outbox"): ("SERVER", "inbox"),
                      ("SERVER", "outbox"): ("ADDRESS", "inbox")},
        )  # fmt: skip
        running = asyncio.create_task(graph.run_async())
        waiting = asyncio.create_task(address.told.wait())
        await asyncio.wait([running, waiting], timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if not address.told.is_set():
            waiting.cancel()
            await running
        try:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                browser = Browser(session)
                try:
                    await asyncio.wait_for(test(address.url, feed, browser), 10)
                finally:
                    browser.close()
        finally:
            if isinstance(feed, Source):
                feed.put(None)
            await asyncio.wait_for(running, 10)

    asyncio.run(main())


async def until(condition, seconds=5.0):
    """Wait for something that is bound to happen, and fail if it does not."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


def numbers(data, size=1000):
    """Read the numbers of chunks back."""
    assert len(data) % size == 0
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), size)]


def test_all_that_is_sent_arrives_and_the_end_is_the_end():
    """A viewer that is there from the beginning gets every chunk, then a clean end."""
    server = StreamServer()

    async def test(url, source, browser):
        source.put(chunk(0, keyframe=True))
        async with await browser.get(url + "stream") as response:
            assert response.status == 200
            assert response.content_type == "application/octet-stream"
            source.put(*(chunk(n) for n in range(1, 50)), None)
            assert numbers(await response.read()) == list(range(50))

    on_air(server, test)
    assert server.details()["bytes"] == 50_000
    assert server.details()["skipped"] == 0


def test_viewers_who_join_late_begin_at_the_latest_key_frame():
    """Each at the one that was latest when it came; any number of them."""
    server = StreamServer()

    async def test(url, source, browser):
        source.put(*(chunk(n, keyframe=n % 10 == 0) for n in range(27)))
        await until(lambda: server.fanouts["inbox"].bytes_in == 27_000)
        viewers = [await browser.get(url + "stream") for _ in range(20)]
        assert server.details()["viewers"] == 20
        source.put(*(chunk(n) for n in range(27, 30)), None)
        for viewer in viewers:
            assert numbers(await viewer.read()) == list(range(20, 30))

    on_air(server, test)


def test_a_viewer_who_comes_before_the_stream_waits_for_it():
    """And is not sent away."""
    server = StreamServer()

    async def test(url, source, browser):
        early = asyncio.create_task(browser.get(url + "stream"))
        await until(lambda: server.details()["waiting"] == 1)
        source.put(chunk(0, keyframe=True))
        response = await early
        source.put(None)
        assert numbers(await response.read()) == [0]

    on_air(server, test)


def test_a_slow_viewer_misses_whole_stretches_and_holds_nobody():
    """It takes nothing while 30 MB pass; another gets all; it then goes on at a key frame."""
    server = StreamServer(viewer_bytes=200_000)
    size, many = 50_000, 600

    async def test(url, source, browser):
        source.put(chunk(0, size, keyframe=True))
        host, port = url.removeprefix("http://").strip("/").split(":")
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (host, int(port)))
        await loop.sock_sendall(slow, b"GET /stream HTTP/1.0\r\n\r\n")
        await until(lambda: server.details()["viewers"] == 1)
        async with await browser.get(url + "stream") as quick:
            seen = 0
            for number in range(1, many):
                source.put(chunk(number, size, keyframe=number % 10 == 0))
                await quick.content.readexactly(size)  # it keeps up, whatever the slow one does
                seen += 1
                assert all(v.waiting <= 200_000 for v in server.fanouts["inbox"].viewers)
        assert seen == many - 1
        assert server.details()["skipped"] > 300
        reader = asyncio.create_task(read_all(loop, slow))
        await until(lambda: not any(v.waiting for v in server.fanouts["inbox"].viewers))
        source.put(*(chunk(n, size, keyframe=n % 10 == 0) for n in range(many, many + 3)), None)
        got = numbers((await reader).split(b"\r\n\r\n", 1)[1], size)
        assert got == sorted(set(got))
        assert got[-3:] == [many, many + 1, many + 2]
        jumps = [b for a, b in pairwise(got) if b != a + 1]
        assert jumps
        assert all(number % 10 == 0 for number in jumps)

    on_air(server, test)


async def read_all(loop, sock):
    """Read a socket to its end."""
    data = bytearray()
    while piece := await loop.sock_recv(sock, 1 << 20):
        data += piece
    sock.close()
    return bytes(data)


def test_a_viewer_who_goes_is_forgotten():
    """The stream goes on for the others, and nothing is kept for the one."""
    server = StreamServer()

    async def test(url, source, browser):
        source.put(chunk(0, keyframe=True))
        going, staying = await browser.get(url + "stream"), await browser.get(url + "stream")
        going.close()
        await until(lambda: server.details()["viewers"] == 1)
        source.put(chunk(1), None)
        assert numbers(await staying.read()) == [0, 1]

    on_air(server, test)


def test_one_viewer_too_many_is_refused_in_a_sentence():
    """With a status that says to come again later."""
    server = StreamServer(viewers=2)

    async def test(url, source, browser):
        source.put(chunk(0, keyframe=True))
        for _ in range(2):
            assert (await browser.get(url + "stream")).status == 200
        async with await browser.get(url + "stream") as refused:
            assert refused.status == 503
            assert "2 viewers" in await refused.text()
        assert server.details()["refused"] == 1
        source.put(None)

    on_air(server, test)


def test_the_figures_can_be_asked_for():
    """As JSON, while the stream goes on."""

    async def test(url, source, browser):
        source.put(chunk(0, keyframe=True))
        viewer = await browser.get(url + "stream")
        await viewer.content.readexactly(1000)
        async with await browser.get(url + "statistics.json") as response:
            figures = await response.json()
        assert (figures["viewers"], figures["bytes"]) == (1, 1000)
        assert figures["streams"]["stream"]["bytes_in"] == 1000
        assert (await browser.head(url + "stream")).status == 200
        assert (await browser.get(url + "nothing")).status == 404
        source.put(None)

    on_air(StreamServer(), test)


def test_all_addresses_begin_with_the_path():
    """For a server that shares its host with others."""

    async def test(url, source, browser):
        assert url.endswith("/live/tv/")
        source.put(chunk(0, keyframe=True))
        async with await browser.get(url + "stream") as response:
            source.put(None)
            assert numbers(await response.read()) == [0]

    on_air(StreamServer(path="live/tv"), test)


def test_a_port_that_is_taken_is_named():
    """The component fails, and says which port and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for server in (StreamServer(port=port), HTTPStream(port=port)):
            with pytest.raises(ComponentFailed, match=f"127.0.0.1:{port} is taken"):
                Pipeline(Feeder([b"x"]), server).run()


def test_a_host_that_is_not_here_is_named():
    """An address of another machine cannot be listened at."""
    with pytest.raises(ComponentFailed, match=r"192\.0\.2\.1:0 is not an address of this machine"):
        Pipeline(Feeder([b"x"]), StreamServer(host="192.0.2.1")).run()


def test_a_port_that_is_none_is_refused_at_once():
    """When it is said."""
    with pytest.raises(ValueError, match="70000 is not a port"):
        StreamServer(port=70000)


def test_the_port_is_free_again_afterwards():
    """Nothing is left behind by a server that has ended."""
    server = StreamServer()

    async def test(url, source, browser):
        source.put(None)

    on_air(server, test)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


# a real programme


def programme(**card):
    """Card, encoder and multiplexer as one part."""
    return Graphline(
        {
            ("CARD", "outbox"): ("ENCODE", "inbox"),
            ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("TS", "inbox"),
            ("TS", "outbox"): ("", "outbox"),
        },
        CARD=Card((320, 180), **card),
        ENCODE=Encode(gop=10),
        TS=MuxMPEGTS(),
    )


def shown(data):
    """The card's numbers in the pictures of what a viewer got, and whether there was sound."""
    found, samples = [], 0
    with av.open(io.BytesIO(data)) as media:
        for frame in media.decode():
            if isinstance(frame, av.AudioFrame):
                samples += frame.samples
                continue
            plane = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
            found.append(read_number(plane[: frame.height, : frame.width]))
    return found, Fraction(samples, 48000)


def test_a_live_programme_is_seen_by_players_and_by_browsers():
    """Both forms at once, while it is on the air, each whole from where it was joined to the end."""
    server = HTTPStream()

    async def test(url, source, browser):
        async def watch(name):
            async with await browser.get(url + name) as response:
                assert response.status == 200
                return response.content_type, await response.read()

        async with await browser.get(url) as page:
            assert page.content_type == "text/html"
            assert "stream.mp4" in await page.text()
        await asyncio.sleep(0.5)
        for_players, for_browsers = await asyncio.gather(watch("stream.ts"), watch("stream.mp4"))
        for kind, (content_type, data) in zip(
            ("video/mp2t", "video/mp4"), (for_players, for_browsers), strict=True
        ):
            assert content_type == kind
            found, seconds = shown(data)
            assert found == list(range(found[0], 50))
            assert found[0] % 10 == 0
            assert float(seconds) == pytest.approx(len(found) / 25, abs=0.2)

    on_air(server, test, programme(seconds=2))
    assert server.details()["skipped"] == 0


def test_players_are_served_what_browsers_cannot_play(caplog):
    """A stream that MP4 has no place for still goes out as it came; the log says the rest."""
    server = HTTPStream()

    async def test(url, source, browser):
        source.put(*(Chunk(b"no transport stream" * 1000, True) for _ in range(5)))
        async with await browser.get(url + "stream.ts") as response:
            await response.content.readexactly(19_000)
        async with await browser.get(url + "stream.mp4") as response:
            assert response.status == 503
            assert "not an MPEG transport stream" in await response.text()
        source.put(None)

    on_air(server, test)
    assert "not an MPEG transport stream" in caplog.text
