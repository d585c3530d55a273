"""Encode as a component: however much has come at once, what it sends is the same, and it can be stopped."""

import time

from films import grey, keeps_promises, tone

from kamesh import Component, Graphline, Shutdown
from kamesh.components.media import Encode
from kamesh.components.media.messages import StreamHeader
from kamesh.components.sources import DataSource
from kamesh.testing import Collector


class Slowly(Component):
    """Sends one frame after the other, each when the one before has surely been taken."""

    def __init__(self, frames):
        self.frames = frames

    def main(self):
        for frame in self.frames:
            self.send(frame)
            yield self.pause(0.01)


def encoded(make_source):
    """Encode two seconds of pictures and sound; give what came out."""
    kept = Collector()
    Graphline(
        PICTURES=make_source([grey(n, 5 * n % 200, form="yuv420p") for n in range(20)]),
        SOUND=make_source([tone(n, 1920) for n in range(20)]),
        ENCODE=Encode(), KEPT=kept,
        linkages={
            ("PICTURES", "outbox"): ("ENCODE", "inbox"), ("SOUND", "outbox"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("KEPT", "inbox"),
        },
    ).run()  # fmt: skip
    return kept.messages


def test_what_comes_at_once_is_encoded_as_what_comes_one_by_one():
    """The same packets, in the same order."""
    at_once, one_by_one = encoded(DataSource), encoded(Slowly)
    assert at_once == one_by_one
    assert isinstance(at_once[0], StreamHeader)
    assert sum(packet.stream == 0 for packet in at_once[1:]) == 20


def test_encode_ends_and_waits_as_every_component():
    """With its stream, when told to, and behind a reader that does not read."""
    frames = [grey(n, form="yuv420p") for n in range(20)]  # long enough to begin anew
    assert len(keeps_promises(lambda: Encode(audio=""), frames)) == 21


class Deaf(Component):
    """Reads nothing."""

    bounds = {"inbox": 4}

    def main(self):
        while True:
            yield self.pause(1.0)


def test_told_to_stop_behind_a_reader_that_does_not_read_it_stops_working():
    """Also in the middle of what it has taken: its thread is over."""
    encode, deaf = Encode(audio=""), Deaf()
    source = DataSource([grey(n, form="yuv420p") for n in range(400)])
    graph = Graphline(SOURCE=source, ENCODE=encode, DEAF=deaf, linkages={
        ("SOURCE", "outbox"): ("ENCODE", "inbox"), ("ENCODE", "outbox"): ("DEAF", "inbox")})  # fmt: skip
    with graph.background():
        deadline = time.monotonic() + 10
        while encode.frames < 64 and time.monotonic() < deadline:
            time.sleep(0.01)
        encode._strand.runtime.loop.call_soon_threadsafe(encode.control.deliver, Shutdown())
        encode._strand.thread.join(10)
        over = not encode._strand.thread.is_alive()
        encode._strand.runtime.loop.call_soon_threadsafe(deaf.stop)
    assert over
