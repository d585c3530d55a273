"""The console: lines of standard input come in, messages go out as lines of standard output.

Both run in turns and never block: a terminal that nobody types at, or a pipe that nobody reads, holds
up neither the components beside them nor a stop. (A thread would be left behind in `read`, and one
that is left behind in `write` keeps Python from ending cleanly.)

Laws
1. A line is sent when there is room for it; more is read when those before it have been sent.
2. Who no longer reads the output ends the echoer quietly, as it would any Unix tool.
3. `sys.stdin` and `sys.stdout` that a program has replaced are used as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import ClassVar

from kamesh import Component
from kamesh.components.descriptor import Descriptor
from kamesh.components.framing.lines import LineSplitter
from kamesh.components.sending import sending, shut_down
from kamesh.errors import KameshError

__all__ = ["ConsoleEchoer", "ConsoleError", "ConsoleReader"]

ANSWER = 0.05  # seconds that the answer to a line has to be printed before the next prompt


class ConsoleError(KameshError, OSError):
    """Standard input or output broke."""


class ConsoleReader(Component):
    r"""Sends each line of standard input.

    Example:
        >>> Pipeline(ConsoleReader(), str.upper, ConsoleEchoer()).run()     # somebody types "hello"
        HELLO

    `prompt` is shown when standard input is a terminal, and only then; `eol` is put at the end of
    each line (Kamaelia's reader left the line feed there: `eol="\n"`). Text is decoded as Python
    decodes standard input, with U+FFFD for bytes that are not text.

    Boxes: "outbox" the lines, as str without their line feed; "control".

    How it ends: at the end of the input (Ctrl-D at a terminal), at once when it is told to on
    "control", and at once if standard input is closed. It fails for a line of more than a million
    characters. It reads ahead: what it has read and not sent when it is stopped is gone, as with
    Unix tools that share a pipe, and it does not see what `input()` has read ahead.
    """

    inboxes: ClassVar = {"control": "told here to finish or to stop"}
    outboxes: ClassVar = {
        "outbox": "lines, without their line feed",
        "signal": "passes on what was told on control",
    }

    def __init__(self, prompt: str = ">>> ", eol: str = "", *, name: str | None = None) -> None:
        """Take what to show and what to put at the end of lines; nothing is read yet."""
        super().__init__(name=name)
        self.prompt = prompt
        self.eol = eol

    def main(self) -> Generator[None, None, None]:
        """Send line after line, as there is room."""
        stdin = sys.stdin
        replaced = stdin is not sys.__stdin__
        if stdin is None or stdin.closed:
            return
        if replaced:
            yield from sending(self, (line.removesuffix("\n") + self.eol for line in stdin))
            return
        lines = LineSplitter(stdin.encoding, "replace")
        try:
            with Descriptor(stdin.fileno()) as console:
                yield from self._read(console, lines, self.prompt if stdin.isatty() else "")
        except OSError as error:
            raise ConsoleError(f"standard input cannot be read: {error.strerror}") from error

    def _read(
        self, console: Descriptor, lines: LineSplitter, prompt: str
    ) -> Generator[None, None, None]:
        at_end = asked = False
        while not (self.stopping() or at_end):
            data = console.read()
            if data is None:
                yield from self._wait(console, "" if asked else prompt)
                asked = True
                continue
            asked, at_end = False, not data
            got = lines.finish() if at_end else lines.feed(data)
            yield from sending(self, [line + self.eol for line in got])
            yield

    def _wait(self, console: Descriptor, prompt: str) -> Generator[None, None, None]:
        if prompt:
            yield self.pause(ANSWER)
            if self.stopping():
                return
            if sys.stdout is not None:
                sys.stdout.write(prompt)
                sys.stdout.flush()
        console.when_readable(self._strand.wake)
        yield self.pause()


class ConsoleEchoer(Component):
    """Prints each message on a line of its own.

    Example:
        >>> Pipeline(DataSource(["one", 2]), ConsoleEchoer(tag="> ")).run()
        > one
        > 2

    What is not a str is printed as `str()` gives it; one that ends with a line feed gets no other.
    `tag` is put before each message; with `forward` each is sent on as well, so that the echoer can
    stand in the middle of a pipeline. Characters the output cannot show are written as escapes.

    Boxes: "inbox" what to print; "outbox" the same, with `forward`; "control".

    How it ends: when its inbox has ended, or it is told to on "control", after what it has taken is
    written (told Shutdown, it waits for nobody). When whoever read the output is gone, as in
    `program | head`, it ends quietly, and with it those that feed it in a Pipeline. It fails, with
    a sentence, when standard output is a file on a disk that is full.
    """

    outboxes: ClassVar = {
        "outbox": "what was printed, if it forwards",
        "signal": "passes on what was told on control",
    }
    inboxes: ClassVar = {"inbox": "what to print", "control": "told here to finish or to stop"}

    def __init__(self, forward: bool = False, *, tag: str = "", name: str | None = None) -> None:
        """Take whether to forward and what to put before each message; nothing is printed yet."""
        super().__init__(name=name)
        self.forward = forward
        self.tag = tag

    def main(self) -> Generator[None, None, None]:
        """Print what has arrived, all of a turn at once."""
        real = sys.stdout if sys.stdout is sys.__stdout__ else None
        try:
            if real is None:
                yield from self._echo(None)
                return
            with Descriptor(real.fileno()) as console:
                yield from self._echo(console)
        except BrokenPipeError:
            if real is not None:
                _send_nowhere(real.fileno())
        except OSError as error:
            raise ConsoleError(f"standard output cannot be written: {error.strerror}") from error

    def _echo(self, console: Descriptor | None) -> Generator[None, None, None]:
        while not self.stopping():
            messages = list(self.inbox)
            text = "".join(map(self._line, messages))
            yield from self._write(console, text)
            if self.forward:
                self.send_all(messages)
            if not messages:  # else look again: what came while it wrote has woken it already
                self.pause()
            yield

    def _line(self, message: object) -> str:
        line = f"{self.tag}{message}"
        return line if line.endswith("\n") else line + "\n"

    def _write(self, console: Descriptor | None, text: str) -> Generator[None, None, None]:
        out = sys.stdout
        if out is None or not text:  # closed when the program began: as with `print`, nobody minds
            return
        if console is None:
            out.write(text)
            out.flush()
            return
        out.flush()  # what the program itself has printed comes first
        rest = memoryview(text.encode(out.encoding, "backslashreplace"))
        while rest := rest[console.write(rest) :]:
            if shut_down(self):
                return
            console.when_writable(self._strand.wake)
            yield self.pause()


def _send_nowhere(output: int) -> None:
    """Let what is still buffered go nowhere, or Python complains of the broken pipe as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
