"""From a one-line pipeline to its steps: text in, words and arguments out. No word is known here.

Laws
1. `!` between blanks joins two steps. In quotes, or as part of a longer word, it is text.
2. Quotes and backslashes are as in a shell: '...' is taken as it is, in "..." a backslash still
   takes the next character as it is.
3. A mistake is said with the place where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kamesh.errors import KameshError

__all__ = ["PipelineMistake", "Token", "steps_of"]


class PipelineMistake(KameshError, ValueError):
    """A one-line pipeline that cannot be understood, or cannot be run."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the line; `quoted` is the place in it from which it was quoted, if it was."""

    text: str
    quoted: int | None = None

    @property
    def option(self) -> tuple[str, str] | None:
        """Give the two sides of `key=value`; None if it is no such thing, or quoted so as not to be."""
        key, equals, value = self.text.partition("=")
        bare = self.quoted is None or len(key) < self.quoted
        return (key, value) if equals and bare and key.isidentifier() else None


def steps_of(line: str) -> list[list[Token]]:
    """Give the tokens of each step.

    Example: `steps_of("grep 'a b' ! head 3")` is
    `[[Token("grep"), Token("a b", quoted=0)], [Token("head"), Token("3")]]`.
    """
    steps: list[list[Token]] = [[]]
    for token in _tokens(line):
        if token == Token("!"):
            steps.append([])
        elif token == Token("|"):
            raise PipelineMistake(f"{line!r}: words are joined by '!' here, not by '|'")
        else:
            steps[-1].append(token)
    if steps == [[]]:
        raise PipelineMistake("the pipeline is empty: write words joined by '!'")
    for number, step in enumerate(steps):
        if not step:
            where = "before the first" if number == 0 else f"after the {_nth(number)}"
            raise PipelineMistake(f"{line!r}: there is no word {where} '!'")
    return steps


def _tokens(line: str) -> Iterator[Token]:
    text, begun = "", False
    quoted: int | None = None
    quote, opened = "", 0
    characters = enumerate(line)
    for place, character in characters:
        if character.isspace() and not quote:
            if begun:
                yield Token(text, quoted)
            text, begun, quoted = "", False, None
            continue
        begun = True
        if character == quote:
            quote = ""
            continue
        if character in "\"'" and not quote:
            quote, opened = character, place
            quoted = len(text) if quoted is None else quoted
            continue
        if character == "\\" and quote != "'":
            _, character = next(characters, (place, "\\"))
            quoted = len(text) if quoted is None else quoted
        text += character
    if quote:
        raise PipelineMistake(f"{line!r}: the {quote} at character {opened + 1} is never closed")
    if begun:
        yield Token(text, quoted)


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
