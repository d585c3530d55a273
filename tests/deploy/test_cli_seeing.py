"""`kamesh ps`, `graph`, `check` and `logs`: what is shown of what runs, or would run."""

import io
import json
from contextlib import asynccontextmanager

import pytest

from kamesh.deploy.cli.command import main
from kamesh.deploy.cli.context import Context
from kamesh.deploy.cli.logs import LogReader, follow, read_logs
from kamesh.deploy.exits import Exit


def test_ps(terminal, run):
    """Runs with their nodes, in columns; components and boxes on request."""
    assert terminal("ps") == Exit.OK
    lines = terminal.out.splitlines()
    assert lines[0].startswith("show · run · 0.")
    assert lines[0].endswith(f"s · process {run.pid} · show.py")
    assert lines[1:] == [
        "NODE    STATE    PID  UP  COMPONENTS  LINKAGES  SENT  DROPPED  ENDPOINT",
        "studio  running   12   -           2         1    40        1  tcp://127.0.0.1:1",
    ]
    terminal("ps", "--components")
    assert terminal.out.splitlines()[3:] == [
        "",
        "COMPONENT      KIND      STATE   TURNS  BOX     WAITING  IN  OUT  DROPPED",
        "studio/CAMERA  TestCard  asleep      3  inbox       2/8   7             1",
        "                                        outbox                40",
        "studio/B       Kind      asleep      3  inbox         0   9             0",
    ]


def test_ps_as_json(terminal, run):
    """One object with all runs, also when there are none."""
    assert terminal("ps", "--json") == Exit.OK
    (one,) = json.loads(terminal.out)["runs"]
    assert (one["name"], one["kind"], one["source"]) == ("show", "run", "show.py")
    assert one["nodes"][0]["components"][0]["inboxes"][0]["level"] == 2
    run.remove()
    assert terminal("ps", "--json") == Exit.NOTHING_RUNNING
    assert json.loads(terminal.out) == {"runs": []}


def test_graph(terminal, run):
    """A picture, or the same graph for other programs."""
    assert terminal("graph") == Exit.OK
    assert terminal.out.startswith("show · 1 node · 2 components · 1 linkage\n╭───── studio ─")
    for option, start in (
        ("--dot", 'digraph "show"'),
        ("--mermaid", "flowchart LR"),
        ("--ascii", "show - 1"),
    ):
        assert terminal("graph", option) == Exit.OK
        assert terminal.out.startswith(start)
    assert terminal("graph", "--json") == Exit.OK
    assert json.loads(terminal.out)["linkages"][0]["sink"] == "studio/B.inbox"


HELLO = """
import sys
from kamesh import Pipeline
print("noise")
Pipeline(str.upper, str.lower, name=sys.argv[0][:1].upper()).run()
print("after")
"""


def test_graph_of_a_file(terminal, tmp_path):
    """What a program would run is drawn without running it."""
    (tmp_path / "hello.py").write_text(HELLO)
    assert terminal("graph", "hello.py", "--split") == Exit.OK
    assert terminal.out.startswith("hello · 2 nodes · 2 components · 2 linkages\n")
    assert "noise" not in terminal.out
    assert terminal.joined == []


def test_a_terminal_that_cannot_draw_gets_ascii(terminal, run):
    """Where the encoding has no line-drawing characters, the picture is in ASCII by itself."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="latin-1")

    @asynccontextmanager
    async def connect(run):
        yield terminal.client

    context = Context(out, io.StringIO(), io.StringIO(), connect, lambda: 100)
    assert main(["graph"], context) == Exit.OK
    assert raw.getvalue().startswith(b"show - 1 node")


def test_check(terminal, tmp_path):
    """What is right is counted, what is wrong is told; one wrong file makes it exit code 2."""
    (tmp_path / "hello.py").write_text(HELLO)
    (tmp_path / "bad.toml").write_text("[node.a]\n")
    (tmp_path / "bad.py").write_text("def f(:\n")
    assert terminal("check", "hello.py") == Exit.OK
    assert terminal.out == "hello.py: nothing wrong (1 node, 2 components, 2 linkages)\n"
    assert terminal("check", "hello.py", "bad.toml", "bad.py", "none.py") == Exit.MISTAKE
    assert terminal.out.startswith("hello.py: nothing wrong")
    assert terminal.err.splitlines()[0].startswith("bad.toml:1: a topology has no table 'node'")
    assert "bad.py:1: this is not Python: invalid syntax" in terminal.err
    assert "none.py: there is no such file" in terminal.err
    assert terminal("check", "console-reader ! uper") == Exit.MISTAKE
    assert "did you mean 'upper'?" in terminal.err
    assert terminal("check", "bad.toml", "hello.py", "--json") == Exit.MISTAKE
    bad, good = json.loads(terminal.out)
    assert (bad["ok"], bad["mistakes"][0]["line"], bad["mistakes"][0]["word"]) == (False, 1, "node")
    assert (good["ok"], good["plan"]) == (True, {"nodes": 1, "components": 2, "linkages": 2})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import kamesh\nx = 1 / 0\n",
            "it.py:2: ZeroDivisionError: division by zero\n       2 | x = 1 / 0",
        ),
        ("raise SystemExit(3)", "it.py: the program ended itself (exit 3) before any run()"),
        ("x = 1", "it.py: the program came to its end without calling run() on a component"),
        ("import no_such_module_at_all", "it.py:1: ModuleNotFoundError: No module named 'no_such"),
        (
            "from kamesh import Graphline\n\nGraphline(linkages={('A', 'outbox'): ('B', 'inbox')})\n",
            "it.py:3: LinkageRefused: Graphline has no part 'A'",
        ),
        (
            "from kamesh import Pipeline\nPipeline(str.upper, placement={'uper': 'b'}).run()\n",
            "it.py: Pipeline places 'uper', which is not one of its parts (did you mean 'upper'?)",
        ),
    ],
)
def test_check_of_programs_that_will_not_do(terminal, tmp_path, text, told):
    """What a program raises is told with its own file and line."""
    (tmp_path / "it.py").write_text(text)
    assert terminal("check", "it.py") == Exit.MISTAKE
    assert terminal.err.startswith(told)


def write_logs(run):
    """Two nodes' logs, the lines of one between those of the other, one of several lines."""
    run.log_file("a").write_text(
        "2026-01-01 10:00:00,001 INFO one\n2026-01-01 10:00:02,000 ERROR three\n  more of three\n"
    )
    run.log_file("b").write_text(
        "2026-01-01 10:00:01,000 INFO two \x1b[31m\n2026-01-01 10:00:03,0 half"
    )


def test_logs(terminal, run):
    """All nodes' lines in the order of time, a line without a time after the one it belongs to."""
    write_logs(run)
    assert terminal("logs") == Exit.OK
    assert [line.replace("2026-01-01 10:00:0", "") for line in terminal.out.splitlines()] == [
        "a: 0,001 INFO one",
        "b: 1,000 INFO two \\x1b[31m",
        "a: 2,000 ERROR three",
        "a:   more of three",
    ]
    assert terminal("logs", "a", "-n", "1") == Exit.OK
    assert terminal.out == "  more of three\n"
    assert terminal("logs", "b", "--json") == Exit.OK
    assert json.loads(terminal.out) == {
        "node": "b",
        "time": "2026-01-01 10:00:01,000",
        "text": "2026-01-01 10:00:01,000 INFO two \x1b[31m",
    }
    assert terminal("logs", "c") == Exit.MISTAKE
    assert "show has no node 'c'; its nodes: a, b" in terminal.err


def append(path, text):
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


def test_following_logs(terminal, run):
    """What is written later is told once, whole lines only, until the run is over."""
    write_logs(run)
    reader = LogReader(run)
    assert len(list(reader.new())) == 4
    steps = [
        lambda: append(run.log_file("b"), " done\n"),
        lambda: run.log_file("late").write_text("2026-01-01 10:00:04,000 new node\n"),
        lambda: None,
        run.remove,
    ]
    lines = [(one.node, one.text[20:]) for one in follow(run, reader, lambda _: steps.pop(0)())]
    assert lines == [("b", "0 half done"), ("late", "000 new node")]
    assert read_logs(run) == []
