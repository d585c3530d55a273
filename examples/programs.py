"""Other programs as components: their input, output, error and exit status are boxes."""

from kamesh import Graphline, Pipeline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.process import UnixProcess
from kamesh.components.sources import DataSource

WORDS = ["pear", "apple", "pear", "fig", "apple", "pear"]

# A pipeline of programs, as a shell has it; a string is split, and no shell reads it.
Pipeline(
    DataSource(WORDS),
    UnixProcess("sort", lines=True),
    UnixProcess(["uniq", "-c"], lines=True),
    str.strip,
    ConsoleEchoer(),
).run()

# What a program says on standard error, and how it ends, come by boxes of their own.
Graphline(
    PROGRAM=UnixProcess(["sh", "-c", "echo fine; echo oh dear >&2; exit 3"], lines=True),
    OUT=ConsoleEchoer(tag="out: "),
    linkages={("PROGRAM", "outbox"): ("OUT", "inbox")} | {
        ("PROGRAM", box): (box, "inbox") for box in ("stderr", "status")
    },
    stderr=ConsoleEchoer(tag="stderr: "),
    status=ConsoleEchoer(tag="status: "),
).run()
