"""Hello: three components in a row. The one in the middle is your own."""

from kamesh import Component, Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource


class Greet(Component):
    """Greets whoever comes."""

    def main(self):
        while not self.stopping():
            for name in self.inbox:
                self.send(f"Hello, {name}!")
            yield self.pause()


Pipeline(DataSource(["Ada", "Grace", "Michael"]), Greet(), ConsoleEchoer()).run()
