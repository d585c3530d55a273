"""What another terminal sees and changes of what runs, whichever way it was started."""

import json
import signal
from collections.abc import Iterator

import pytest
from hosts import Host, until

TOPOLOGY = """
[nodes.studio]
[nodes.work]
[nodes.wall]
[components.NUMBERS]
use = "parts:Numbers"
with = { every = 0.02, burst = 1 }
node = "studio"
[components.THROUGH]
use = "parts:Through"
node = "work"
[components.KEEP]
use = "parts:Keep"
with = { file = "kept.txt" }
node = "wall"
[components.NOTE]
use = "parts:Keep"
with = { file = "noted.txt" }
node = "wall"
[[linkages]]
from = "NUMBERS.outbox"
to = "THROUGH.inbox"
[[linkages]]
from = "THROUGH.outbox"
to = "KEEP.inbox"
"""


@pytest.fixture(scope="module")
def up(shared: Host) -> Iterator[Host]:
    """Have a topology up, left running by `kamesh up`."""
    ended = shared.kamesh("up", shared.topology("studio.toml", TOPOLOGY))
    assert ended.code == 0, ended
    assert ended.out == "studio is up: studio, work, wall. End it with `kamesh down studio`.\n"
    yield shared
    assert shared.kamesh("down").out == "studio has ended\n"
    assert not shared.processes()
    assert shared.kamesh("ps").code == 3


def test_ps_lists_nodes_components_and_boxes(up: Host):
    """Every node with its process, running; with --components every box; the same as JSON."""
    text = up.kamesh("ps", "--components")
    assert (text.code, text.err) == (0, "")
    pids = map(str, up.nodes().values())
    for word in ("studio", "work", "wall", "studio/NUMBERS", "wall/KEEP", "inbox", *pids):
        assert word in text.out
    (run,) = up.json("ps")["runs"]
    assert (run["name"], run["kind"]) == ("studio", "up")
    assert {one["name"]: (one["state"], one["pid"]) for one in run["nodes"]} == {
        name: ("running", pid) for name, pid in up.nodes().items()
    }


def test_graph_draws_what_runs(up: Host):
    """As text, and as Graphviz, Mermaid and JSON read it: three nodes and two linkages."""
    text = up.kamesh("graph")
    assert text.out.startswith("studio · 3 nodes · 4 components · 2 linkages")
    assert "asleep" in text.out
    assert up.kamesh("graph", "--dot").out.startswith("digraph")
    assert up.kamesh("graph", "--mermaid").out.startswith("flowchart")
    drawn = up.json("graph")
    assert [(one["source"], one["sink"]) for one in drawn["linkages"]] == [
        ("studio/NUMBERS.outbox", "work/THROUGH.inbox"), ("work/THROUGH.outbox", "wall/KEEP.inbox"),
    ]


def test_echo_and_hz_watch_and_disturb_nobody(up: Host):
    """Messages as they are sent, in order; their rate; and what is watched misses none of them."""
    before = up.read("kept.txt")
    watched = up.kamesh("echo", "work/THROUGH.outbox", "-n", "5")
    numbers = [int(line) for line in watched.lines]
    assert (watched.code, watched.err) == (0, "")
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert up.kamesh("echo", "THROUGH.outbox", "-n", "1", "--json").out.strip().isdigit()
    rate = json.loads(up.kamesh("hz", "NUMBERS.outbox", "-n", "1", "--json").out)
    assert rate["messages"] > 0
    until(lambda: len(up.read("kept.txt")) > len(before) + 20, "more has arrived")
    kept = [int(line) for line in up.read("kept.txt")]
    assert kept == list(range(1, len(kept) + 1))


def test_a_watcher_that_is_killed_costs_nothing(up: Host):
    """`kamesh echo` ends with -9 in mid-stream: the stream goes on, the watcher leaves no trace."""
    watching = up.start("echo", "work/THROUGH.outbox")
    watching.until(lambda it: it.out, "it shows something")
    watching.signal(signal.SIGKILL)
    watching.ended()
    before = len(up.read("kept.txt"))
    until(lambda: len(up.read("kept.txt")) > before + 20, "more has arrived")

    def forgotten() -> bool:
        (run,) = up.json("ps")["runs"]
        return not any("observer" in one["sink"] for node in run["nodes"] for one in node["linkages"])

    until(forgotten, "the watcher's linkage is gone")


def test_ctrl_c_ends_a_watcher_quietly(up: Host):
    """Ctrl-C of `kamesh echo`: 130 and no word."""
    watching = up.start("echo", "work/THROUGH.outbox")
    watching.until(lambda it: it.out, "it shows something")
    watching.interrupt()
    ended = watching.ended()
    assert (ended.code, ended.err) == (130, "")


def test_send_puts_messages_into_an_inbox(up: Host):
    """A text, a JSON value, and each line that is read."""
    assert up.kamesh("send", "wall/NOTE.inbox", "a word").code == 0
    assert up.kamesh("send", "NOTE.inbox", '{"a": [1, null]}', "--json").code == 0
    assert up.kamesh("send", "NOTE.inbox", "-", stdin="one\ntwo\n").code == 0
    until(lambda: len(up.read("noted.txt")) >= 4, "they have arrived")
    assert up.read("noted.txt")[:4] == ["a word", "{'a': [1, None]}", "one", "two"]


def test_link_and_unlink_while_all_runs(up: Host):
    """A second destination gets what is sent from then on, until it is unlinked; the first all."""
    ends = ("NUMBERS.outbox", "wall/NOTE.inbox")
    begun = len(up.read("noted.txt"))
    assert up.kamesh("link", *ends).code == 0
    until(lambda: len(up.read("noted.txt")) > begun + 20, "numbers arrive there too")
    again = up.kamesh("link", *ends)
    assert again.code == 2
    assert "linked" in again.err
    assert up.kamesh("unlink", *ends).code == 0
    noted = [int(line) for line in up.read("noted.txt")[begun:]]
    assert noted == list(range(noted[0], noted[0] + len(noted)))
    assert up.kamesh("send", ends[1], "still there").code == 0
    until(lambda: up.read("noted.txt")[-1] == "still there", "to be unlinked is not to end")
    twice = up.kamesh("unlink", *ends)
    assert (twice.code, twice.out) == (1, "")
    assert "nothing is undone" in twice.err
    size = len(up.read("noted.txt"))
    before = len(up.read("kept.txt"))
    until(lambda: len(up.read("kept.txt")) > before + 20, "the first one goes on")
    assert len(up.read("noted.txt")) == size
    kept = [int(line) for line in up.read("kept.txt")]
    assert kept == list(range(1, len(kept) + 1))
    assert up.kamesh("link", *ends).code == 0
    until(lambda: len(up.read("noted.txt")) > size + 20, "linked again, it gets what comes")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("echo", "NUMBER.outbox"), "did you mean 'studio/NUMBERS'"),
        (("echo", "studio/NUMBERS.outbx"), "did you mean 'outbox'"),
        (("echo", "nonsense"), "write NODE/COMPONENT.box"),
        (("send", "wall/KEEP.nobox", "x"), "there is no inbox 'nobox'"),
        (("link", "NUMBERS.outbox", "wall/KEEP.nobox"), "has no inbox 'nobox'"),
        (("link", "NUMBERS.inbox", "wall/KEEP.inbox"), "there is no outbox 'inbox'"),
        (("unlink", "NUMBERS.nobox", "wall/KEEP.inbox"), "there is no outbox 'nobox'"),
        (("logs", "wal"), "did you mean 'wall'"),
        (("ps", "--run", "studi"), "did you mean 'studio'"),
        (("up", "studio.toml"), "a run called 'studio' is going on"),
        (("send", "wall/NOTE.inbox", "{", "--json"), "is not JSON"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, tuple) else "",
)
def test_a_mistake_is_a_sentence_and_costs_nothing(up: Host, words: tuple[str, ...], sentence: str):
    """Exit code 2, one sentence with what was meant, nothing on standard output."""
    ended = up.kamesh(*words)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1


def test_logs_show_what_the_nodes_say(up: Host):
    """What is said in a node's log is told with its name; nothing of those who only look on."""
    ended = up.kamesh("logs")
    assert ended.code == 0
    assert "observer" not in ended.out
    one = up.kamesh("logs", "wall", "-n", "1")
    assert (one.code, one.err) == (0, "")


def test_a_run_is_seen_as_well_whole_and_split(host: Host):
    """`ps`, `graph`, `echo`, `send` and `down` against `kamesh run`, two runs at a time."""
    whole = host.start("run", "ticker 0.05 ! console")
    split = host.start("run", "ticker 0.05 ! console", "--split")
    whole.until(lambda it: it.out, "it runs")
    split.until(lambda it: it.out, "it runs")
    until(lambda: len(list(host.runtime.glob("*/run.json"))) == 2, "both are in the list")
    runs = {one["name"]: one for one in host.json("ps")["runs"]}
    nodes = {name: sorted(each["name"] for each in one["nodes"]) for name, one in runs.items()}
    assert sorted(nodes.values()) == [["console", "ticker"], ["main"]]
    unsaid = host.kamesh("graph")
    assert unsaid.code == 2
    assert "say which" in unsaid.err
    for name, names in nodes.items():
        assert f"{len(names)} node" in host.kamesh("graph", "--run", name).out
        box = f"{'main' if names == ['main'] else 'ticker'}/ticker.outbox"
        assert len(host.kamesh("echo", box, "-n", "2", "--run", name).lines) == 2
    down = host.kamesh("down", "--all", "--json")
    assert sorted(json.loads(down.out)["ended"]) == sorted(nodes)
    for running in (whole, split):
        ended = running.ended()
        assert (ended.code, ended.err) == (0, "")
