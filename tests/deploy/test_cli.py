"""The `kamesh` command: what its words mean, and its exit codes."""

import shlex
import subprocess
import sys
from importlib import import_module

import pytest

from kamesh.components.journal import NotAJournal
from kamesh.deploy.cli import verbs as verb_table
from kamesh.deploy.cli.explain import exit_code, sentence
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import create_run
from kamesh.errors import ComponentFailed, KameshError, UnknownName
from kamesh.messages import Failure
from kamesh.nodes.client import NoAnswer


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
        assert callable(getattr(import_module(f"kamesh.deploy.cli.{module}"), function))


def test_every_example_is_understood(terminal, launched, monkeypatch):
    """The examples that the help shows are commands as they stand."""
    understood = []
    for name, verb in verb_table.VERBS.items():
        module, _, function = verb.where.partition(":")
        owner = import_module(f"kamesh.deploy.cli.{module}")
        monkeypatch.setattr(
            owner, function, lambda options, context, name=name: understood.append(name) or 0
        )
    wanted = []
    for name, verb in verb_table.VERBS.items():
        for example in verb.examples:
            assert terminal(*shlex.split(example.partition("|")[0])) == 0, terminal.err
            wanted.append(name)
    assert understood == wanted


def test_starting_up_imports_nothing_heavy(tmp_path):
    """`kamesh --help` and `kamesh ps` with nothing running load neither zmq, zeroconf nor rich."""
    program = (
        "import sys; from kamesh.deploy.cli.command import main; code = main(sys.argv[1:]);"
        "heavy = {'zmq', 'zeroconf', 'rich', 'numpy', 'av', 'aiohttp'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(code)"
    )
    for argv, code in ([["--help"], 0], [["ps", "--run", "none"], 3]):
        done = subprocess.run(
            [sys.executable, "-c", program, *argv],
            capture_output=True,
            text=True,
            timeout=30,
            env={"KAMESH_RUNTIME_DIR": str(tmp_path), "PATH": ""},
        )
        assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (NoAnswer("node a did not answer"), 4, "node a did not answer"),
        (UnknownName("no box"), 2, "no box"),
        (NotAJournal("x is no journal"), 2, "x is no journal"),
        (ComponentFailed(Failure("A", "ValueError", "no")), 1, "A failed with ValueError: no"),
        (KameshError("it broke"), 1, "it broke"),
        (
            FileNotFoundError(2, "No such file or directory", "x.y"),
            1,
            "x.y: No such file or directory",
        ),
        (
            OSError(24, "Too many open files"),
            1,
            "the system does not allow it: Too many open files",
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
    assert "several runs are going on, show and other: say which with --run NAME" in terminal.err
    assert terminal("graph", "--run", "othr") == Exit.MISTAKE
    assert "did you mean 'other'?" in terminal.err
    assert terminal("graph", "--run", "other") == Exit.OK
    assert terminal.joined == ["other"]
