"""In turn and at once: Seq runs its parts one after the other, Par side by side."""

from kamesh import Component, Par, Pipeline, Seq
from kamesh.components.console import ConsoleEchoer


class Say(Component):
    """Says some words, one a turn."""

    def __init__(self, *words):
        self.words = words

    def main(self):
        for word in self.words:
            self.send(word)
            yield


countdown = Seq(Say("three", "two"), Say("one"), Say("Go"))
Pipeline(countdown, Par(str.upper, len), ConsoleEchoer()).run()
