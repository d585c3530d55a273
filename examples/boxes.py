"""Boxes: a component with more than one way in and out, wired as a graph.

       +--(even)--> HALVE --+
SORT --+                    +--> PAIR --> the console
       +--(odd)-------------+
"""

from kamesh import Component, Graphline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource


class Sort(Component):
    """Tells even numbers from odd ones."""

    inboxes = {"inbox": "numbers"}
    outboxes = {"even": "the even ones", "odd": "the odd ones"}

    def main(self):
        while not self.stopping():
            for number in self.inbox:
                self.send(number, "odd" if number % 2 else "even")
            yield self.pause()


class Pair(Component):
    """Puts together one message from the left and one from the right."""

    inboxes = {"left": "anything", "right": "anything"}

    def main(self):
        while not self.stopping():
            while self.data_ready("left") and self.data_ready("right"):
                self.send((self.recv("left"), self.recv("right")))
            yield self.pause()


Graphline(
    NUMBERS=DataSource(range(1, 9)),
    SORT=Sort(),
    HALVE=lambda number: number // 2,
    PAIR=Pair(),
    CONSOLE=ConsoleEchoer(),
    linkages={
        ("NUMBERS", "outbox"): ("SORT", "inbox"),
        ("SORT", "even"): ("HALVE", "inbox"),
        ("SORT", "odd"): ("PAIR", "right"),
        ("HALVE", "outbox"): ("PAIR", "left"),
        ("PAIR", "outbox"): ("CONSOLE", "inbox"),
    },
).run()
