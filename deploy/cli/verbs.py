"""The verbs of the `kamesh` command: what each is for, its arguments, and where it is.

Laws
1. To know the verbs costs nothing: what does the work is imported when its verb is used.
2. Where a verb prints data it has --json; where it talks to what runs it has --run.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["VERBS", "Verb"]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: "module:function" within `kamesh.deploy.cli`, a line of help, examples, arguments."""

    where: str
    help: str
    examples: tuple[str, ...]
    arguments: Callable[[ArgumentParser], None]
    internal: bool = False


def _whole(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a whole number") from None
        if number < least:
            raise ArgumentTypeError(f"{number} is too small: at least {least}")
        return number

    return whole


def _port(text: str) -> int:
    number = _whole(0)(text)
    if number > 65535:
        raise ArgumentTypeError(f"{number} is too large for a port: at most 65535")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < number < 1e9:
        raise ArgumentTypeError(f"{text} is not a time that can be waited for")
    return number


def _json(parser: ArgumentParser, what: str = "print JSON") -> None:
    parser.add_argument("--json", action="store_true", help=what)


def _run(parser: ArgumentParser) -> None:
    parser.add_argument("--run", metavar="NAME", help="which run, if several are going on")


def _of_run(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help='a .py file, a .toml topology, or "a ! b ! c"')
    parser.add_argument(
        "--split", action="store_true",
        help="give every component a node process of its own; each reads the file anew, so what a "
        "component keeps in its attributes stays in its process",
    )
    parser.add_argument("--name", metavar="NAME", help="what to call it (default: after the file)")
    parser.set_defaults(arguments=[])


def _of_up(parser: ArgumentParser) -> None:
    parser.add_argument("topology", metavar="TOPOLOGY", help="a .toml file")
    parser.add_argument(
        "--foreground", action="store_true", help="stay until all nodes have ended"
    )
    parser.add_argument(
        "--restart", type=_whole(0), default=0, metavar="N",
        help="start a node that dies again, up to N times each (default: %(default)s)",
    )
    parser.add_argument("--detached", action="store_true", help=SUPPRESS)  # how `up` starts itself
    parser.add_argument("--name", metavar="NAME", help="what to call it (default: after the file)")


def _of_down(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="which run, if several are going on"
    )
    parser.add_argument("--all", action="store_true", help="end all of them")
    _json(parser)


def _of_demo(parser: ArgumentParser) -> None:
    parser.add_argument(
        "film", nargs="?", metavar="FILM", help="a media file (default: a test card with a tone)"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=20.0, help="how long it runs (default: %(default)g)"
    )
    parser.add_argument(
        "--recording", metavar="FILE", help="where to record it (default: demo-output/broadcast.ts)"
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="where to serve it (default: any free port)"
    )


def _of_check(parser: ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="WHAT", help='a .toml, a .py, or "a ! b ! c"')
    parser.add_argument("--split", action="store_true", help="check it as for `run --split`")
    _json(parser)


def _of_ps(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--components", action="store_true", help="list components and their boxes too"
    )
    _run(parser)
    _json(parser)


def _of_graph(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", metavar="FILE", help="draw what this file would run, not what runs"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--dot", action="store_true", help="for Graphviz")
    form.add_argument("--mermaid", action="store_true", help="for Mermaid, in Markdown pages")
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--ascii", action="store_true", help="draw with plain characters")
    parser.add_argument("--all", action="store_true", help="draw linkages to control as well")
    parser.add_argument("--split", action="store_true", help="draw FILE as for `run --split`")
    _run(parser)


def _of_logs(parser: ArgumentParser) -> None:
    parser.add_argument("node", nargs="?", metavar="NODE", help="only this node's")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is written")
    parser.add_argument("-n", "--lines", type=_whole(0), metavar="N", help="only the last N")
    _run(parser)
    _json(parser)


def _of_echo(parser: ArgumentParser) -> None:
    parser.add_argument("box", metavar="BOX", help="an outbox: NODE/COMPONENT.box or COMPONENT.box")
    parser.add_argument("-n", "--count", type=_whole(1), metavar="N", help="end after N messages")
    parser.add_argument(
        "--width", type=_whole(10), default=400, help="cut what is longer (default: %(default)s)"
    )
    _run(parser)
    _json(parser, "print each message as a line of JSON")


def _of_hz(parser: ArgumentParser) -> None:
    parser.add_argument("box", metavar="BOX", help="an outbox: NODE/COMPONENT.box or COMPONENT.box")
    parser.add_argument("-n", "--count", type=_whole(1), metavar="N", help="end after N lines")
    parser.add_argument(
        "--seconds", type=_seconds, default=1.0, help="time between lines (default: %(default)g)"
    )
    _run(parser)
    _json(parser, "print each line as JSON")


def _of_send(parser: ArgumentParser) -> None:
    parser.add_argument("box", metavar="BOX", help="an inbox: NODE/COMPONENT.box or COMPONENT.box")
    parser.add_argument("message", metavar="MESSAGE", help="a text; - sends each line that is read")
    _run(parser)
    _json(parser, "the message is a JSON value")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= number < 1e9:
        raise ArgumentTypeError(f"{text} is not from 0 to 1,000,000,000")
    return number


def _of_record(parser: ArgumentParser) -> None:
    parser.add_argument(
        "boxes", nargs="+", metavar="BOX", help="an outbox: NODE/COMPONENT.box or COMPONENT.box"
    )
    parser.add_argument("file", metavar="FILE", help="the journal to write")
    parser.add_argument("--seconds", type=_seconds, help="end after so long")
    parser.add_argument("-n", "--count", type=_whole(1), metavar="N", help="end after N messages")
    parser.add_argument("--force", action="store_true", help="write over FILE if it exists")
    parser.add_argument(
        "--policy", choices=("drop_oldest", "drop_newest", "block"), default="drop_oldest",
        help="what is missed when the recorder or its disk is too slow; block misses nothing: the "
        "components that are recorded wait for it instead (default: %(default)s)",
    )
    parser.add_argument(
        "--sync", default="none", metavar="WHEN",
        help='when it is brought to the disk itself: "none" leaves it to the system, "each" after '
        "every write, or a number of seconds (default: %(default)s)",
    )
    _run(parser)
    _json(parser, "print what was recorded as JSON")


def _of_replay(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a journal")
    parser.add_argument(
        "box", nargs="?", metavar="BOX", help="an inbox: NODE/COMPONENT.box or COMPONENT.box"
    )
    parser.add_argument("--info", action="store_true", help="say what is in FILE, and play nothing")
    parser.add_argument(
        "--speed", type=_number, default=1.0,
        help="2 plays in half the time, 0 as fast as it is taken (default: %(default)g)",
    )
    parser.add_argument("--loop", action="store_true", help="begin anew at the end, until Ctrl-C")
    parser.add_argument(
        "--start", type=_number, default=0.0, metavar="SECONDS", help="play from there on"
    )
    parser.add_argument("--until", type=_number, metavar="SECONDS", help="play up to there")
    parser.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW",
        help="play what was recorded from the box OLD into the inbox NEW; may be given several times",
    )
    _run(parser)
    _json(parser)


def _of_link(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="an outbox: NODE/COMPONENT.box")
    parser.add_argument("sink", metavar="TO", help="an inbox: NODE/COMPONENT.box")
    parser.add_argument(
        "--policy",
        choices=("block", "drop_oldest", "drop_newest", "latest"),
        default="block",
        help="what is done when the inbox is full (default: %(default)s)",
    )
    _run(parser)


def _of_unlink(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="an outbox: NODE/COMPONENT.box")
    parser.add_argument("sink", metavar="TO", help="an inbox: NODE/COMPONENT.box")
    _run(parser)


def _of_components(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="whose page to show; or a word to search for"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--words", action="store_true", help="list the words of one-line pipelines")
    form.add_argument("--markdown", action="store_true", help="the page in Markdown")
    form.add_argument("--pages", metavar="FOLDER", help="write a page of each, in Markdown")
    _json(parser)


def _of_new(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("component", "node", "project"), help="what to make")
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument(
        "--kind", choices=("generator", "async", "thread"), default="generator",
        help="of a component: how its main() is written (default: %(default)s)",
    )
    parser.add_argument(
        "--folder", metavar="FOLDER", default=".", help="where to make it (default: here)"
    )


def _of_bench(parser: ArgumentParser) -> None:
    parser.add_argument("what", nargs="*", metavar="NAME", help="which ones (default: all)")
    parser.add_argument("--quick", action="store_true", help="a few seconds each, for a glance")
    _json(parser)


def _of_node(parser: ArgumentParser) -> None:
    parser.add_argument(
        "descriptor", type=_whole(0), metavar="DESCRIPTOR", help="the launcher's socket"
    )


VERBS: Mapping[str, Verb] = {
    "run": Verb(
        "starting:run",
        "run a Python file, a topology or a one-line pipeline",
        ("run hello.py", "run hello.py --split", 'run "console-reader ! upper ! console"',
         "run player.py -- --volume 3"),
        _of_run,
    ),
    "up": Verb("starting:up", "start the nodes of a topology", ("up studio.toml",), _of_up),
    "down": Verb("starting:down", "end what runs, in order", ("down", "down --all"), _of_down),
    "demo": Verb(
        "starting:demo", "show a live broadcast through five nodes",
        ("demo", "demo film.mp4 --seconds 60"), _of_demo,
    ),
    "check": Verb(
        "checking:check", "say whether something can be run, without running it",
        ("check studio.toml", "check hello.py --json"), _of_check,
    ),
    "ps": Verb("seeing:ps", "list what runs", ("ps", "ps --components"), _of_ps),
    "graph": Verb(
        "seeing:graph", "draw what runs, or what a file would run",
        ("graph", "graph studio.toml", "graph --dot | dot -Tsvg > graph.svg"), _of_graph,
    ),
    "logs": Verb("logs:logs", "show what the nodes have to say", ("logs", "logs studio -f"), _of_logs),
    "echo": Verb(
        "watching:echo", "show the messages that an outbox sends",
        ("echo studio/CAMERA.outbox -n 3",), _of_echo,
    ),
    "hz": Verb("watching:hz", "show how often an outbox sends", ("hz CAMERA.outbox",), _of_hz),
    "send": Verb(
        "changing:send", "put a message into an inbox",
        ("send main/Upper.inbox hello", "send MIXER.gains '[1, 0.5]' --json"), _of_send,
    ),
    "record": Verb(
        "recording:record", "record what outboxes send, with its timing",
        ("record studio/CAMERA.outbox camera.kj", "record A.outbox B.outbox ab.kj --seconds 60"),
        _of_record,
    ),
    "replay": Verb(
        "replaying:replay", "play a recording into an inbox, with its timing",
        ("replay camera.kj wall/SCREEN.inbox", "replay ab.kj --map A.outbox=C.inbox --speed 2",
         "replay ab.kj --info"),
        _of_replay,
    ),
    "link": Verb(
        "changing:link", "link an outbox to an inbox while all runs",
        ("link studio/CAMERA.outbox wall/SCREEN.inbox --policy latest",), _of_link,
    ),
    "unlink": Verb(
        "changing:unlink", "undo a linkage while all runs",
        ("unlink studio/CAMERA.outbox wall/SCREEN.inbox",), _of_unlink,
    ),
    "components": Verb(
        "library:components", "list the components there are, or show the page of one",
        ("components", "components Batch", "components --words"), _of_components,
    ),
    "new": Verb(
        "making:new", "make a component, a node or a project, with its tests",
        ("new component Upper", "new node studio", "new project weather"), _of_new,
    ),
    "bench": Verb(
        "bench:bench", "measure, in ratios to others measured in the same run",
        ("bench", "bench links roundtrip", "bench --quick --json"), _of_bench,
    ),
    "node": Verb("starting:node", "be a node process", (), _of_node, internal=True),
}  # fmt: skip
