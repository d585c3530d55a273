"""Sockets: `async def main` for whatever speaks asyncio. `await self.send()` waits for room."""

import asyncio

from kamesh import Component, Graphline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource


class EchoServer(Component):
    """Listens at a free port, says which, and sends back what one client says."""

    async def main(self):
        served = asyncio.Event()

        async def serve(reader, writer):
            while line := await reader.readline():
                writer.write(b"you said " + line)
            writer.close()
            served.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        await self.send(server.sockets[0].getsockname()[1])
        await served.wait()
        server.close()


class Client(Component):
    """Says each message to the server at the port it is told, and sends on the answers."""

    inboxes = {"inbox": "what to say", "port": "where the server is"}

    async def main(self):
        async for port in self.port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async for text in self.inbox:
                writer.write(f"{text}\n".encode())
                await self.send((await reader.readline()).decode())
            writer.close()
            return


Graphline(
    SERVER=EchoServer(),
    WORDS=DataSource(["good morning", "how are you", "good night"]),
    CLIENT=Client(),
    CONSOLE=ConsoleEchoer(),
    linkages={
        ("SERVER", "outbox"): ("CLIENT", "port"),
        ("WORDS", "outbox"): ("CLIENT", "inbox"),
        ("CLIENT", "outbox"): ("CONSOLE", "inbox"),
    },
).run()
