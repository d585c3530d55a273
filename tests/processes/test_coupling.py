"""Backplanes of three node processes coupled in a triangle: each message once, also after a kill."""

import os
import signal
from collections import Counter
from itertools import permutations

from hosts import Host, until

CITIES = ("oslo", "rome", "bonn")

PLACE = """
[nodes.{name}]
[components.PLANE-{name}]
use = "coupled:Board"
with = {{ name = "{name}" }}
node = "{name}"
[components.NUMBERS-{name}]
use = "coupled:Numbered"
with = {{ name = "{name}", count = {count}, every = {every} }}
node = "{name}"
[components.WRITE-{name}]
use = "kamesh:PublishTo"
with = {{ name = "{name}" }}
node = "{name}"
[components.READ-{name}]
use = "kamesh:SubscribeTo"
with = {{ name = "{name}" }}
node = "{name}"
[components.KEEP-{name}]
use = "parts:Keep"
with = {{ file = "{name}.txt" }}
node = "{name}"
[components.FOLLOW-{name}]
use = "kamesh.components.coupling:Follow"
with = {{ name = "{name}" }}
node = "{name}"
[components.WHOLE-{name}]
use = "coupled:Whole"
with = {{ file = "{name}-whole.txt" }}
node = "{name}"
[[linkages]]
from = "FOLLOW-{name}.outbox"
to = "WHOLE-{name}.inbox"
[[linkages]]
from = "NUMBERS-{name}.outbox"
to = "WRITE-{name}.inbox"
[[linkages]]
from = "READ-{name}.outbox"
to = "KEEP-{name}.inbox"
"""

COUPLE = """
[components.{here}-{there}]
use = "kamesh.components.coupling:Couple"
with = {{ name = "{here}" }}
node = "{here}"
[[linkages]]
from = "{here}-{there}.outbox"
to = "{there}-{here}.inbox"
"""

COUPLED = '''
import os
from pathlib import Path
from kamesh import Component
from kamesh.components.coupling import CoupledBackplane, Snapshot, last

class Board(CoupledBackplane):
    """A backplane that keeps all of these tests."""

    def __init__(self, name):
        super().__init__(name, until_finished=True, keep=last(100_000))

class Whole(Component):
    """Writes the lines of a snapshot into a file, and those that follow."""

    def __init__(self, file):
        self.file = file

    def main(self):
        file = None
        while not self.stopping():
            for message in self.inbox:
                if isinstance(message, Snapshot):
                    Path(self.file).unlink(missing_ok=True)
                    file = file and file.close()
                    file = Path(self.file).open("a")
                    file.writelines(f"{line}\\n" for line in message.state)
                else:
                    file.write(f"{message}\\n")
            if file:
                file.flush()
            yield self.pause()
        file.close()

class Numbered(Component):
    """Sends texts that say where, in which process and how many: "oslo 4711 1" and so on."""

    inboxes = {"control": "told here to stop"}

    def __init__(self, name, count, every):
        self.place, self.count, self.every = name, count, every

    def main(self):
        for number in range(1, self.count + 1):
            while self.room("outbox") <= 0:
                yield
            if self.stopping():
                return
            self.send(f"{self.place} {os.getpid()} {number}")
            if self.every:
                self.pause(self.every)
                yield
'''


def triangle(host: Host, count: int, every: float) -> str:
    """Write the topology."""
    host.write("coupled.py", COUPLED)
    parts = [PLACE.format(name=name, count=count, every=every) for name in CITIES]
    parts += [COUPLE.format(here=here, there=there) for here, there in permutations(CITIES, 2)]
    return host.topology("triangle.toml", "\n".join(parts))


def heard(host: Host, name: str) -> list[str]:
    """Give what the subscriber of one node has written."""
    return host.read(f"{name}.txt")


def test_a_triangle_of_processes_delivers_each_message_once(host: Host):
    """Three publishers on three nodes, coupled in a circle: everywhere all, once, in order; it ends."""
    count = 2000
    ended = host.kamesh("up", triangle(host, count, 0), "--foreground", within=60)
    assert (ended.code, ended.err) == (0, ""), ended
    for name in CITIES:
        words = [line.split() for line in heard(host, name)]
        for sender in CITIES:
            numbers = [int(number) for who, _, number in words if who == sender]
            assert numbers == list(range(1, count + 1)), (name, sender)


def test_a_node_that_is_killed_comes_back_and_nothing_is_heard_twice(host: Host):
    """One of three is killed and started again: the two others hear all of each other, each once.

    The new run has all from the beginning, in a snapshot and what follows, without gap or repeat; it
    hears, without a gap, what is published from when it came; and they hear it.
    """
    running = host.start("up", triangle(host, 100_000, 0.005), "--foreground", "--restart", "1")
    old = host.linked(3)["bonn"]
    until(lambda: all(len(heard(host, name)) > 300 for name in CITIES), "all hear something")
    before = len(heard(host, "bonn"))
    os.kill(old, signal.SIGKILL)
    until(lambda: host.nodes().get("bonn", old) != old, "it has been started again")
    new = host.nodes()["bonn"]
    until(lambda: sum(f"bonn {new} " in line for line in heard(host, "oslo")) > 100, "it is heard")
    until(lambda: len(heard(host, "bonn")) > before + 300, "it hears the others")
    running.interrupt()
    ended = running.ended()
    assert "Traceback" not in ended.err, ended.err
    for name in ("oslo", "rome"):
        lines = heard(host, name)
        assert not [line for line, times in Counter(lines).items() if times > 1], name
        for run in {tuple(line.split()[:2]) for line in lines}:
            numbers = [int(line.split()[2]) for line in lines if tuple(line.split()[:2]) == run]
            assert numbers == list(range(1, len(numbers) + 1)), (name, run)
    whole = [line.split() for line in host.read("bonn-whole.txt")]
    assert len({(who, pid) for who, pid, _ in whole}) == 4, "three that run, and the one that was"
    for run in {(who, pid) for who, pid, _ in whole}:
        numbers = [int(number) for who, pid, number in whole if (who, pid) == run]
        assert numbers == list(range(1, len(numbers) + 1)), ("snapshot and stream", run)
    late = [line.split() for line in heard(host, "bonn")]
    own = next(place for place, (_, pid, _) in enumerate(late) if int(pid) == new)
    joined = [words for words in late[own:] if words[0] != "bonn"]
    for sender in ("oslo", "rome"):
        numbers = [int(number) for who, _, number in joined if who == sender]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), sender
