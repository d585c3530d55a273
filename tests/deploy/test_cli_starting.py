"""`kamesh run`, `up`, `down` and `demo`: what is meant, and what is handed on."""

import json

import pytest

from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import create_run


def test_run_knows_what_is_meant(terminal, launched, tmp_path):
    """A Python file, a topology and a one-line pipeline each go to what runs them."""
    (tmp_path / "hello.py").write_text("")
    (tmp_path / "studio.toml").write_text("")
    assert terminal("run", "hello.py") == Exit.OK
    assert terminal("run", "hello.py", "--split", "--", "--volume", "3", "--", "x") == Exit.OK
    assert terminal("run", "studio.toml", "--name", "s") == Exit.OK
    assert terminal("run", "console-reader ! upper ! console", "--split") == Exit.OK
    assert terminal("run", "console-reader", "--name", "t") == Exit.OK
    assert launched.calls == [
        ("run_file", "hello.py", "False", "[]", ("name", None)),
        ("run_file", "hello.py", "True", "['--volume', '3', '--', 'x']", ("name", None)),
        ("up", "studio.toml", "s"),
        ("run_words", "console-reader ! upper ! console", "True", ("name", None)),
        ("run_words", "console-reader", "False", ("name", "t")),
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
