"""Workers: each job goes to one that has room for it, so a slow worker never holds up a fast one."""

from kamesh import ByDemand, Component, Graphline
from kamesh.components.sources import DataSink, DataSource


class Worker(Component):
    """Takes `seconds` over each job."""

    def __init__(self, seconds):
        self.seconds = seconds

    def main(self):
        while not self.stopping():
            if self.data_ready():
                job = self.recv()
                yield from self.work()
                self.send((job, self.name))
            else:
                yield self.pause()

    def work(self):
        until = self.now() + self.seconds
        while self.now() < until:
            yield self.pause(until - self.now())


done = DataSink()
Graphline(
    JOBS=DataSource(range(40)),
    QUICK=Worker(0.001),
    STEADY=Worker(0.001),
    SLOW=Worker(0.03),
    DONE=done,
    linkages={
        ("JOBS", "outbox"): ByDemand(
            ("QUICK", "inbox"), ("STEADY", "inbox"), ("SLOW", "inbox"), ahead=1
        ),
        ("QUICK", "outbox"): ("DONE", "inbox"),
        ("STEADY", "outbox"): ("DONE", "inbox"),
        ("SLOW", "outbox"): ("DONE", "inbox"),
    },
).run()

jobs = [job for job, _ in done.messages]
workers = [name for _, name in done.messages]
print("each job done once:", sorted(jobs) == list(range(40)))
print("the slow one did fewest:", workers.count("SLOW") < workers.count("QUICK"))
