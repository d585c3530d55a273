"""The `kamesh` command: what its words mean, what it writes where, and its exit codes."""

import asyncio
import io
import json
import shlex
import subprocess
import sys
import types
from contextlib import asynccontextmanager
from importlib import import_module

import pytest

from kamesh.deploy import verbs as verb_table
from kamesh.deploy.cli import main
from kamesh.deploy.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.explain import exit_code, sentence
from kamesh.deploy.logs import LogReader, follow, read_logs
from kamesh.deploy.runs import create_run
from kamesh.deploy.watching import Rate
from kamesh.errors import ComponentFailed, KameshError, UnknownName
from kamesh.messages import Failure
from kamesh.nodes.client import NoAnswer
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, NodeReport

NODE = NodeReport(
    "studio",
    "running",
    12,
    "tcp://127.0.0.1:1",
    0.0,
    (
        ComponentReport(
            "CAMERA",
            "TestCard",
            "asleep",
            3,
            (BoxReport("inbox", 2, 8, 9, 7, 1, False),),
            (("outbox", 40),),
        ),
        ComponentReport(
            "B", "Kind", "asleep", 3, (BoxReport("inbox", 0, None, 9, 9, 0, False),), ()
        ),
    ),
    (),
    (LinkageReport("studio/CAMERA.outbox", "studio/B.inbox", "block", 40, 0, "open"),),
)


class FakeClient:
    """Stands for the nodes of a run: remembers what was asked, answers what it was given."""

    def __init__(self):
        self.asked = []
        self.reports = [NODE]
        self.messages = []
        self.undone = 1
        self.error = None

    async def nodes(self):
        return self.reports

    async def tap(self, box):
        self.asked.append(("tap", box))
        if self.error:
            raise self.error
        for message in self.messages:
            yield message

    async def send(self, box, message):
        self.asked.append(("send", box, message))

    async def link(self, source, sink, policy="block"):
        self.asked.append(("link", source, sink, policy))

    async def unlink(self, source, sink):
        self.asked.append(("unlink", source, sink))
        return self.undone


class Terminal:
    """A command line with a fake client behind it."""

    def __init__(self):
        self.client = FakeClient()
        self.joined = []
        self.read = ""

    def __call__(self, *argv):
        out, err = io.StringIO(), io.StringIO()

        @asynccontextmanager
        async def connect(run):
            self.joined.append(run.name)
            yield self.client

        context = Context(out, err, io.StringIO(self.read), connect, lambda: 100)
        self.code = main(list(argv), context)
        self.out, self.err = out.getvalue(), err.getvalue()
        return self.code


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """A terminal in an empty folder, with nothing running."""
    monkeypatch.setenv("KAMESH_RUNTIME_DIR", str(tmp_path / "runs"))
    monkeypatch.delenv("KAMESH_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return Terminal()


@pytest.fixture
def run(terminal):
    """One run that is live."""
    return create_run("show", "run", source="show.py")


@pytest.fixture
def launched(monkeypatch):
    """Stands for the launcher: the calls that came, and the code it gives."""
    calls = []
    launch = types.ModuleType("kamesh.deploy.start")
    launch.code = 0
    for name in ("run_file", "run_words", "up", "down", "demo"):

        def start(*words, name=name, **options):
            calls.append((name, *map(str, words), *sorted(options.items())))
            return launch.code

        setattr(launch, name, start)
    monkeypatch.setitem(sys.modules, "kamesh.deploy.start", launch)
    return types.SimpleNamespace(calls=calls, launch=launch)


# -- the words


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "kamesh: say what to do: run, up, down, demo, check, ps,"),
        (["pss"], "kamesh: there is no verb 'pss' (did you mean 'ps'?); the verbs: run, up, down,"),
        (["echo"], "kamesh: the following arguments are required: BOX; see `kamesh echo --help`"),
        (
            ["echo", "a.b", "-n", "0"],
            "kamesh: argument -n/--count: 0 is too small: at least 1; see `kam",
        ),
        (
            ["echo", "a.b", "-n", "x"],
            "kamesh: argument -n/--count: 'x' is not a whole number; see `kamesh",
        ),
        (
            ["hz", "a.b", "--seconds", "-1"],
            "kamesh: argument --seconds: -1 is not a time that can be wai",
        ),
        (
            ["link", "a", "b", "--policy", "no"],
            "kamesh: argument --policy: invalid choice: 'no' (choose ",
        ),
        (
            ["graph", "--dot", "--json"],
            "kamesh: argument --json: not allowed with argument --dot; see `",
        ),
        (["ps", "--nosuch"], "kamesh: unrecognized arguments: --nosuch; see `kamesh --help`"),
    ],
)
def test_words_that_cannot_be_understood(terminal, argv, sentence):
    """A wrong command line is one sentence on standard error, and exit code 2."""
    assert terminal(*argv) == Exit.MISTAKE
    assert terminal.err.startswith(sentence)
    assert terminal.err.count("\n") == 1
    assert terminal.out == ""


@pytest.mark.parametrize("verb", [*verb_table.VERBS])
def test_every_verb_has_help(terminal, verb, capsys):
    """`kamesh VERB --help` says what it does, with examples, and ends with 0."""
    assert terminal(verb, "--help") == Exit.OK
    text = capsys.readouterr().out
    assert text.startswith(f"usage: kamesh {verb} ")
    assert verb_table.VERBS[verb].help.lower() in text.lower()
    assert all(f"  kamesh {one}" in text for one in verb_table.VERBS[verb].examples)


def test_the_help_lists_verbs_and_codes(terminal, capsys):
    """`kamesh --help` names every verb that is for people, and the exit codes."""
    assert terminal("--help") == Exit.OK
    text = capsys.readouterr().out
    for name, verb in verb_table.VERBS.items():
        assert (f"\n    {name} " in text) is not verb.internal
    assert "exit codes: 0 all went well; 1 it failed;" in text
    assert terminal("--version") == Exit.OK
    assert capsys.readouterr().out.startswith("kamesh ")


def test_every_verb_leads_to_a_function():
    """What the table of verbs names is there."""
    for verb in verb_table.VERBS.values():
        module, _, function = verb.where.partition(":")
        assert callable(getattr(import_module(f"kamesh.deploy.{module}"), function))


def test_every_example_is_understood(terminal, launched, monkeypatch):
    """The examples that the help shows are commands as they stand."""
    understood = []
    for name, verb in verb_table.VERBS.items():
        module, _, function = verb.where.partition(":")
        owner = import_module(f"kamesh.deploy.{module}")
        monkeypatch.setattr(
            owner, function, lambda options, context, name=name: understood.append(name) or 0
        )
    wanted = []
    for name, verb in verb_table.VERBS.items():
        for example in verb.examples:
            assert terminal(*shlex.split(example.partition("|")[0])) == 0, terminal.err
            wanted.append(name)
    assert understood == wanted


def test_starting_up_imports_nothing_heavy():
    """`kamesh --help` and `kamesh ps` with nothing running load neither zmq, zeroconf nor rich."""
    program = (
        "import sys; from kamesh.deploy.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'zmq', 'zeroconf', 'rich', 'numpy', 'av', 'aiohttp'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(code)"
    )
    for argv, code in ([["--help"], 0], [["ps", "--run", "none"], 3]):
        done = subprocess.run(
            [sys.executable, "-c", program, *argv],
            capture_output=True,
            text=True,
            timeout=30,
            env={"KAMESH_RUNTIME_DIR": "/tmp/kamesh-test-of-imports", "PATH": ""},
        )
        assert done.returncode == code, done.stderr


# -- exit codes


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (NoAnswer("node a did not answer"), 4, "node a did not answer"),
        (UnknownName("no box"), 2, "no box"),
        (ComponentFailed(Failure("A", "ValueError", "no")), 1, "A failed with ValueError: no"),
        (KameshError("it broke"), 1, "it broke"),
        (
            FileNotFoundError(2, "No such file or directory", "x.y"),
            1,
            "x.y: No such file or directory",
        ),
        (
            ZeroDivisionError("division by zero"),
            1,
            "kamesh itself failed, with ZeroDivisionError: division by zero. KAMESH_DEBUG=1 shows where; "
            "please report it",
        ),
    ],
)
def test_what_is_raised_becomes_a_sentence_and_a_code(terminal, run, error, code, text):
    """Whatever goes wrong, the user sees a sentence and the program the right code."""
    assert (exit_code(error), sentence(error)) == (code, text)
    terminal.client.error = error
    assert terminal("echo", "CAMERA.outbox") == code
    assert terminal.err == (f"kamesh: {text}\n" if text else "")


def test_debug_shows_the_traceback(terminal, run, monkeypatch):
    """KAMESH_DEBUG=1 shows where it comes from, and then the sentence."""
    monkeypatch.setenv("KAMESH_DEBUG", "1")
    terminal.client.error = KameshError("it broke")
    assert terminal("echo", "CAMERA.outbox") == 1
    assert "Traceback" in terminal.err
    assert terminal.err.endswith("kamesh: it broke\n")


@pytest.mark.parametrize(
    "argv",
    [["ps"], ["graph"], ["logs"], ["echo", "a.b"], ["hz", "a.b"], ["send", "a.b", "x"], ["down"],
     ["down", "--all"], ["link", "a.b", "c.d"], ["unlink", "a.b", "c.d"]],
)  # fmt: skip
def test_nothing_is_running(terminal, launched, argv):
    """Every verb that needs a run says so, with exit code 3."""
    assert terminal(*argv) == Exit.NOTHING_RUNNING
    assert "nothing is running here" in terminal.err


def test_which_of_several_runs(terminal, run):
    """With several runs going on one is named; a wrong name is a mistake."""
    create_run("other", "up")
    assert terminal("graph") == Exit.MISTAKE
    assert "several runs are going on, say which: --run show or --run other" in terminal.err
    assert terminal("graph", "--run", "othr") == Exit.MISTAKE
    assert "did you mean 'other'?" in terminal.err
    assert terminal("graph", "--run", "other") == Exit.OK
    assert terminal.joined == ["other"]


# -- seeing


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
    assert terminal.out == "hello.py: nothing wrong (1 nodes, 2 components, 2 linkages)\n"
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


# -- watching


def test_echo(terminal, run):
    """Each message is a line; with a count it ends after so many."""
    terminal.client.messages = ["one", "t\nwo", {"n": 3}, b"\x00"]
    assert terminal("echo", "studio/CAMERA.outbox") == Exit.OK
    assert terminal.out == "one\nt\\nwo\n{'n': 3}\nb'\\x00'\n"
    assert terminal("echo", "CAMERA.outbox", "-n", "2", "--width", "10") == Exit.OK
    assert terminal.out == "one\nt\\nwo\n"
    assert terminal.client.asked == [("tap", "studio/CAMERA.outbox"), ("tap", "CAMERA.outbox")]
    assert terminal("echo", "CAMERA.outbox", "--json") == Exit.OK
    assert [json.loads(line) for line in terminal.out.splitlines()] == [
        "one",
        "t\nwo",
        {"n": 3},
        {"type": "bytes", "length": 1, "head": "00"},
    ]


def test_hz(terminal, run):
    """How many messages came is told when the stream ends, and every so often before."""
    terminal.client.messages = list(range(1250))
    assert terminal("hz", "CAMERA.outbox") == Exit.OK
    assert "(1,250 in 0.0 s); gap " in terminal.out
    assert terminal("hz", "CAMERA.outbox", "--json") == Exit.OK
    assert json.loads(terminal.out)["messages"] == 1250


def test_hz_while_nothing_comes(terminal, run):
    """An outbox that is silent has a rate of 0; after so many lines it ends."""

    async def silent(box):
        await asyncio.sleep(3600)
        yield None

    terminal.client.tap = silent
    assert terminal("hz", "CAMERA.outbox", "-n", "2", "--seconds", "0.01") == Exit.OK
    assert terminal.out.splitlines() == ["0.0 messages/s (0 in 0.0 s)"] * 2


def test_what_goes_wrong_while_counting_is_told(terminal, run):
    """A node that does not answer ends `hz` as it ends `echo`."""
    terminal.client.error = NoAnswer("gone")
    assert terminal("hz", "CAMERA.outbox") == Exit.NO_ANSWER


def test_rates():
    """Messages a second, and the gaps between them, since the last time."""
    rate = Rate(10.0)
    for now in (10.0, 10.1, 10.3):
        rate.happened(now)
    figures = rate.taken(10.5)
    assert {k: round(v, 3) for k, v in figures.items()} == {
        "messages": 3,
        "seconds": 0.5,
        "rate": 6.0,
        "gap": 0.15,
        "gap_min": 0.1,
        "gap_max": 0.2,
        "gap_deviation": 0.05,
    }
    rate.happened(10.6)
    assert rate.taken(10.6)["gap_max"] == pytest.approx(0.3)
    assert rate.taken(10.6)["rate"] == 0.0


# -- changing


def test_send(terminal, run):
    """A text, a JSON value, or each line that is read."""
    assert terminal("send", "B.inbox", "hello world") == Exit.OK
    assert terminal("send", "B.inbox", '[1, {"a": null}]', "--json") == Exit.OK
    terminal.read = "one\ntwo\n"
    assert terminal("send", "B.inbox", "-") == Exit.OK
    assert [one[2] for one in terminal.client.asked] == [
        "hello world",
        [1, {"a": None}],
        "one",
        "two",
    ]
    assert terminal("send", "B.inbox", "hello", "--json") == Exit.MISTAKE
    assert terminal.err.startswith("kamesh: 'hello' is not JSON (")


def test_link_and_unlink(terminal, run):
    """Linkages are made with their policy; undoing what is not there is told."""
    assert terminal("link", "a/X.outbox", "b/Y.inbox", "--policy", "latest") == Exit.OK
    assert terminal("unlink", "a/X.outbox", "b/Y.inbox") == Exit.OK
    terminal.client.undone = 0
    assert terminal("unlink", "a/X.outbox", "b/Y.inbox") == Exit.FAILED
    assert terminal.err == "a/X.outbox was not linked to b/Y.inbox: nothing is undone\n"
    assert terminal.client.asked[:2] == [
        ("link", "a/X.outbox", "b/Y.inbox", "latest"),
        ("unlink", "a/X.outbox", "b/Y.inbox"),
    ]


# -- logs


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


# -- starting


def test_run_knows_what_is_meant(terminal, launched, tmp_path):
    """A Python file, a topology and a one-line pipeline each go to what runs them."""
    (tmp_path / "hello.py").write_text("")
    (tmp_path / "studio.toml").write_text("")
    assert terminal("run", "hello.py") == Exit.OK
    assert terminal("run", "hello.py", "--split", "--", "--volume", "3", "--", "x") == Exit.OK
    assert terminal("run", "studio.toml", "--name", "s") == Exit.OK
    assert terminal("run", "console-reader ! upper ! console", "--split") == Exit.OK
    assert terminal("run", "console-reader") == Exit.OK
    assert launched.calls == [
        ("run_file", "hello.py", "False", "[]"),
        ("run_file", "hello.py", "True", "['--volume', '3', '--', 'x']"),
        ("up", "studio.toml", "s"),
        ("run_words", "console-reader ! upper ! console", "True"),
        ("run_words", "console-reader", "False"),
    ]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["run", "nosuch.py"], "nosuch.py: there is no such file"),
        (["run", "folder/nosuch"], "folder/nosuch: there is no such file"),
        (["up", "nosuch.toml"], "nosuch.toml: there is no such file"),
        (["run", "."], ".: there is a folder"),
        (["demo", "film.mp4"], "film.mp4: there is no such file"),
        (["run", "a ! b", "--", "x"], "arguments after -- go to a Python file, and this is none"),
    ],
)
def test_what_cannot_be_started(terminal, launched, argv, sentence):
    """A missing file is told before anything is started."""
    assert terminal(*argv) == Exit.MISTAKE
    assert terminal.err == f"kamesh: {sentence}\n"
    assert launched.calls == []


def test_up(terminal, launched, tmp_path):
    """A topology is left running, or stayed with; what has become of it is said."""
    (tmp_path / "studio.toml").write_text("")
    run = create_run("studio", "up")
    run.node_bound("a", "tcp://127.0.0.1:1", run.pid)
    launched.launch.up_detached = lambda path, name, restarts, say: say("1 of 1") or run.fresh()
    assert terminal("up", "studio.toml") == Exit.OK
    assert terminal.out == "studio is up: a. End it with `kamesh down studio`.\n"
    assert terminal.err == "1 of 1\n"
    launched.launch.up_detached = lambda path, name, restarts, say: None
    assert terminal("up", "studio.toml") == Exit.OK
    assert terminal.err == "all of it has run to its end already\n"
    assert terminal("up", "studio.toml", "--foreground", "--restart", "2") == Exit.OK
    assert launched.calls == [("up", "studio.toml", "None", "2")]


def test_the_code_of_what_was_started_is_the_code_of_the_command(terminal, launched, tmp_path):
    """A run that fails makes the command fail."""
    (tmp_path / "hello.py").write_text("")
    launched.launch.code = 1
    assert terminal("run", "hello.py") == 1


def test_down(terminal, launched, run):
    """One run or all are ended, and which is said."""
    create_run("other", "up")
    assert terminal("down", "show") == Exit.OK
    assert terminal.out == "show has ended\n"
    assert terminal("down", "--all", "--json") == Exit.OK
    assert json.loads(terminal.out) == {"ended": ["show", "other"]}
    assert [call[0] for call in launched.calls] == ["down"] * 3
    assert terminal("down") == Exit.MISTAKE


def test_demo(terminal, launched, tmp_path):
    """What the demonstration is to be is passed on."""
    (tmp_path / "film.mp4").write_text("")
    assert terminal("demo", "film.mp4", "--seconds", "5", "--port", "8080") == Exit.OK
    assert terminal("demo") == Exit.OK
    (_, *first), (_, *second) = launched.calls
    assert {k: v if k != "film" else str(v) for k, v in first} == {
        "film": "film.mp4",
        "port": 8080,
        "recording": None,
        "seconds": 5.0,
    }
    assert dict(second)["film"] is None
