"""The styling of subtitles taken off: what ASS, SRT and WebVTT put between the words. Pure.

Law: what is left is what a viewer reads, with its line ends.
"""

from __future__ import annotations

import html
import re

__all__ = ["plain_text"]

_ASS = re.compile(r"\{[^{}]*\}")
_TAGS = re.compile(r"</?[A-Za-z0-9][^<>]*>")


def plain_text(styled: str) -> str:
    r"""Give the words alone.

    Example: `plain_text(r"{\an8}<i>Good</i> evening,\Nand welcome")` is two lines of words.
    """
    text = _ASS.sub("", styled.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    text = html.unescape(_TAGS.sub("", text))
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())
