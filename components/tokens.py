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
    """One word of the line; `plain` if nothing in it was quoted."""

    text: str
    plain: bool = True


def steps_of(line: str) -> list[list[Token]]:
    """Give the tokens of each step.

    Example: `steps_of("grep 'a b' ! head 3")` is
    `[[Token("grep"), Token("a b", plain=False)], [Token("head"), Token("3")]]`.
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
    text, plain, begun = "", True, False
    quote, opened = "", 0
    characters = enumerate(line)
    for place, character in characters:
        if character == "\\" and quote != "'":
            _, character = next(characters, (place, "\\"))
            plain = False
        elif character == quote:
            quote = ""
            continue
        elif character in "\"'" and not quote:
            quote, opened, plain, begun = character, place, False, True
            continue
        elif character.isspace() and not quote:
            if begun:
                yield Token(text, plain)
            text, plain, begun = "", True, False
            continue
        text += character
        begun = True
    if quote:
        raise PipelineMistake(f"{line!r}: the {quote} at character {opened + 1} is never closed")
    if begun:
        yield Token(text, plain)


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
