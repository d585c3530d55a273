"""Policies: what a linkage does when the inbox it feeds is full. Every drop is counted."""

from kamesh import Component, Graphline
from kamesh.components.sources import DataSource


class Sleepy(Component):
    """Reads nothing before it has slept; its inbox has room for three."""

    bounds = {"inbox": 3}

    def main(self):
        until = self.now() + 0.03
        while self.now() < until:
            yield self.pause(until - self.now())
        got = []
        while not self.stopping():
            got.extend(self.inbox)
            yield self.pause()
        print(f"{policy:12} got {got}, {self.inbox.dropped} dropped")


for policy in ("block", "drop_oldest", "drop_newest", "latest"):
    Graphline(
        SOURCE=DataSource(range(8)),
        SLEEPY=Sleepy(),
        linkages={("SOURCE", "outbox"): ("SLEEPY", "inbox")},
        policies={("SOURCE", "outbox"): policy},
    ).run()
