"""`kamesh run`: the same file in one process, in one for each component, and placed."""

import signal
import sys

import pytest
from hosts import Host

HELLO = """
from kamesh import Component, Pipeline
from kamesh.components.console import ConsoleEchoer, ConsoleReader

class Upper(Component):
    def main(self):
        while not self.stopping():
            for text in self.inbox:
                self.send(text.upper())
            yield self.pause()

Pipeline(ConsoleReader(), Upper(), ConsoleEchoer()).run()
"""

PLACED = """
import os
from kamesh import Graphline
from kamesh.components.console import ConsoleEchoer, ConsoleReader
from parts import Where

Graphline(
    READ=ConsoleReader(), HERE=Where(), THERE=Where(), ECHO=ConsoleEchoer(),
    linkages={
        ("READ", "outbox"): ("HERE", "inbox"),
        ("HERE", "outbox"): ("THERE", "inbox"),
        ("THERE", "outbox"): ("ECHO", "inbox"),
    },
    placement={"HERE": "first", "THERE": "second"},
).run()
print("the program goes on", os.getpid())
"""


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
def test_a_file_gives_the_same_whole_and_split(host: Host, split: tuple[str, ...]):
    """The same lines come out, all and in order, and nothing is said beside them."""
    file = host.write("hello.py", HELLO)
    lines = [f"line {number} äöü" for number in range(2000)]
    ended = host.kamesh("run", file, *split, stdin="\n".join(lines))  # the last one has no end
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == [line.upper() for line in lines]
    assert not host.processes()


def test_what_is_typed_comes_out_while_the_input_is_open(host: Host):
    """A split run answers each line as it comes, and ends when its input does."""
    running = host.start("run", host.write("hello.py", HELLO), "--split", feed=True)
    for word in ("one", "two"):
        running.feed(f"{word}\n")
        running.until(lambda it, w=word: w.upper() in it.out.split(), f"{word} is answered")
    ended = running.ended()
    assert (ended.code, ended.out, ended.err) == (0, "ONE\nTWO\n", "")


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
def test_a_pipeline_of_one_line(host: Host, split: tuple[str, ...]):
    """What a file would do, from the words alone."""
    ended = host.kamesh(
        "run", "console-reader ! upper ! console", *split, stdin="a word\nanother\n"
    )
    assert (ended.code, ended.out, ended.err) == (0, "A WORD\nANOTHER\n", "")


def test_placement_starts_the_nodes_it_names(host: Host):
    """Two parts are placed elsewhere: each runs in a process of its own; then the program goes on."""
    host.topology("placed.py", PLACED)
    ended = host.kamesh("run", "placed.py", stdin="a\nb\n")
    assert (ended.code, ended.err) == (0, "")
    *lines, last = ended.lines
    words = [line.split() for line in lines]
    assert [one[0] for one in words] == ["a", "b"]
    first, second = words[0][1:]
    assert words[1][1:] == [first, second]
    assert len({first, second, last.split()[-1]}) == 3
    assert last.startswith("the program goes on")


def test_a_program_runs_one_graph_after_another(host: Host):
    """Each `run()` of a file is split anew, and what is between them is done once."""
    program = """
from kamesh import Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource
for word in ("one", "two"):
    print("now", word)
    Pipeline(DataSource([word]), str.upper, ConsoleEchoer()).run()
print("done")
"""
    ended = host.kamesh("run", host.write("twice.py", program), "--split")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == ["now one", "ONE", "now two", "TWO", "done"]


def test_a_program_gets_its_arguments_in_every_process(host: Host):
    """What stands after -- is in sys.argv, split or not."""
    program = """
import sys
from kamesh import Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource
Pipeline(DataSource(sys.argv[1:]), ConsoleEchoer()).run()
"""
    file = host.write("words.py", program)
    ended = host.kamesh("run", file, "--split", "--", "--loud", "a b")
    assert (ended.code, ended.out, ended.err) == (0, "--loud\na b\n", "")


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
def test_whoever_reads_the_output_may_leave(host: Host, split: tuple[str, ...]):
    """`kamesh run ... | head -2` gives two lines; nobody complains, nothing is left running."""
    host.write("numbers.txt", "".join(f"{number}\n" for number in range(100_000)))
    words = ["-m", "kamesh.deploy.cli", "run", "read numbers.txt ! console", *split]
    shell = 'set -o pipefail; "$@" | head -2; echo "codes ${PIPESTATUS[*]}"'
    ended = host.kamesh(shell, "-", sys.executable, *words, command=["bash", "-c"])
    assert ended.lines[:2] == ["0", "1"]
    assert ended.err == ""
    assert ended.lines[2] == "codes 0 0"
    host.silent()


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(host: Host, closed: str, split: tuple[str, ...]):
    """Closed input is an empty one, closed output is nobody's: no failure, no other file written."""
    shell = f'exec "$@" {closed}'
    words = ["-m", "kamesh.deploy.cli", "run", "console-reader ! upper ! console", *split]
    ended = host.kamesh(
        shell, "-", sys.executable, *words, command=["bash", "-c"], stdin="word\n"
    )
    assert (ended.code, ended.out, ended.err) == (0, "" if ">" in closed else ended.out, "")
    host.silent()


def test_a_split_run_is_ten_nodes_and_more(host: Host):
    """Twelve components in twelve processes: every line arrives, in order."""
    steps = " ! ".join(["console-reader", *["upper", "lower"] * 5, "console"])
    lines = [f"line {number}" for number in range(500)]
    ended = host.kamesh("run", steps, "--split", stdin="\n".join(lines))
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == lines


@pytest.mark.slow
def test_a_thousand_components_run_in_one_process(host: Host):
    """`.run()` of a pipeline of 1,000 components: every message through all of them, and the end."""
    program = """
from kamesh import Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource
from parts import Through
Pipeline(DataSource(range(100)), *(Through() for _ in range(998)), ConsoleEchoer()).run()
"""
    host.topology("thousand.py", program)
    ended = host.kamesh("run", "thousand.py")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines == [str(number) for number in range(100)]


def test_ctrl_c_ends_a_split_run(host: Host):
    """SIGINT to all of the terminal's processes: exit 130, no traceback, nothing left."""
    running = host.start("run", "ticker 0.05 ! console", "--split")
    running.until(lambda it: len(it.out.splitlines()) > 3, "it prints")
    running.interrupt()
    ended = running.ended()
    assert (ended.code, ended.err) == (130, "")
    host.silent()


def test_ctrl_c_ends_a_run_in_one_process(host: Host):
    """The same for one process."""
    running = host.start("run", "ticker 0.05 ! console")
    running.until(lambda it: len(it.out.splitlines()) > 3, "it prints")
    running.signal(signal.SIGINT)
    ended = running.ended()
    assert (ended.code, ended.err) == (130, "")
    host.silent()
