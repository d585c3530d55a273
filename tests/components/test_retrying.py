"""Clients that try again: each ends at once when it is told to, and says why it waits, in few lines."""

import asyncio
import contextlib
import logging
import socket

import pytest

pytest.importorskip("aiohttp", reason="clients of the web need aiohttp: pip install kamesh[web]")

from kamesh import ProducerFinished, Shutdown
from kamesh.components.network import TLS, TCPClient, UnixClient
from kamesh.components.retries import Retries
from kamesh.components.web import EventClient, HTTPDownload, WebSocketClient

LIMIT = 20.0  # seconds; a client that does not hear waits for at least 30

CLIENTS = {
    "TCPClient": lambda where, folder: TCPClient("127.0.0.1", where, tls=TLS()),
    "UnixClient": lambda where, folder: UnixClient(str(folder / "none.sock")),
    "WebSocketClient": lambda where, folder: WebSocketClient(f"ws://127.0.0.1:{where}/"),
    "EventClient": lambda where, folder: EventClient(f"http://127.0.0.1:{where}/"),
    "HTTPDownload": lambda where, folder: HTTPDownload(f"http://127.0.0.1:{where}/"),
}
TOLD = {
    "stop": Shutdown("enough"),
    "finish": ProducerFinished("somebody"),
    "the node ends": ProducerFinished("main", at_end=True),
}


@contextlib.contextmanager
def held(listens):
    """Hold a port at which nobody listens, or one at which nobody says a word."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        if listens:
            one.listen()
        yield one


class Seen(logging.Handler):
    """Lets go who waits for the first line of a log."""

    def __init__(self):
        super().__init__()
        self.first = asyncio.Event()

    def emit(self, record):
        self.first.set()


async def ends(component, message, ready):
    """Run a component that nothing feeds; tell it `message` when `ready`, and see it end."""
    running = asyncio.ensure_future(component.run_async())
    await asyncio.wait_for(ready, LIMIT)
    component.control.deliver(message)
    await asyncio.wait_for(running, LIMIT)


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("name", CLIENTS)
def test_one_that_waits_ends_at_once(name, told, tmp_path, caplog):
    """Told to stop or to finish between two tries, it does; it had said what it waits for."""

    async def main():
        seen = Seen()
        log = logging.getLogger("kamesh")
        log.addHandler(seen)
        try:
            await ends(component, TOLD[told], seen.first.wait())
        finally:
            log.removeHandler(seen)

    with held(listens=False) as one:
        component = CLIENTS[name](one.getsockname()[1], tmp_path)
        component.retries = Retries(None, 60.0, 60.0)
        asyncio.run(main())
    (line,) = [record.getMessage() for record in caplog.records]
    nobody = (
        "does not exist: no such socket" if name == "UnixClient" else "refuses: nothing listens"
    )
    assert nobody in line
    assert line.endswith("; trying again")


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("name", [name for name in CLIENTS if name != "UnixClient"])
def test_one_that_dials_ends_at_once(name, told, tmp_path):
    """Told so while the other end leaves it without an answer, it waits for none."""
    with held(listens=True) as one:
        component = CLIENTS[name](one.getsockname()[1], tmp_path)
        component.timeout = 60.0
        one.settimeout(LIMIT)
        callers = []

        async def called():
            callers.append(await asyncio.to_thread(one.accept))

        asyncio.run(ends(component, TOLD[told], called()))
        for caller, _ in callers:
            caller.close()
