r"""The words of FFmpeg's filter graphs: "[a]scale=640:-1,hflip[b];[b][c]overlay=10:10[out]". Pure.

PyAV gives single filters to be linked and does not read graphs, so they are read here, by the rules
of FFmpeg's own reader (libavfilter/graphparser.c): filters of a chain are apart by ",", chains by ";";
labels stand in brackets; in '...' all is taken as it is, and a backslash takes the next character.

Laws
1. Text in, filters and joints out; what cannot be read is refused with the place.
2. Each label leads from one output to one input. One that has no other end is open: it is a box.
"""

from __future__ import annotations

from dataclasses import dataclass

from kamesh.components.media.trouble import MediaError

__all__ = ["FilterWord", "filter_words", "open_labels"]


@dataclass(frozen=True, slots=True)
class FilterWord:
    """One filter: FFmpeg's name, its arguments as they stand, the labels around it, its chain."""

    name: str
    arguments: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    chain: int = 0
    given: str = ""  # the name it was given: `scale@first`


def filter_words(text: str) -> tuple[FilterWord, ...]:
    """Read a graph; MediaError, in a sentence, if it is none.

    Example: `filter_words("scale=64:-1,hflip")` has two filters of chain 0.
    """
    return tuple(_Reader(text).read())


def open_labels(words: tuple[FilterWord, ...]) -> tuple[list[str], list[str]]:
    """Give the labels of inputs that no output feeds, and of outputs that feed none."""
    taken = [label for word in words for label in word.inputs]
    given = [label for word in words for label in word.outputs]
    for labels, does in ((taken, "taken"), (given, "given")):
        for label in labels:
            if labels.count(label) > 1:
                raise MediaError(f"[{label}] is {does} twice in one filter graph: use split or asplit")
    return [one for one in taken if one not in given], [one for one in given if one not in taken]


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> list[FilterWord]:
        words: list[FilterWord] = []
        chain = 0
        while True:
            inputs = self.labels()
            name = self.token("=,;[]").strip()
            if not name:
                raise self.wrong("a filter is missing")
            arguments = ""
            if self.here() == "=":
                self.at += 1
                arguments = self.token("[],;").strip()
            outputs = self.labels()
            plain, _, given = name.partition("@")
            words.append(FilterWord(plain, arguments, inputs, outputs, chain, given))
            mark = self.here()
            if not mark:
                return words
            if mark not in ",;":
                raise self.wrong(f"{mark!r} is out of place")
            chain += mark == ";"
            self.at += 1
            if mark == ";" and not self.text[self.at :].strip():
                return words  # FFmpeg lets a graph end so

    def labels(self) -> tuple[str, ...]:
        found: list[str] = []
        while self.here() == "[":
            close = self.text.find("]", self.at)
            label = self.text[self.at + 1 : close].strip()
            if close < 0 or not label:
                raise self.wrong("a label is '[name]'")
            found.append(label)
            self.at = close + 1
        return tuple(found)

    def here(self) -> str:
        """Give the next character that is no blank; "" at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def token(self, ends: str) -> str:
        """Take text up to one of `ends`; quotes and backslashes are resolved, as av_get_token does."""
        taken, quoted, began = "", False, self.at
        while self.at < len(self.text):
            character = self.text[self.at]
            if quoted:
                quoted = character != "'"
                taken += character if quoted else ""
            elif character == "'":
                quoted, began = True, self.at
            elif character == "\\" and self.at + 1 < len(self.text):
                self.at += 1
                taken += self.text[self.at]
            elif character in ends:
                break
            else:
                taken += character
            self.at += 1
        if quoted:
            self.at = began
            raise self.wrong("a quote is never closed")
        return taken

    def wrong(self, why: str) -> MediaError:
        return MediaError(
            f"{self.text!r} is no filter graph: {why}, at character {self.at + 1}"
            if self.text.strip()
            else "a filter graph has one filter at least, such as 'hflip'"
        )
