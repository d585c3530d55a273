"""The ancestor's way: a component as Kamaelia's users wrote it, with nothing changed but spelling."""

from kamesh import Component, Graphline, Pipeline, ProducerFinished, Shutdown
from kamesh.components.console import ConsoleEchoer, ConsoleReader


class Echo(Component):
    """Sends back what it gets, until it is told that this is all."""

    def main(self):
        shutdown = False
        while not shutdown:
            while self.data_ready("inbox"):
                self.send("echo: " + self.recv("inbox"), "outbox")
            while self.data_ready("control"):
                message = self.recv("control")
                if isinstance(message, (ProducerFinished, Shutdown)):
                    self.send(message, "signal")
                    shutdown = True
            if not shutdown and not self.any_ready():
                self.pause()
            yield 1


TwoEchoes = Graphline(
    FIRST=Echo(),
    SECOND=Echo(),
    linkages={
        ("", "inbox"): ("FIRST", "inbox"),
        ("", "control"): ("FIRST", "control"),
        ("FIRST", "outbox"): ("SECOND", "inbox"),
        ("FIRST", "signal"): ("SECOND", "control"),
        ("SECOND", "outbox"): ("", "outbox"),
        ("SECOND", "signal"): ("", "signal"),
    },
)

Pipeline(ConsoleReader(), TwoEchoes, ConsoleEchoer()).run()
