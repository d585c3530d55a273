"""Mistakes of users, seen from the terminal: a plain sentence, where it is, an exit code, no traceback.

All commands of a test are started together, so that they wait together.
"""

import pytest
from hosts import Host

PROGRAM = """
from kamesh import Component, Pipeline
from kamesh.components.console import ConsoleEchoer, ConsoleReader
from parts import Raises

Pipeline(ConsoleReader(), Raises(), ConsoleEchoer()).run()
print("not reached")
"""

UNSENDABLE = """
from kamesh import Component, Pipeline
from kamesh.components.console import ConsoleEchoer

class Source(Component):
    def main(self):
        self.send("one")
        self.send(lambda: "two")
        self.send("three")
        yield

Pipeline(Source(), str, ConsoleEchoer()).run()
"""

TOPOLOGY = """
[nodes.a]
[nodes.b]
[components.FIRST]
use = "{use}"
node = "a"
[components.LAST]
use = "parts:Keep"
with = {{ file = "kept.txt" }}
node = "b"
[[linkages]]
from = "FIRST.outbox"
to = "LAST.inbox"
"""

BAD_PARTS = """
import os, sys
from kamesh import Component

class NotMade(Component):
    def __init__(self):
        raise RuntimeError("no camera")

class AtOnce(Component):
    def main(self):
        raise RuntimeError("the lens is covered")
        yield

class Exits(Component):
    def main(self):
        sys.exit(3)
        yield

class Unlinkable(Component):
    outboxes = {"other": "not the one that is linked"}
"""


def said(host: Host, *words: str, code: int, **more: str) -> str:
    """Carry out a command that fails; give what it says, which is never a traceback."""
    ended = host.kamesh(*words, **more)
    assert ended.code == code, ended
    assert "Traceback" not in ended.err, ended.err
    return ended.err


def test_programs_that_cannot_be_run(host: Host):
    """Missing, not Python, raising before run(), without run(): the file and the line, exit 2."""
    host.write("syntax.py", "x = 1\nprint('x'\n")
    host.write("early.py", "import os\n\nraise RuntimeError('too early')\n")
    host.write("norun.py", "x = 1\n")
    host.write("exits.py", "import sys\nsys.exit('no camera')\n")
    wanted = {
        "missing.py": "kamesh: missing.py: there is no such file",
        "syntax.py": "syntax.py:2: this is not Python",
        "early.py": "early.py:3: RuntimeError: too early",
        "norun.py": "norun.py: the program came to its end without calling run() on a component",
        "exits.py": "exits.py: the program ended itself (exit no camera) before any run()",
    }
    started = {
        (name, split): host.start("run", name, *split)
        for name in wanted
        for split in ((), ("--split",))
    }
    for (name, _), one in started.items():
        ended = one.ended()
        assert ended.code == 2
        assert wanted[name] in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("split", [(), ("--split",)], ids=["one process", "split"])
def test_a_component_that_raises(host: Host, split: tuple[str, ...]):
    """What came before it comes out; then who, what, and at which line of whose file; exit 1."""
    host.topology("program.py", PROGRAM)
    ended = host.kamesh("run", "program.py", *split, stdin="good\nbad\nlate\n")
    assert (ended.code, ended.out) == (1, "good\n")
    assert ended.err.count("\n") == 1, ended.err
    assert "Raises failed with ValueError: no such thing at " in ended.err
    assert "parts.py:" in ended.err
    assert '`raise ValueError("no such thing")`' in ended.err
    host.silent()


def test_a_message_that_cannot_travel(host: Host):
    """In one process it needs not travel; split, its sender fails with the type and a way out."""
    file = host.write("unsendable.py", UNSENDABLE)
    whole, split = host.start("run", file), host.start("run", file, "--split")
    assert whole.ended().code == 0
    ended = split.ended()
    assert (ended.code, ended.out) == (1, "one\nthree\n")
    (sentence,) = ended.err.splitlines()
    for words in ("Source failed with Unsendable", "'outbox'", "of the type function", "send the values"):
        assert words in sentence
    host.silent()


def test_topologies_that_cannot_be_started(host: Host):
    """Each mistake with its line, exit 2; `up`, detached or not, and `run` and `check` say the same."""
    host.topology("bad.toml", TOPOLOGY.format(use="parts:Numbrs"))
    host.write("words.toml", "this is not TOML")
    host.write("unlinkable.toml", TOPOLOGY.format(use="bad:Unlinkable"))
    host.write("bad.py", BAD_PARTS)
    host.write("empty.toml", "")
    wanted = {
        "bad.toml": "bad.toml:5: parts has no 'Numbrs' (did you mean 'Numbers'?)",
        "words.toml": "words.toml:1: this is not TOML",
        "unlinkable.toml": "unlinkable.toml:12: ",
        "empty.toml": "empty.toml",
        "missing.toml": "missing.toml: there is no such file",
        "away.toml": "node 'b' is to run at 'ssh://10.0.0.7'",
    }
    away = TOPOLOGY.format(use="parts:Numbers").replace(
        "[nodes.b]", '[nodes.b]\nhost = "ssh://10.0.0.7"'
    )
    host.write("away.toml", away)
    started = {
        (name, words): host.start(*words, name)
        for name in wanted
        for words in (("up",), ("up", "--foreground"), ("run",), ("check",))
        if (name, words) != ("away.toml", ("check",))
    }
    for (name, words), one in started.items():
        ended = one.ended()
        assert ended.code == 2, (name, words, ended)
        assert wanted[name] in ended.err + ended.out, (name, words, ended)
        assert "Traceback" not in ended.err
    assert not list(host.runtime.glob("*/run.json"))


def test_components_that_fail_at_once_in_a_node(host: Host):
    """One that cannot be made, one that raises at its first turn, one that ends its process."""
    host.write("bad.py", BAD_PARTS)
    wanted = {
        "NotMade": ("RuntimeError: no camera", "bad.py:7"),
        "AtOnce": ("FIRST failed with RuntimeError: the lens is covered at ", "bad.py:11"),
        "Exits": ("a component of node a ended its process: SystemExit: 3", "bad.py:16"),
    }
    started = {}
    for name in wanted:
        host.topology(f"{name}.toml", TOPOLOGY.format(use=f"bad:{name}"))
        started[name] = host.start("up", f"{name}.toml", "--foreground")
    for name, one in started.items():
        ended = one.ended()
        assert ended.code == 1, ended
        last = ended.err.splitlines()[-1]
        assert last.startswith("kamesh: ")
        assert all(words in last for words in wanted[name]), last
        assert "Traceback" not in ended.err, ended.err
    host.silent()


def test_a_file_that_is_not_what_it_is_taken_for(host: Host):
    """A folder, a text that is no program, a word that is none: said before anything starts."""
    host.write("notes.txt", "just some words\n")
    assert "notes.txt:1: this is not Python" in said(host, "run", "notes.txt", code=2)
    assert "a folder" in said(host, "run", "./", code=2)
    assert "there is no word 'helo'" in said(host, "run", "helo", code=2)
    assert "there is no file 'no.txt'" in said(host, "run", "read no.txt ! console", code=1).replace(
        "no file no.txt", "no file 'no.txt'"
    )
