"""The `kamesh` command: from the words of the command line to a verb, and from its end to an exit code.

Laws
1. A user never sees a traceback: whatever happens is a sentence on standard error and an exit code of
   `exits.py`. KAMESH_DEBUG=1 shows the traceback as well.
2. What was asked for goes to standard output, all else to standard error.
3. Nothing heavy is imported before it is needed: `kamesh --help` starts as fast as Python and the
   package allow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from inspect import iscoroutine
from typing import NoReturn

from kamesh._version import __version__
from kamesh.deploy.cli.context import Context, usual
from kamesh.deploy.cli.verbs import VERBS, Verb
from kamesh.deploy.exits import Exit
from kamesh.linking import did_you_mean

__all__ = ["main"]

ABOUT = "Components with inboxes and outboxes, wired like pipes, across processes and machines."
CODES = """\
exit codes: 0 all went well; 1 it failed; 2 a mistake in what was asked; 3 nothing is running;
4 a node does not answer; 130 interrupted. KAMESH_DEBUG=1 shows where a failure comes from."""


def main(argv: Sequence[str] | None = None, context: Context | None = None) -> int:
    """Carry out one command; the result is its exit code.

    Example: `main(["graph", "studio.toml"])`.
    """
    context = context or usual()
    try:
        return int(_carry_out(list(sys.argv[1:] if argv is None else argv), context))
    except _Usage as error:
        context.remark(f"kamesh: {error}")
        return Exit.MISTAKE
    except SystemExit as end:  # how argparse ends after --help and --version
        return end.code if isinstance(end.code, int) else Exit.OK
    except (Exception, KeyboardInterrupt) as error:
        return _tell(error, context)


class _Usage(Exception):
    """A command line that cannot be understood."""


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        """Say it in one sentence, with where to look."""
        if message.startswith("unrecognized arguments") and self.prog == "kamesh":
            message += " (what is for the program itself goes after `--`)" if "run" in sys.argv[:2] else ""
        raise _Usage(f"{message}; see `{self.prog} --help`")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves room for the longest verb: argparse forgets that verbs are indented twice."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = max(map(len, VERBS)) + 4


def _carry_out(argv: list[str], context: Context) -> int:
    after: list[str] = []
    if argv[:1] == ["run"] and "--" in argv:
        place = argv.index("--")
        argv, after = argv[:place], argv[place + 1 :]
    if argv and not argv[0].startswith("-") and argv[0] not in VERBS:
        known = [name for name, verb in VERBS.items() if not verb.internal]
        raise _Usage(
            f"there is no verb {argv[0]!r}{did_you_mean(argv[0], known)}; the verbs: {', '.join(known)}"
        )
    options = _parser(argv[0] if argv else "").parse_args(argv)
    if after:
        options.arguments = after
    if options.verb is None:
        raise _Usage(f"say what to do: {', '.join(n for n, v in VERBS.items() if not v.internal)}")
    module, _, function = VERBS[options.verb].where.partition(":")
    result = getattr(import_module(f"kamesh.deploy.cli.{module}"), function)(options, context)
    return int(asyncio.run(result) if iscoroutine(result) else result)


def _parser(wanted: str) -> argparse.ArgumentParser:
    """Make the parser, with the arguments of the one verb that is wanted."""
    parser = _Parser(
        prog="kamesh",
        description=ABOUT,
        epilog=CODES,
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"kamesh {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", parser_class=_Parser)
    for name, verb in VERBS.items():
        if verb.internal and name != wanted:
            continue
        one = verbs.add_parser(
            name,
            help=verb.help,
            description=f"{verb.help[:1].upper()}{verb.help[1:]}.",
            epilog=_examples(verb),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == wanted:
            verb.arguments(one)
    return parser


def _examples(verb: Verb) -> str:
    return (
        "\n".join(["examples:", *(f"  kamesh {each}" for each in verb.examples)])
        if verb.examples
        else ""
    )


def _tell(error: BaseException, context: Context) -> int:
    """Put what happened into a sentence; give the exit code."""
    explain = import_module("kamesh.deploy.cli.explain")  # it knows every error there is: only now
    if os.environ.get("KAMESH_DEBUG") == "1":
        context.remark("".join(traceback.format_exception(error)).rstrip())
    code = int(explain.exit_code(error))
    if code == Exit.OUTPUT_GONE and context.out is sys.stdout:
        # What is still buffered for the reader that has gone must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    text = str(explain.sentence(error))
    if text:
        context.remark(text if "\n" in text else f"kamesh: {text}")
    return code
