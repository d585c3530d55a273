"""What surrounds a run: its folder, the disk, the terminal, other commands at the same time."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host, until


@pytest.fixture
def tiny(host: Host) -> Iterator[Path]:
    """Have the runtime folder on a file system of its own, of 64 KiB."""
    host.runtime.mkdir(mode=0o700)
    options = ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(host.runtime)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("to mount a tiny file system needs root, and the right to mount")
    yield host.runtime
    host.close()
    subprocess.run(["umount", "-l", str(host.runtime)], check=True)


def test_a_folder_that_cannot_be_used_is_named(host: Host):
    """Somewhere that cannot be, a file, one that others may write to: a sentence, exit 1."""
    (host.folder / "file").write_text("")
    (host.folder / "open").mkdir()
    (host.folder / "open").chmod(0o777)
    (host.folder / "link").symlink_to(host.folder)
    for where, words in {
        "/dev/null/x": "cannot hold the runs of kamesh: Not a directory",
        str(host.folder / "file"): "is to hold the runs of kamesh, and is a file",
        str(host.folder / "open"): "others may write to",
        str(host.folder / "link"): "is a link to somewhere else",
    }.items():
        ended = host.kamesh(
            "run", "ticker 0.1 count=1 ! console", environment={"KAMESH_RUNTIME_DIR": where}
        )
        assert (ended.code, ended.out) == (1, "")
        assert words in ended.err
        assert ended.err.count("\n") == 1


@pytest.mark.parametrize("room", [0, 4, 8])
def test_a_disk_that_is_full_is_named_and_costs_no_message(host: Host, tiny: Path, room: int):
    """Without room for the run itself a sentence; without room for its logs it runs all the same."""
    (tiny / "fill").write_bytes(bytes((64 - room) * 1024))
    ended = host.kamesh("run", "ticker 0.1 count=5 ! console", "--split")
    assert "Traceback" not in ended.err, ended.err
    assert "No space left on device" in ended.err
    if room < 8:
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.count("\n") == 1
    else:
        assert (ended.code, ended.lines) == (0, ["1", "2", "3", "4", "5"])
        assert ended.err.count("\n") <= 3, "each of three processes says it once"
    assert [path.name for path in tiny.iterdir() if path.is_dir()] == []


def _removed(folder: Path) -> bool:
    """Remove a folder, in which somebody may write meanwhile; say whether it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_run_whose_folder_is_taken_away_goes_on(host: Host):
    """Somebody cleans up under it: the run is seen no more, and ends as well as ever."""
    running = host.start("run", "ticker 0.02 count=100 ! console", "--split")
    running.until(lambda it: it.out, "it runs")
    until(lambda: _removed(host.runtime), "it is gone")
    ended = running.ended()
    numbers = [int(line) for line in ended.lines]  # a ticker leaves out ticks that come late
    assert (ended.code, numbers[-1], numbers) == (0, 100, sorted(set(numbers)))
    assert "Traceback" not in ended.err, ended.err


def test_many_runs_started_at_once_have_names_of_their_own(host: Host):
    """Eight runs of one pipeline at the same time: all in the list under distinct names, all end."""
    started = [host.start("run", "ticker 0.2 count=20 ! console") for _ in range(8)]
    until(lambda: len(list(host.runtime.glob("*/run.json"))) == 8, "all eight are in the list")
    names = [one["name"] for one in host.json("ps")["runs"]]
    assert len(set(names)) == 8
    assert host.kamesh("down", "--all").code == 0
    for one in started:
        ended = one.ended()
        assert (ended.code, ended.err) == (0, "")
    assert host.kamesh("ps").code == 3


def test_what_a_detached_topology_prints_is_in_its_log(host: Host):
    """`kamesh up` has no terminal: what its components print is found with `kamesh logs`."""
    topology = """
[nodes.one]
[nodes.two]
[components.TICK]
use = "kamesh.components.ticker:Ticker"
with = { interval = 0.05 }
node = "one"
[components.OUT]
use = "kamesh.components.console:ConsoleEchoer"
with = { tag = "tick " }
node = "two"
[[linkages]]
from = "TICK.outbox"
to = "OUT.inbox"
"""
    assert host.kamesh("up", host.write("ticks.toml", topology)).code == 0
    until(lambda: "tick 3" in host.kamesh("logs", "two").out, "it is in the log")
    assert host.kamesh("down").code == 0
