"""Carousel: a component that is made anew for each message, one after the other.

Here the messages are names of songs, and what is made of each is a singer. A song is sung to its end
before the next one begins.
"""

from kamesh import Carousel, Component, Graphline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource

SONGS = {
    "row": ["Row, row, row your boat,", "gently down the stream."],
    "twinkle": ["Twinkle, twinkle, little star,", "how I wonder what you are."],
}


class Singer(Component):
    """Sings one song, line after line."""

    def __init__(self, song):
        self.lines = SONGS[song]

    def main(self):
        for line in self.lines:
            self.send(line)
            yield


Graphline(
    WISHES=DataSource(["row", "twinkle", "row"]),
    STAGE=Carousel(Singer),
    CONSOLE=ConsoleEchoer(),
    linkages={
        ("WISHES", "outbox"): ("STAGE", "next"),
        ("STAGE", "outbox"): ("CONSOLE", "inbox"),
    },
).run()
