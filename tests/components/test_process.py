"""UnixProcess, with the programs that every Unix has: bytes both ways, and an end in every case."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from array import array

import pytest

from kamesh import (
    ComponentFailed,
    Graphline,
    KameshError,
    Pipeline,
    ProducerFinished,
    Shutdown,
    ThreadedComponent,
)
from kamesh.components.plumbing import FirstOnly
from kamesh.components.process import Exited, UnixProcess
from kamesh.components.process_child import arguments
from kamesh.components.sources import DataSink, DataSource, NullSink

SOON = 10.0  # seconds: generous, only so that a failing test ends


def through(messages, process):
    """Give what a program makes of some messages."""
    out = []
    Pipeline(DataSource(messages), process, DataSink(out)).run()
    return out


def boxes_of(process):
    """Run a program that is fed nothing; give what came out of its boxes."""
    got = {name: [] for name in ("outbox", "stderr", "status")}
    links = {("P", name): (name, "inbox") for name in got}
    Graphline(links, P=process, **{name: DataSink(kept) for name, kept in got.items()}).run()
    return got


def alive(pid):
    """Say whether a process runs: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(true):
    """Wait until something holds."""
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def no_zombies():
    """Say whether this process has no child that it has not waited for."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return True


def test_what_goes_in_comes_out():
    """Ten megabytes through cat: the same bytes, though they come in other pieces."""
    data = [bytes([n % 256]) * 5000 for n in range(2000)]
    assert b"".join(through(data, UnixProcess("cat"))) == b"".join(data)


def test_lines_go_in_and_come_out_as_text():
    """With `lines` each message is a line: sort needs the end of its input, and gets it."""
    assert through(["pear", "apple", b"fig"], UnixProcess(["sort"], lines=True)) == ["apple", "fig", "pear"]


def test_a_string_is_split_and_no_shell_reads_it():
    """Quotes are understood, wild cards and variables are not."""
    got = boxes_of(UnixProcess("printf '%s|' 'a b' * $HOME"))
    assert got["outbox"] == [b"a b|*|$HOME|"]


def test_a_shell_reads_it_only_when_asked():
    """With shell=True there are pipes and variables; SIGPIPE is as programs expect it."""
    got = boxes_of(UnixProcess("yes $WORD | head -2", shell=True, environment={"WORD": "no"}, lines=True))
    assert got["outbox"] == ["no", "no"]
    assert got["status"] == [Exited(0)]


def test_error_and_status_have_boxes_of_their_own(tmp_path):
    """Standard error is apart from the output; the exit status is told and is no failure here."""
    got = boxes_of(UnixProcess("pwd; echo trouble >&2; exit 3", shell=True, folder=tmp_path))
    assert got == {
        "outbox": [f"{tmp_path}\n".encode()], "stderr": [b"trouble\n"], "status": [Exited(3)],
    }  # fmt: skip


def test_check_makes_an_error_of_its_own_a_failure():
    """With check=True it fails with the status and the last it said."""
    with pytest.raises(ComponentFailed, match="sh ended with status 3: worse"):
        boxes_of(UnixProcess("echo bad >&2; echo worse >&2; exit 3", shell=True, check=True))
    with pytest.raises(ComponentFailed, match="sh was ended by SIGKILL"):
        boxes_of(UnixProcess("kill -9 $$", shell=True, check=True))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("no-such-program-here", "there is no program 'no-such-program-here' in any folder of PATH"),
        ("/no/such/program", "there is no program /no/such/program"),
        ("/etc/passwd", "/etc/passwd cannot be run: it is not executable"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(command, sentence):
    """A program that is missing or not executable fails the component, in plain words."""
    with pytest.raises(ComponentFailed, match=sentence):
        UnixProcess(command).run()


def test_scripts_and_folders_that_cannot_be_are_said(tmp_path):
    """An interpreter that is missing, a file that is no program, a folder that is not there."""
    for name, text, sentence in (
        ("script", "#!/no/interpreter\n", "the interpreter that its first line names is not there"),
        ("data", "just text", "no script with a #! line"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
        with pytest.raises(ComponentFailed, match=sentence):
            UnixProcess([str(tmp_path / name)]).run()
    with pytest.raises(ComponentFailed, match=r"cannot be run in .*: there is no such folder"):
        UnixProcess("ls", folder=tmp_path / "none").run()


@pytest.mark.parametrize("command", ["", [], "echo 'open", ["a\0b"]])
def test_what_is_no_command_is_refused_at_once(command):
    """Nothing to run, an open quote, a null character: ValueError when it is made."""
    with pytest.raises(ValueError, match="command"):
        UnixProcess(command)


def test_a_shell_takes_a_string_and_nothing_else():
    """A list with shell=True is a mistake that subprocess would let pass."""
    with pytest.raises(TypeError, match="shell=True takes one string"):
        arguments(["echo", "hi"], shell=True)


def test_who_stops_reading_its_input_ends_in_peace():
    """`head -1` of much: one line comes out, the rest is counted, nothing fails."""
    process = UnixProcess(["head", "-1"], lines=True)
    assert through(["x" * 1000] * 5000, process) == ["x" * 1000]
    assert process.exited == Exited(0)


def test_nobody_wants_more_of_an_endless_program():
    """`yes` is ended by SIGTERM when the one line that is wanted has come."""
    process = UnixProcess("yes", lines=True)
    out = []
    Pipeline(process, FirstOnly(), DataSink(out)).run()
    assert out == ["y"]
    assert process.exited == Exited(None, "SIGTERM")
    until(no_zombies)


def test_one_that_ignores_sigterm_is_killed_with_all_its_children(tmp_path):
    """SIGTERM, then after `grace` SIGKILL, and to the whole group: a child's child too."""
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 1000 & echo $! > {pids}; echo $$ >> {pids}; echo go; wait; wait"
    process = UnixProcess(script, shell=True, grace=0.2, lines=True)
    with process.background() as running:
        assert running.get(timeout=SOON) == "go"
        running.stop()
    assert process.exited == Exited(None, "SIGKILL")
    until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    until(no_zombies)


def test_what_it_leaves_behind_in_its_group_is_ended_too(tmp_path):
    """It ends and leaves one that keeps the output open: after `grace` that is ended."""
    pid = tmp_path / "pid"
    got = boxes_of(UnixProcess(f"sleep 1000 & echo $! > {pid}; echo bye", shell=True, grace=0.2))
    assert got["outbox"] == [b"bye\n"]
    assert got["status"] == [Exited(0)]
    until(lambda: not alive(int(pid.read_text())))


@pytest.mark.parametrize("told", [Shutdown(), ProducerFinished()])
def test_one_that_nothing_feeds_ends_when_it_is_told(told):
    """Both words end a program whose input nobody feeds: it would never hear of an end."""
    process = UnixProcess("sleep 1000")
    got = []
    Graphline(
        {("T", "outbox"): ("P", "control"), ("P", "status"): ("S", "inbox")},
        T=DataSource([told]), P=process, S=DataSink(got),
    ).run()  # fmt: skip
    assert got == [Exited(None, "SIGTERM")]


def test_stopped_from_outside_it_leaves_nothing():
    """stop() waits for nobody: the program is told SIGTERM, waited for in a thread, and is gone."""
    process = UnixProcess("sleep 1000")
    with Pipeline(process, NullSink()).background():
        until(lambda: process.details().get("pid"))
        pid = process.details()["pid"]
        process.stop()
    until(lambda: not alive(pid))
    until(no_zombies)


def test_a_reader_that_does_not_read_holds_the_program_up():
    """Nobody takes the output: `yes` is held up in its write, and memory stays bounded."""

    class Deaf(ThreadedComponent):
        bounds = {"inbox": 4}

        def main(self):
            time.sleep(0.3)  # a pause would end with the first that comes
            self.level = len(self.inbox)

    deaf = Deaf()
    process = UnixProcess("yes")
    Pipeline(process, deaf).run()
    assert 4 <= deaf.level <= 8
    assert process.exited == Exited(None, "SIGTERM")


def test_a_slow_reader_gets_all_though_the_program_ended_long_ago():
    """What is in the pipe when the program has ended is not lost to who reads later than `grace`."""

    class Slow(ThreadedComponent):
        bounds = {"inbox": 1}
        size = 0

        def main(self):
            for data in self.inbox:
                time.sleep(0.1)
                self.size += len(data)

    slow = Slow()
    Pipeline(UnixProcess(["head", "-c", "60000", "/dev/zero"], grace=0.05), slow).run()
    assert slow.size == 60000


def test_one_that_floods_its_output_and_ignores_sigterm_holds_nobody_up():
    """What it still says is thrown away in turns: the loop goes on, and SIGKILL comes in time."""
    process = UnixProcess("trap '' TERM; echo go; while :; do yes; done", shell=True, grace=0.2)
    began = time.monotonic()
    Pipeline(process, FirstOnly()).run()
    assert time.monotonic() - began < SOON
    assert process.exited == Exited(None, "SIGKILL")


def test_a_program_that_does_not_read_holds_its_feeder_up():
    """`sleep` takes what its pipe holds and no more: the source is not run on and on."""
    taken = []

    def source():
        for number in range(100_000):
            taken.append(number)
            yield bytes(1000)

    process = UnixProcess("sleep 0.3")
    Pipeline(DataSource(source()), process).run()
    assert len(taken) < 2000
    assert process.exited == Exited(0)


def test_a_wrong_message_fails_it_and_ends_the_program():
    """A number is neither bytes nor str; the program does not outlive the mistake."""
    process = UnixProcess("cat")
    with pytest.raises(ComponentFailed, match="was sent a int"):
        Pipeline(DataSource([17]), process, DataSink()).run()
    until(no_zombies)


def test_views_of_any_shape_go_in_whole():
    """A view of numbers, or one with gaps, is written byte by byte, however often the pipe is full."""
    numbers = array("i", range(100_000))
    assert b"".join(through([memoryview(numbers)], UnixProcess("cat"))) == numbers.tobytes()
    assert through([memoryview(b"a-b-")[::2]], UnixProcess("cat")) == [b"ab"]


def test_text_that_no_bytes_stand_for():
    """Half of a surrogate pair fails it in a sentence."""
    with pytest.raises(ComponentFailed, match="UTF-8 has no bytes for"):
        through(["\ud800"], UnixProcess("cat"))


def test_what_is_left_behind_and_never_silent_is_ended_too():
    """Who goes on writing after the program has ended has `grace` seconds, and no more."""
    got = boxes_of(UnixProcess("yes & echo $$", shell=True, grace=0.1))
    assert got["status"] == [Exited(0)]
    until(no_zombies)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"command": None}, "a string or a list of them, not None"),
        ({"command": b"ls"}, "108 in a command is no text"),
        ({"command": ["head", "-n", 5]}, "5 in a command is no text: write '5'"),
        ({"command": "env", "environment": "A=1"}, "it is a dict"),
        ({"command": "env", "environment": {"A": 1}}, "both the name and the value are text"),
        ({"command": "env", "grace": "3"}, "grace='3': a number of seconds"),
        ({"command": "env", "grace": None}, "grace=None: a number of seconds"),
    ],
)
def test_wrong_options_are_refused_at_once(options, sentence):
    """What is of a wrong type is said in a sentence when it is made."""
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        UnixProcess(**options)


def test_what_the_system_cannot_take_is_a_sentence():
    """A variable that there cannot be fails it, and names the program; such a folder is refused at once."""
    with pytest.raises(ComponentFailed, match="failed: env cannot be run"):
        UnixProcess("env", environment={"A=B": ""}).run()
    with pytest.raises(KameshError, match="there is a zero byte in it"):
        UnixProcess("env", folder="a\0b")


PARENT = """
import sys, time
from kamesh.components.process import UnixProcess
UnixProcess("echo $$; sleep 1000 & echo $!; trap '' TERM; while :; do sleep 1; done",
            shell=True, grace=0.3).run()
"""


def test_no_orphan_stays_when_this_process_is_killed(tmp_path):
    """SIGKILL for the parent: the program that ignores SIGTERM and its child are gone soon after."""
    script = PARENT.replace("UnixProcess(\"echo", f"UnixProcess(\"exec >{tmp_path}/pids; echo")
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    try:
        pids = tmp_path / "pids"
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        children = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in children)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not any(alive(pid) for pid in children))
