"""Many nodes on this host: found by zeroconf, linked in a row, and brought down in order.

A hundred take the better part of a minute of two processors, so that many run where KAMESH_LONG_TESTS is
set; elsewhere it is thirty.
"""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hosts import Host, until

NODES = 100 if os.environ.get("KAMESH_LONG_TESTS") else 30
TICKS = os.sysconf("SC_CLK_TCK")


def chain(count: int) -> str:
    """Write a topology of so many nodes, each sending to the next."""
    names = [f"n{number:03}" for number in range(count)]
    uses = {
        0: 'use = "parts:Numbers"\nwith = { every = 0.5, burst = 5, note = "sent.txt" }',
        count - 1: 'use = "parts:Keep"\nwith = { file = "kept.txt" }',
    }
    parts = [
        f'[components.C{name}]\n{uses.get(place, "use = " + repr("parts:Through"))}\nnode = "{name}"'
        for place, name in enumerate(names)
    ]
    linkages = [
        f'[[linkages]]\nfrom = "C{one}.outbox"\nto = "C{next_}.inbox"'
        for one, next_ in pairwise(names)
    ]
    return "\n".join([*(f"[nodes.{name}]" for name in names), *parts, *linkages])


def memory(pids: list[int]) -> float:
    """Give the memory of these processes in MiB, what they share counted once."""
    return sum(
        int(line.split()[1])
        for pid in pids
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    ) / 1024


def work(pids: list[int]) -> float:
    """Give the seconds of processor time that these processes have taken."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


@pytest.mark.slow
def test_many_nodes_find_each_other_and_end_in_order(host: Host, record_property):
    """All linkages come up, numbers pass through all nodes, everything sent arrives, none is left."""
    begun = time.monotonic()
    up = host.kamesh("up", host.topology("many.toml", chain(NODES)), within=150)
    assert up.code == 0, up
    linked = time.monotonic() - begun
    pids = list(host.nodes().values())
    assert len(set(pids)) == NODES
    until(lambda: len(host.read("kept.txt")) > 20, "numbers have passed through all of them")
    spent, then = work(pids), time.monotonic()
    held = memory(pids)
    (run,) = host.json("ps")["runs"]
    assert [one["state"] for one in run["nodes"]] == ["running"] * NODES
    time.sleep(2)
    idle = (work(pids) - spent) / (time.monotonic() - then)
    begun = time.monotonic()
    down = host.kamesh("down", within=60)
    assert down.out == "many has ended\n", down
    ended = time.monotonic() - begun
    sent = int(host.read("sent.txt")[0])
    assert host.read("kept.txt") == [str(number) for number in range(1, sent + 1)]
    assert not host.processes()
    figures = {
        "linked after, s": linked, "processor time until then, s": spent, "memory, MiB": held,
        "processors used at 10 messages/s through all": idle, "down after, s": ended,
    }
    for name, value in figures.items():
        record_property(name, round(value, 2))
        print(f"{name}: {value:.2f}")
