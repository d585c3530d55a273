"""The pages of live streams, in a real browser."""

import asyncio

import pytest

from kamesh import Graphline
from kamesh.components.media import Encode, HTTPStream, MuxMPEGTS, TestCard
from kamesh.components.web import HLSServer
from tests.support.browser import BROWSER, opened

pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")


async def served(server):
    """Wait until a server listens; give its address."""
    async with asyncio.timeout(30):
        while not server.url:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.05)
    return server.url


def test_a_live_stream_plays_in_a_browser(tmp_path):
    """Opened in the middle of the stream it shows moving pictures of the right size, and says so."""
    server = HTTPStream()
    programme = Graphline(
        CARD=TestCard(size=(320, 180), rate=25, seconds=60, realtime=True),
        ENCODE=Encode(gop=12), MUX=MuxMPEGTS(), SERVE=server,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"), ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("MUX", "inbox"), ("MUX", "outbox"): ("SERVE", "inbox"),
        },
    )  # fmt: skip

    async def main():
        running = asyncio.create_task(programme.run_async())
        try:
            async with opened(await served(server), tmp_path) as page:
                await page.until("document.body && document.body.classList.contains('live')")
                first = await page.until("document.getElementById('picture').currentTime")
                await page.until(f"document.getElementById('picture').currentTime > {first + 1}")
                size = "[picture.videoWidth, picture.videoHeight]"
                assert await page.ask(size) == [320, 180]
                await page.until("document.getElementById('viewers').textContent === '1'")
                return await page.screenshot(tmp_path / "page.png")
        finally:
            programme.stop()
            await running

    assert asyncio.run(main()).stat().st_size > 10_000


def test_hls_plays_in_a_browser(tmp_path):
    """The address of an HLSServer is a page that plays the stream, in a browser that knows HLS."""
    server = HLSServer(target=1.0)
    programme = Graphline(
        CARD=TestCard(size=(320, 180), rate=25, seconds=60, realtime=True),
        ENCODE=Encode(gop=12), MUX=MuxMPEGTS(), SERVE=server,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"), ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("MUX", "inbox"), ("MUX", "outbox"): ("SERVE", "inbox"),
        },
    )  # fmt: skip

    async def main():
        running = asyncio.create_task(programme.run_async())
        try:
            async with opened(await served(server), tmp_path) as page:
                await page.until("document.getElementById('player')?.textContent")
                if not await page.ask("picture.canPlayType('application/vnd.apple.mpegurl')"):
                    assert "does not play HLS" in await page.ask("note.textContent")
                    pytest.skip("this browser does not play HLS by itself, and says so")
                await page.until("picture.currentTime > 1")
                assert await page.ask("[picture.videoWidth, note.textContent]") == [320, ""]
        finally:
            programme.stop()
            await running

    asyncio.run(main())
