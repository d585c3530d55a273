"""Hello: three components in a row. The one in the middle is your own."""

from kamesh import Component, Pipeline
from kamesh.components.console import ConsoleEchoer, ConsoleReader


class Upper(Component):
    def main(self):
        while not self.stopping():
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause()


Pipeline(ConsoleReader(), Upper(), ConsoleEchoer()).run()
