"""Runs on this host: what is kept of them, who may read it, and which of them still live."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from kamesh.deploy.launching.processes import alive, birth
from kamesh.deploy.launching.runs import (
    NothingRunning,
    create_run,
    find_run,
    list_runs,
    run_name,
)
from kamesh.deploy.launching.runtimedir import FolderRefused, locked, runtime_folder, write_whole
from kamesh.errors import KameshError, NameTaken, UnknownName


@pytest.fixture
def top(tmp_path, monkeypatch):
    """An empty folder for runs."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("KAMESH_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def child():
    """A process of ours that waits to be ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def rewrite(run, **changes):
    """Change what run.json says."""
    path = run.folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# -- processes


def test_a_process_lives_until_it_has_ended(child):
    """Alive while it runs; not once it has ended, be it collected by its parent or not."""
    born = birth(child.pid)
    assert born > 0
    assert alive(child.pid, born)
    assert alive(child.pid, 0)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not alive(child.pid, born)
    assert not alive(child.pid, 0)
    child.wait()
    assert not alive(child.pid, born)


def test_a_number_used_again_is_another_process(child):
    """The same number with another birth is not the process that is asked for."""
    assert not alive(child.pid, birth(child.pid) + 1)
    assert not alive(0, 0)
    assert not alive(-1, 0)


# -- the folder


def test_where_the_folder_is(tmp_path):
    """KAMESH_RUNTIME_DIR comes first, then this user's own XDG_RUNTIME_DIR, then /tmp."""
    own, missing = tmp_path / "session", tmp_path / "missing"
    own.mkdir()
    chosen = runtime_folder(
        {"KAMESH_RUNTIME_DIR": str(tmp_path / "k"), "XDG_RUNTIME_DIR": str(own)}
    )
    assert chosen == tmp_path / "k"
    assert runtime_folder({"XDG_RUNTIME_DIR": str(own)}) == own / "kamesh"
    assert str(runtime_folder({"XDG_RUNTIME_DIR": str(missing)})) == f"/tmp/kamesh-{os.geteuid()}"
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o700


def test_a_folder_open_to_readers_is_closed(tmp_path):
    """A folder of ours that others could read is made private before anything is put in."""
    folder = tmp_path / "k"
    folder.mkdir(mode=0o755)
    runtime_folder({"KAMESH_RUNTIME_DIR": str(folder)})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_folders_that_are_refused(tmp_path, monkeypatch):
    """A link, a file, another user's folder, and one that others may write to."""
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    (tmp_path / "file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name, sentence in [
        ("link", "is a link to somewhere else"),
        ("file", "is a file"),
        ("open", "others may write to .*chmod 700"),
        ("file/below", "cannot hold the runs of kamesh: Not a directory"),
    ]:
        with pytest.raises(FolderRefused, match=sentence):
            runtime_folder({"KAMESH_RUNTIME_DIR": str(tmp_path / name)})
    monkeypatch.setattr("os.geteuid", lambda: real.stat().st_uid + 1)
    with pytest.raises(FolderRefused, match="belongs to another user"):
        runtime_folder({"KAMESH_RUNTIME_DIR": str(real)})


def test_the_lock_is_not_waited_for_for_ever(top, monkeypatch):
    """Who holds the lock keeps others out, and after the deadline they are told."""
    monkeypatch.setattr("kamesh.deploy.launching.runtimedir.LOCK_PATIENCE", 0.02)
    folder = runtime_folder()
    with (
        locked(folder),
        pytest.raises(FolderRefused, match=r"another kamesh has held .* for 0.02 seconds"),
        locked(folder),
    ):
        pass
    with locked(folder):
        pass


def test_files_are_written_whole(tmp_path):
    """What is written replaces what was there at once, and only its owner can read it."""
    path = tmp_path / "a.json"
    write_whole(path, "old")
    before = path.open()
    write_whole(path, "new")
    assert (before.read(), path.read_text()) == ("old", "new")
    before.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


# -- runs


def test_a_run_is_created_listed_and_removed(top):
    """What was created is found again, with a key of its own that only we can read."""
    assert list_runs() == []
    run = create_run("hello", "run", source="hello.py")
    assert (run.name, run.kind, run.pid, run.source) == ("hello", "run", os.getpid(), "hello.py")
    assert list_runs() == [run] == [find_run()]
    assert find_run("hello") == run.fresh() == run
    assert run.key_hex == (top / "hello" / "mesh.key").read_bytes().hex()
    assert run.key.identity == find_run().key.identity
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (run.folder, *sorted(run.folder.iterdir()))]
    assert modes == [0o700, 0o700, 0o600, 0o600]
    run.log_file("studio").write_text("one\n")
    run.remove()
    assert not run.folder.exists()
    with pytest.raises(
        NothingRunning, match="nothing is running here: start something with `kamesh run`"
    ):
        find_run()
    with pytest.raises(NothingRunning, match="the run 'hello' is over"):
        run.fresh()


def test_nodes_come_and_go(top, child):
    """Nodes are noted with where they listen and which process they are."""
    run = create_run("hello", "up")
    run.node_bound("a", "tcp://127.0.0.1:1", child.pid)
    run.node_bound("b", "tcp://127.0.0.1:2", os.getpid())
    nodes = find_run().nodes
    assert {n: (one.endpoint, one.pid, one.alive) for n, one in nodes.items()} == {
        "a": ("tcp://127.0.0.1:1", child.pid, True),
        "b": ("tcp://127.0.0.1:2", os.getpid(), True),
    }
    run.node_gone("a")
    assert list(find_run().nodes) == ["b"]


def test_dead_runs_are_swept(top, child):
    """When launcher and nodes are gone, whoever looks removes what is left, the key too."""
    run = create_run("hello", "run")
    run.node_bound("a", "tcp://127.0.0.1:1", child.pid)
    rewrite(run, born=run.born + 1)
    assert [one.name for one in list_runs()] == ["hello"], "a node of it lives"
    child.kill()
    child.wait()
    assert list_runs() == []
    assert not run.folder.exists()


def test_only_what_is_ours_is_removed(top):
    """A folder that is no run, and a file that somebody put into one, are left alone."""
    run = create_run("hello", "run")
    (run.folder / "precious.txt").write_text("mine")
    (top / "thesis").mkdir()
    (top / "thesis" / "chapter.txt").write_text("all")
    rewrite(run, born=1)
    assert list_runs() == []
    assert (run.folder / "precious.txt").read_text() == "mine"
    assert not (run.folder / "mesh.key").exists()
    assert (top / "thesis" / "chapter.txt").exists()


def test_names_are_distinct(top):
    """A second run of one name gets a number, or is refused if it must have that name."""
    names = [create_run("hello", "run").name for _ in range(3)]
    assert names == ["hello", "hello-2", "hello-3"]
    with pytest.raises(
        NameTaken, match=r"called 'hello' is going on \(process \d+\).*kamesh down hello"
    ):
        create_run("hello", "up", exact=True)


def test_a_name_is_free_again(top):
    """A dead run does not keep its name."""
    rewrite(create_run("hello", "run"), born=1)
    assert create_run("hello", "up", exact=True).name == "hello"


@pytest.mark.parametrize(
    ("name", "kind"), [("a/b", "run"), ("..", "run"), ("", "run"), ("a", "walk")]
)
def test_names_and_kinds_that_will_not_do(top, name, kind):
    """A name that would lead out of the folder is refused."""
    with pytest.raises(UnknownName):
        create_run(name, kind)


def test_finding_one_of_several(top):
    """With several runs a name is asked for, and a wrong one gets the right one shown."""
    create_run("hello", "run")
    create_run("studio", "up")
    assert find_run("studio").kind == "up"
    with pytest.raises(
        UnknownName, match="several runs are going on, hello and studio: say which"
    ):
        find_run()
    with pytest.raises(
        UnknownName, match=r"no run is called 'stduio' \(did you mean 'studio'\?\); there is: h"
    ):
        find_run("stduio")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 1}', '{"version": 1, "nodes": 3}'])
def test_a_broken_record_is_told_not_raised(top, text, caplog):
    """A run.json that is not one is warned of; the other runs are listed all the same."""
    run = create_run("broken", "run")
    create_run("sound", "run")
    (run.folder / "run.json").write_text(text)
    assert [one.name for one in list_runs()] == ["sound"]
    assert "cannot be read" in caplog.text
    assert run.folder.exists()
    with pytest.raises(KameshError, match=r"broken/run.json cannot be read"):
        run.fresh()


def test_a_record_of_a_newer_version_is_left_alone(top, caplog):
    """What a newer kamesh wrote is neither guessed at nor removed."""
    run = create_run("newer", "run")
    rewrite(run, version=2, more=1)
    assert list_runs() == []
    assert "was written by a newer kamesh" in caplog.text
    assert run.folder.exists()


def test_changes_from_several_sides_are_all_kept(top):
    """Notes made at the same time are all there in the end."""
    run = create_run("hello", "run")
    threads = [
        threading.Thread(target=run.node_bound, args=(f"n{n}", f"tcp://127.0.0.1:{n}", os.getpid()))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(find_run().nodes) == [f"n{n}" for n in range(8)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("demos/hello.py", "hello"),
        ("studio.toml", "studio"),
        ("console-reader ! upper", "console-reader"),
        ("My Film (1).py", "my-film-1"),
        ("...", "run"),
    ],
)
def test_the_name_of_a_run(source, name):
    """A run is called after its file or the first word of its pipeline."""
    assert run_name(source) == name


def test_the_last_run_that_failed_unseen_is_told_of(top):
    """Its reason and its logs are kept, without its key, until another one fails."""
    for number in (1, 2):
        run = create_run("boom", "up")
        run.log_file("a").write_text(f"what a said, {number}\n")
        run.keep_as_failed(f"reason {number}")
        run.remove()
    with pytest.raises(NothingRunning, match=r"failed was boom: reason 2\nits logs are in "):
        find_run()
    (kept,) = [one for one in top.iterdir() if one.is_dir()]
    assert (kept / "logs" / "a.log").read_text() == "what a said, 2\n"
    assert not (kept / "mesh.key").exists()
    assert list_runs() == []
