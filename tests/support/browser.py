"""A real browser for tests: headless Chromium, asked by its DevTools protocol what it sees.

Laws
1. It is told to open addresses of this host only, keeps what it writes in a folder of the test, and is
   ended by its own process group whatever happens.
2. Nothing is waited for without a deadline.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 30.0  # seconds for anything, on a busy machine
LOOK = 0.1
BROWSER = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
    "--window-size=1000,800",
]  # fmt: skip


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **arguments: object) -> Any:
        """Call a method of the DevTools protocol."""
        self._number += 1
        await self._socket.send_json(
            {"id": self._number, "method": method, "params": arguments}
        )
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._socket.receive_json()
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer["error"]
                    return answer["result"]

    async def ask(self, expression: str) -> Any:
        """Give the value of a JavaScript expression; of a promise, what it comes to."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true of the page; give its value."""
        deadline = time.monotonic() + PATIENCE
        while not (value := await self.ask(expression)):
            assert time.monotonic() < deadline, f"{expression} has not come true"
            await asyncio.sleep(LOOK)
        return value

    async def screenshot(self, file: Path) -> Path:
        """Take a picture of the page, as PNG."""
        taken = await self.call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(taken["data"]))
        return file


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Page]:
    """Open `url`, an address of this host, in a browser of its own."""
    assert BROWSER is not None
    profile = folder / "browser"
    with subprocess.Popen(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
    ) as process:  # fmt: skip
        try:
            port = await _port(profile / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                    pages = await answer.json()
                address = next(
                    one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page"
                )
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.call("Page.enable")
                    await page.call("Page.navigate", url=url)
                    yield page
        finally:
            os.killpg(process.pid, signal.SIGKILL)


async def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        if file.exists() and (lines := file.read_text().split()):
            return int(lines[0])
        assert process.poll() is None, "the browser has ended"
        assert time.monotonic() < deadline, "the browser did not start"
        await asyncio.sleep(LOOK)
