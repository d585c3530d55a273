"""A TCP server of a component: each connection has one of its own, which sees bytes and no network.

    client --bytes--> Shout --BYTES--> client

The same component is tried alone first, over a connection in memory that cuts what is said at places
which a seed decides.
"""

from kamesh import Component, Pipeline
from kamesh.components.network import TCPClient, TCPServer
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import converse


class Shout(Component):
    """Says what it is told, louder."""

    def main(self):
        while not self.stopping():
            for data in self.inbox:
                self.send(data.upper())
            yield self.pause()


print("alone, cut here and there:", converse(Shout(), b"hello, nobody", cuts=7).decode())

server = TCPServer(Shout, port=0)  # 0: any port that is free
with server.background() as running:
    where = running.get(timeout=10)
    heard = DataSink()
    client = TCPClient(where.host, where.port, tries=1)
    Pipeline(DataSource([b"hello, ", b"world"]), client, heard).run()
    print("over TCP:", b"".join(heard.messages).decode())

figures = server.details()
print("bytes in and out:", figures["bytes_in"], figures["bytes_out"])
