"""How runs end when they are told to: by `kill`, by Ctrl-C once and twice, by `kamesh down`."""

import os
import signal
import sys
import time

import pytest
from hosts import Host, Started, until

LOAD = """
[nodes.source]
[nodes.middle]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = { note = "sent.txt" }
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

ENDING = """
[nodes.source]
[nodes.sink]
[components.NUMBERS]
use = "parts:Numbers"
with = {{ count = 1 }}
node = "source"
[components.LAST]
use = "parts:{part}"
node = "sink"
[[linkages]]
from = "NUMBERS.outbox"
to = "LAST.inbox"
"""

ORDERLY = 7.0  # seconds that an end in order may take


def loaded(host: Host) -> Started:
    """Start a topology that sends as fast as it can, and wait until it does."""
    running = host.start("up", host.topology("load.toml", LOAD), "--foreground")
    host.linked(3)
    until(lambda: (host.folder / "kept.txt").exists(), "numbers arrive")
    path = host.folder / "kept.txt"
    until(lambda: path.stat().st_size > 50_000, "many numbers arrive")
    return running


def all_arrived(host: Host) -> None:
    """Hold that what was sent is what arrived: all, once, in order."""
    sent = int(host.read("sent.txt")[0])
    assert sent > 1000
    assert host.read("kept.txt") == [str(number) for number in range(1, sent + 1)]


def test_sigterm_under_load_ends_in_order(host: Host):
    """`kill` of the launcher: exit 0, nothing lost, no word, within the grace of an orderly end."""
    running = loaded(host)
    told = time.monotonic()
    running.signal(signal.SIGTERM)
    ended = running.ended()
    assert time.monotonic() - told < ORDERLY
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    all_arrived(host)
    assert not host.processes()
    assert not list(host.runtime.glob("*/run.json"))


def test_ctrl_c_under_load_ends_in_order(host: Host):
    """SIGINT to the whole process group: 130, nothing lost, no traceback of any process."""
    running = loaded(host)
    running.interrupt()
    ended = running.ended()
    assert (ended.code, ended.out, ended.err) == (130, "", "")
    all_arrived(host)
    assert not host.processes()


def test_down_ends_in_order_from_another_terminal(host: Host):
    """`kamesh down`: it waits for the end, says so, and what ran has ended well."""
    running = loaded(host)
    down = host.kamesh("down", "load")
    assert (down.code, down.out) == (0, "load has ended\n")
    ended = running.ended()
    assert (ended.code, ended.err) == (0, "")
    all_arrived(host)


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
def test_a_second_ctrl_c_ends_at_once(host: Host, split: tuple[str, ...]):
    """A component that never yields again holds up the first Ctrl-C, and not the second."""
    program = (
        "from kamesh import Pipeline\nfrom parts import Hung, Numbers\n"
        "Pipeline(Numbers(1), Hung()).run()\nprint('it went on')\n"
    )
    host.topology("hung.py", program)
    running = host.start("run", "hung.py", *split)
    running.until(lambda it: "hung" in it.out, "it hangs")
    running.interrupt()
    time.sleep(0.5)
    assert running.process.poll() is None
    running.interrupt()
    told = time.monotonic()
    ended = running.ended()
    assert time.monotonic() - told < 3.0
    assert (ended.code, ended.out) == (130, "hung\n")
    assert "Traceback" not in ended.err, ended.err
    host.silent()


def test_nodes_that_cannot_end_in_order_are_ended_and_named(host: Host):
    """One hangs, one takes nothing, one leaves a thread: each is over soon; the first two as failed."""
    runs = {}
    for name, part, word in (
        ("hung", "Hung", "hung"), ("stuck", "Stuck", "stuck"), ("thready", "Thready", "left a thread")
    ):
        host.topology(f"{name}.toml", ENDING.format(part=part))
        runs[name] = host.start("up", f"{name}.toml", "--foreground")
        runs[name].until(lambda it, w=word: w in it.out, "it is as it is")
    time.sleep(0.5)
    for name in ("hung", "stuck"):
        runs[name].signal(signal.SIGTERM)
    ended = {name: one.ended() for name, one in runs.items()}
    assert ended["hung"].code == 1
    assert "kamesh: node sink had not ended 5 seconds after" in ended["hung"].err
    assert ended["stuck"].code == 1
    assert "has ended with 1 message that nobody took" in ended["stuck"].err
    assert ended["thready"].code == 0
    for one in ended.values():
        assert "Traceback" not in one.err, one.err
    host.silent()


def test_one_process_that_is_killed_leaves_nothing(host: Host):
    """A run in one process that was killed is no run any more: the next command sweeps it."""
    running = host.start("run", "ticker 0.1 ! console")
    running.until(lambda it: it.out, "it runs")
    until(lambda: host.nodes(), "it is in the list")
    running.signal(signal.SIGKILL)
    running.ended()
    assert host.kamesh("ps").code == 3
    assert not [path for path in host.runtime.iterdir() if path.is_dir()]


def test_a_process_number_used_again_is_not_the_run(host: Host):
    """A run whose launcher's number now belongs to somebody else is over; that one is not harmed."""
    running = host.start("run", "ticker 0.1 ! console")
    running.until(lambda it: it.out, "it runs")
    until(lambda: host.nodes(), "it is in the list")
    file = next(host.runtime.glob("*/run.json"))
    text = file.read_text()
    running.signal(signal.SIGKILL)
    running.ended()
    other = host.start("-c", "import time; time.sleep(60)", command=[sys.executable])
    file.write_text(text.replace(f'"pid": {running.pid}', f'"pid": {other.pid}'))
    assert host.kamesh("down").code == 3
    assert other.process.poll() is None
    os.kill(other.pid, signal.SIGKILL)
