"""A stream by itself, over a transport that only notes what is asked of it."""

import asyncio

from kamesh.components.network.stream import Stream


class Notes(asyncio.Transport):
    """Takes what is written."""

    def __init__(self):
        super().__init__()
        self.written = []
        self.closing = False

    def is_closing(self):
        return self.closing

    def write(self, data):
        self.written.append(bytes(data))


def test_nothing_is_written_to_a_connection_that_has_broken():
    """Between the moment it breaks and the word of it, what is sent is dropped, and logged by nobody."""
    stream = Stream("stream")
    stream.transport = transport = Notes()
    stream.inbox.deliver(b"one")
    transport.closing = True
    for _ in range(3):
        stream.inbox.deliver(b"two")
    assert transport.written == [b"one"]
    assert len(stream.inbox) == 0
    assert (stream.sent, stream.inbox.taken) == (3, 4)
