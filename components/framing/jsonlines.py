"""JSON lines: each message as JSON on a line of its own (jsonlines.org; RFC 8259).

Laws
1. Only JSON is made and taken: no NaN, no infinity, text in UTF-8.
2. What is kept is at most one unfinished line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn

from kamesh.components.framing.converting import Joining, Splitting
from kamesh.components.framing.delimiters import DelimiterSplitter
from kamesh.components.framing.incremental import LONGEST, BadFrame, Incremental

__all__ = ["JSONJoiner", "JSONSplitter", "JoinJSON", "SplitJSON"]

BLANK = b" \t\r"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JSONSplitter(Incremental[bytes, Any]):
    r"""Takes bytes, gives what the JSON on each line stands for.

    Example: `JSONSplitter().feed(b'{"n": 1}\n[2') == [{"n": 1}]`. Lines with nothing on them are left
    out.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        """Begin with nothing; a line has at most `longest` bytes."""
        self._lines = DelimiterSplitter(b"\n", longest=longest)
        self._number = 0

    def pieces(self, given: bytes) -> Iterator[Any]:
        """Take `given`; give what the lines that are complete now stand for."""
        for line in self._lines.pieces(given):
            yield from self._read(line, "")

    def rest(self) -> Iterator[Any]:
        """Give what the last line stands for, if it had no line feed."""
        for line in self._lines.rest():
            yield from self._read(line, f"; the stream ended in it, after {len(line)} bytes")

    def _read(self, line: bytes, where: str) -> Iterator[Any]:
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line.strip(BLANK):
            return
        try:
            value = json.loads(line.decode(), parse_constant=_refuse)
        except RecursionError:
            raise BadFrame(f"line {self._number} is JSON that is nested too deep{where}") from None
        except ValueError as error:
            raise BadFrame(f"line {self._number} is not JSON: {_reason(error)}{where}") from error
        yield value


class JSONJoiner(Incremental[Any, bytes]):
    r"""Takes messages, gives each as JSON on a line: `JSONJoiner().feed([1, 2]) == [b"[1, 2]\n"]`."""

    def pieces(self, given: Any) -> Iterator[bytes]:
        """Give the line; BadFrame for what JSON has no form for."""
        try:
            text = json.dumps(given, ensure_ascii=False, allow_nan=False)
            line = text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise BadFrame(
                f"a message of the type {type(given).__name__} does not go into JSON: {error}"
            ) from error
        yield line + b"\n"


class SplitJSON(Splitting):
    r"""Reads bytes as JSON lines: sends what each line stands for.

    Empty lines are left out. `longest` is how many bytes a line may have (default 1 MiB). `source` is
    what a mistake is said of.

    Example:
        >>> run(SplitJSON(), [b'{"n": 1}\n[2,', b' 3]\n"four"'])["outbox"]
        [{'n': 1}, [2, 3], 'four']

    Boxes: "inbox" bytes, cut anywhere; "outbox" None, bool, int, float, str, list and dict; "control".

    How it ends: when its inbox has ended, after the last line; told Shutdown, at once. It fails, with
    a sentence that has the line's number, for what is not JSON (a line cut short, NaN, another
    encoding than UTF-8) and for a line that is too long.
    """

    def __init__(
        self, longest: int = LONGEST, *, source: str = "", name: str | None = None
    ) -> None:
        """Begin with nothing."""
        super().__init__(JSONSplitter(longest), source=source, name=name)


class JoinJSON(Joining):
    r"""Writes messages as JSON lines: SplitJSON reads them again.

    Tuples become lists, and keys of a dict become text, as JSON has nothing else.

    Example:
        >>> run(JoinJSON(), [{"n": 1}, (2, 3)])["outbox"]
        [b'{"n": 1}\n[2, 3]\n']

    Boxes: "inbox" what `json.dumps` takes; "outbox" bytes, several lines in a message where several
    wait; "control".

    How it ends: with its inbox, or when told on "control". It fails, with a sentence, for a message
    that JSON has no form for, such as bytes, sets and NaN.
    """

    inboxes: ClassVar = {
        "inbox": "what JSON has a form for",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {**Joining.outboxes, "outbox": "lines of JSON, as bytes"}
    _takes_bytes: ClassVar = False

    def __init__(self, *, name: str | None = None) -> None:
        """Begin."""
        super().__init__(JSONJoiner(), name=name)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number there")


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"there is the byte 0x{error.object[error.start]:02x}, so it is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return str(error)
