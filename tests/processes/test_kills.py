"""Nodes that are killed or held up in mid-stream: what arrives, what is said, and how it goes on."""

import os
import signal
import time

from hosts import Host, until

STREAM = """
[nodes.source]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = {{ count = {count}, every = 0.002, burst = 50 }}
node = "source"
[components.KEEP]
use = "parts:Keep"
with = {{ file = "kept.txt" }}
node = "sink"
[[linkages]]
from = "NUMBERS.outbox"
to = "KEEP.inbox"
"""

CHAIN = """
[nodes.source]
[nodes.middle]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = { every = 0.01 }
node = "source"
[components.THROUGH]
use = "parts:Through"
node = "middle"
[components.KEEP]
use = "parts:Keep"
with = { file = "kept.txt" }
node = "sink"
[[linkages]]
from = "NUMBERS.outbox"
to = "THROUGH.inbox"
[[linkages]]
from = "THROUGH.outbox"
to = "KEEP.inbox"
"""

TWO = "\n".join(
    f"""
[nodes.source{each}]
[nodes.sink{each}]
[components.NUMBERS{each}]
use = "parts:Numbers"
with = {{ count = 10000, every = 0.01, burst = 50 }}
node = "source{each}"
[components.KEEP{each}]
use = "parts:Keep"
with = {{ file = "kept{each}.txt" }}
node = "sink{each}"
[[linkages]]
from = "NUMBERS{each}.outbox"
to = "KEEP{each}.inbox"
"""
    for each in (1, 2)
)


def kept(host: Host, file: str = "kept.txt") -> list[int]:
    """Give the numbers that have arrived, in the order in which they did."""
    return [int(line) for line in host.read(file)]


def size(host: Host, file: str = "kept.txt") -> int:
    """Say how much has been written, cheaply."""
    path = host.folder / file
    return path.stat().st_size if path.exists() else 0


def grown(host: Host, by: int, file: str = "kept.txt") -> None:
    """Wait until so many more bytes have arrived."""
    before = size(host, file)
    until(lambda: size(host, file) >= before + by, f"{by} more bytes are in {file}")


def restarts_in(numbers: list[int]) -> list[tuple[int, int]]:
    """Give where the order goes back: (index, by how many)."""
    return [
        (place, numbers[place - 1] - number + 1)
        for place, number in enumerate(numbers)
        if place and number <= numbers[place - 1]
    ]


def test_a_receiver_killed_three_times_misses_nothing(host: Host):
    """Every number arrives at least once; order holds; doubles only where it was killed."""
    count = 60_000
    topology = host.topology("stream.toml", STREAM.format(count=count))
    running = host.start("up", topology, "--foreground", "--restart", "3")
    for _ in range(3):
        pid = host.linked(2)["sink"]
        grown(host, 20_000)
        os.kill(pid, signal.SIGKILL)
        until(lambda old=pid: host.nodes().get("sink", old) != old, "it has been started again")
        grown(host, 5_000)
    ended = running.ended()
    numbers = kept(host)
    assert ended.code == 0, ended
    assert set(numbers) == set(range(1, count + 1)), "something is missing"
    again = restarts_in(numbers)
    assert len(again) <= 3, "the order went back elsewhere than at the kills"
    assert all(0 < back <= 4096 for _, back in again), "more came twice than fits a window"
    for (start, back), (end, _) in zip(again, [*again[1:], (len(numbers), 0)], strict=True):
        assert numbers[start:end] == list(range(numbers[start], numbers[start] + end - start)), back
    assert ended.err.count("was killed (SIGKILL); it is started again") == 3
    assert "Traceback" not in ended.err, ended.err


def test_a_sender_that_is_killed_begins_anew(host: Host):
    """What had come is a run without a gap from the beginning; then all comes again."""
    count = 20_000
    topology = host.topology("stream.toml", STREAM.format(count=count))
    running = host.start("up", topology, "--foreground", "--restart", "1")
    pid = host.linked(2)["source"]
    grown(host, 20_000)
    os.kill(pid, signal.SIGKILL)
    ended = running.ended()
    numbers = kept(host)
    assert ended.code == 0, ended
    before = len(numbers) - count
    assert before > 0
    assert numbers == [*range(1, before + 1), *range(1, count + 1)]
    assert "what it had not sent is lost" in ended.err


def test_nodes_that_stand_still_for_six_seconds_lose_nothing(host: Host):
    """A receiver and a sender are stopped and go on: every number once, in order."""
    running = host.start("up", host.topology("two.toml", TWO), "--foreground")
    pids = host.linked(4)
    grown(host, 1000, "kept1.txt")
    grown(host, 1000, "kept2.txt")
    held = (pids["sink1"], pids["source2"])
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    for pid in held:
        os.kill(pid, signal.SIGCONT)
    ended = running.ended()
    assert ended.code == 0, ended
    assert kept(host, "kept1.txt") == list(range(1, 10_001))
    assert kept(host, "kept2.txt") == list(range(1, 10_001))


def test_a_node_that_is_killed_ends_the_run_in_a_sentence(host: Host):
    """Without --restart: which node, and how; a failure; the others end by themselves."""
    running = host.start("up", host.topology("chain.toml", CHAIN), "--foreground")
    pid = host.linked(3)["middle"]
    grown(host, 1000)
    os.kill(pid, signal.SIGKILL)
    ended = running.ended()
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "kamesh: node middle was killed (SIGKILL)"
    assert "Traceback" not in ended.err, ended.err
    numbers = kept(host)
    assert numbers == list(range(1, len(numbers) + 1))
    host.silent()


def test_a_node_that_dies_at_every_start_is_given_up(host: Host):
    """A component that ends its process each time: as often as was said, then a sentence."""
    host.write(
        "dying.py",
        "import os\nfrom kamesh import Component\n"
        "class Dying(Component):\n    def main(self):\n        os._exit(3)\n        yield\n",
    )
    topology = CHAIN.replace("parts:Through", "dying:Dying")
    running = host.start("up", host.topology("dying.toml", topology), "--foreground", "--restart", "2")
    ended = running.ended()
    assert ended.code == 1
    assert ended.err.count("it is started again") == 2
    assert "node middle ended without a word (exit code 3)" in ended.err.splitlines()[-1]
    host.silent()


def test_no_node_outlives_its_launcher(host: Host):
    """The launcher is killed with -9 in mid-stream: within seconds nothing is left running."""
    running = host.start("up", host.topology("chain.toml", CHAIN), "--foreground")
    host.linked(3)
    grown(host, 1000)
    running.signal(signal.SIGKILL)
    running.ended()
    host.silent(within=12.0)
    assert host.kamesh("ps").code == 3
    assert not list(host.runtime.glob("*/run.json")), "whoever looked next has swept it"
    numbers = kept(host)
    assert numbers == list(range(1, len(numbers) + 1))
