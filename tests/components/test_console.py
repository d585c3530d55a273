"""The console: nothing blocks, nothing is lost, and it ends when it should."""

import asyncio
import io
import os
import pty
import subprocess
import sys
import threading

import pytest

from kamesh import Component, ComponentFailed, Pipeline, Shutdown
from kamesh.components.console import ConsoleEchoer, ConsoleReader
from kamesh.components.sources import DataSink, DataSource, OneShot
from kamesh.components.ticker import Ticker
from kamesh.testing import run

SOON = 10.0  # seconds: generous, only so that a failing test ends
IMPORTS = """
from kamesh import *
from kamesh.components.console import *
from kamesh.components.sources import *
"""


@pytest.fixture
def typed(monkeypatch):
    """Put a pipe in place of standard input; give the end to type into."""
    there, here = os.pipe()
    yield from _stdin(monkeypatch, there, here)


@pytest.fixture
def terminal(monkeypatch):
    """Put a terminal in place of standard input; give its other side."""
    here, there = pty.openpty()
    yield from _stdin(monkeypatch, there, here)


def _stdin(monkeypatch, there, here):
    with open(there, encoding="utf-8") as stdin, open(here, "wb", buffering=0) as typing:
        use_stdin(monkeypatch, stdin)
        yield typing


def use_stdin(monkeypatch, stdin):
    """Have `stdin` stand for the process's own standard input."""
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "__stdin__", stdin)


def use_stdout(monkeypatch, stdout):
    """Have `stdout` stand for the process's own standard output."""
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "__stdout__", stdout)


def read_all(**options):
    """Run a reader to the end of its input; give the lines."""
    lines = []
    Pipeline(ConsoleReader(**options), DataSink(lines)).run()
    return lines


async def until(condition):
    """Wait until `condition` holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0.001)


def stop_when(condition, component):
    """Run `component`, tell it Shutdown once `condition` holds, and wait for its end."""

    async def main():
        running = asyncio.ensure_future(component.run_async())
        async with asyncio.timeout(SOON):
            await until(condition)
            component.control.deliver(Shutdown())
            await running

    asyncio.run(main())


def python(code, **options):
    """Run a program that has imported what it needs."""
    return subprocess.run(
        [sys.executable, "-c", IMPORTS + code],
        capture_output="stdout" not in options,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        **options,
    )


class TestReader:
    def test_lines_arrive_in_order_without_their_line_feed(self, typed):
        """Lines are sent as str, CR LF and a last line without a line feed included."""
        typed.write("one\ntwo\r\n\nvier \N{SNOWMAN}".encode())
        typed.close()
        assert read_all() == ["one", "two", "", "vier \N{SNOWMAN}"]

    def test_eol_is_put_back_on_request(self, typed):
        """`eol` is appended to each line, as Kamaelia's reader did."""
        typed.write(b"one\ntwo")
        typed.close()
        assert read_all(eol="\n") == ["one\n", "two\n"]

    def test_a_line_is_sent_when_it_is_complete(self, typed):
        """A line typed in two pieces arrives once, whole, before the input ends."""
        lines = []
        pipeline = Pipeline(ConsoleReader(), DataSink(lines))
        typed.write(b"hel")
        timer = threading.Timer(0.05, typed.write, [b"lo\n"])
        timer.start()
        stop_when(lambda: lines, pipeline)
        timer.join()
        assert lines == ["hello"]

    @pytest.mark.parametrize("kind", ["typed", "terminal"])
    def test_a_stop_reaches_it_while_nobody_types(self, kind, request):
        """Shutdown ends it at once though it waits for input, from a pipe or a terminal."""
        request.getfixturevalue(kind)
        reader = ConsoleReader()
        stop_when(lambda: reader.state == "asleep", Pipeline(reader, DataSink()))
        assert reader.state == "ended"

    def test_others_go_on_while_nobody_types(self, typed):
        """A reader that waits for input does not hold up the components beside it."""
        numbers = []
        reader = Pipeline(ConsoleReader(), DataSink(), name="READER")
        ticker = Pipeline(Ticker(0.001, count=20), DataSink(numbers), name="TICKER")

        class Both(Component):
            def main(self):
                for part in (reader, ticker):
                    part._strand.start(self._strand.runtime)
                while ticker.state != "ended":
                    yield self.pause(0.001)
                reader.stop()

        Both().run()
        assert numbers[-1] == 20

    def test_a_file_is_read_as_there_is_room(self, monkeypatch, tmp_path):
        """From a file on a disk all lines arrive, through an inbox of four."""
        path = tmp_path / "numbers"
        path.write_text("".join(f"{n}\n" for n in range(20_000)))

        class Small(DataSink):
            bounds = {"inbox": 4}

        lines = []
        with path.open() as stdin:
            use_stdin(monkeypatch, stdin)
            Pipeline(ConsoleReader(), Small(lines)).run()
        assert lines == [str(n) for n in range(20_000)]

    def test_it_reads_no_further_than_it_has_sent(self, typed):
        """Nothing more is read while lines wait for room: back-pressure reaches who types."""

        class Deaf(Component):
            bounds = {"inbox": 4}

            def main(self):
                while not self.control.queue:
                    yield self.pause()

        os.set_blocking(typed.fileno(), False)
        written = 0

        def full():
            nonlocal written
            if reader.state != "blocked":
                return False
            while (more := typed.write(b"x\n" * 512)) is not None:
                written += more
            return True

        reader = ConsoleReader()
        typed.write(b"x\n" * 512)
        stop_when(full, Pipeline(reader, Deaf()))
        assert 0 < written <= 2**20  # what a pipe holds, and no more

    def test_bytes_that_are_no_text_are_replaced(self, typed):
        """What cannot be decoded comes as U+FFFD, and the lines after it are whole."""
        typed.write(b"a\xffb\nok\n")
        typed.close()
        assert read_all() == ["a\N{REPLACEMENT CHARACTER}b", "ok"]

    def test_a_line_without_end_is_refused(self, monkeypatch):
        """Input that is not text fails with a sentence instead of filling the memory."""
        with open("/dev/zero") as stdin:
            use_stdin(monkeypatch, stdin)
            with pytest.raises(ComponentFailed, match="more than 1048576 characters"):
                read_all()

    def test_closed_input_is_the_end(self, monkeypatch):
        """A program that was started without standard input sees an empty one."""
        use_stdin(monkeypatch, None)
        assert read_all() == []

    def test_an_input_put_in_its_place_is_read(self, monkeypatch):
        """What a program assigned to sys.stdin is read as it is."""
        monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo"))
        assert read_all() == ["one", "two"]

    def test_the_prompt_is_shown_at_a_terminal(self, terminal, capsys):
        """At a terminal the prompt is shown once for each line, after the answer to the last."""
        shown = []
        reader = ConsoleReader("? ")
        pipeline = Pipeline(reader, str.upper, ConsoleEchoer())

        def prompted():
            shown.append(capsys.readouterr().out)
            return "".join(shown).endswith("? ")

        async def main():
            running = asyncio.ensure_future(pipeline.run_async())
            async with asyncio.timeout(SOON):
                await until(prompted)
                terminal.write(b"hello\n")
                shown.append("|")
                await until(prompted)
                terminal.write(b"\x04")
                await running

        asyncio.run(main())
        assert "".join(shown) == "? |HELLO\n? "

    def test_no_prompt_in_a_pipe(self, typed, capsys):
        """Where nobody types, nothing but the answers is printed."""
        typed.write(b"hello\n")
        typed.close()
        Pipeline(ConsoleReader(), ConsoleEchoer()).run()
        assert capsys.readouterr().out == "hello\n"


class TestEchoer:
    def test_each_message_has_a_line(self, capsys):
        """Messages of all kinds are printed one a line, with no empty lines between them."""
        Pipeline(DataSource(["one", "two\n", 3, None, b"4", ""]), ConsoleEchoer()).run()
        assert capsys.readouterr().out == "one\ntwo\n3\nNone\nb'4'\n\n"

    def test_tag_and_forward(self, capsys):
        """A tag goes before each message that is printed, and not into what is sent on."""
        assert run(ConsoleEchoer(True, tag="> "), ["a", "b"])["outbox"] == ["a", "b"]
        assert capsys.readouterr().out == "> a\n> b\n"

    def test_it_flushes_once_a_turn(self, monkeypatch):
        """Ten thousand messages cost a few writes, not ten thousand."""

        class Out(io.StringIO):
            flushed = 0

            def flush(self):
                self.flushed += 1

        out = Out()
        monkeypatch.setattr(sys, "stdout", out)
        Pipeline(DataSource(range(10_000)), ConsoleEchoer()).run()
        assert out.getvalue().splitlines() == [str(n) for n in range(10_000)]
        assert out.flushed < 100

    def test_a_slow_reader_gets_everything(self, monkeypatch):
        """Through a pipe that is read a little at a time every line arrives, in order."""
        there, here = os.pipe()
        got = []

        def read_slowly():
            while data := os.read(there, 1000):
                got.append(data)

        reader = threading.Thread(target=read_slowly)
        reader.start()
        with open(here, "w") as stdout:
            use_stdout(monkeypatch, stdout)
            pipeline = Pipeline(DataSource(range(50_000)), ConsoleEchoer())
            asyncio.run(asyncio.wait_for(pipeline.run_async(), SOON))
        reader.join(SOON)
        os.close(there)
        assert b"".join(got).decode().split() == [str(n) for n in range(50_000)]

    def test_a_stop_reaches_it_while_nobody_reads(self, monkeypatch):
        """With the pipe full and nobody reading, Shutdown ends it at once."""
        there, here = os.pipe()
        with open(here, "w") as stdout:
            use_stdout(monkeypatch, stdout)
            echoer = ConsoleEchoer()
            source = DataSource(range(1_000_000))
            stop_when(lambda: source.state == "blocked", Pipeline(source, echoer))
        os.close(there)
        assert echoer.state == "ended"

    def test_who_stops_reading_ends_the_pipeline_quietly(self):
        """`program | head` ends by itself, with no traceback, and the source is told to stop."""
        code = (
            "import itertools\n"
            "Pipeline(DataSource(itertools.count()), ConsoleEchoer()).run()\n"
            "print('what is left is not printed')\n"
        )
        program = subprocess.Popen(
            [sys.executable, "-c", IMPORTS + code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == b"0\n"
        program.stdout.close()
        errors = program.stderr.read()
        program.stderr.close()
        assert program.wait(SOON) == 0
        assert errors == b""

    def test_a_full_disk_is_said(self):
        """Output into a file on a full disk fails with a sentence."""
        with open("/dev/full", "w") as full:
            done = python(
                "try:\n    Pipeline(OneShot('x'), ConsoleEchoer()).run()\n"
                "except ComponentFailed as failure:\n"
                "    import sys; sys.exit(failure.failure.message)",
                stdout=full,
                stderr=subprocess.PIPE,
            )
        assert done.returncode == 1
        assert done.stderr == "standard output cannot be written: No space left on device\n"

    def test_closed_output_does_not_matter(self, monkeypatch):
        """A program that was started without standard output prints nothing, and forwards."""
        use_stdout(monkeypatch, None)
        assert run(ConsoleEchoer(forward=True), ["a"])["outbox"] == ["a"]

    def test_what_the_program_printed_comes_first(self):
        """Lines printed by `print` before keep their place before the echoer's."""
        done = python("print('first')\nPipeline(OneShot('second'), ConsoleEchoer()).run()")
        assert (done.stdout, done.stderr) == ("first\nsecond\n", "")

    def test_characters_the_output_cannot_show(self, monkeypatch, tmp_path):
        """A character that the output's encoding lacks is written as an escape."""
        with open(tmp_path / "out", "w", encoding="ascii") as stdout:
            use_stdout(monkeypatch, stdout)
            Pipeline(OneShot("caf\u00e9"), ConsoleEchoer()).run()
        assert (tmp_path / "out").read_bytes() == b"caf\\xe9\n"
