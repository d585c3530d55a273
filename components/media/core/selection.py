"""Which streams of a medium are meant: the best, one by its number, one by its language. Pure.

Laws
1. A choice is None (the best there is, or nothing where there is none), False (none of this kind), a
   whole number (the n-th of its kind, from 0) or a language by its code ("deu", "de").
2. What is asked for and is not there is refused in a sentence that says what there is.
3. A picture that is attached to sound (the cover of an album) is never the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import WrongFigure

__all__ = ["Choice", "Known", "check_choice", "choose"]

Choice = int | str | bool | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a stream before it is read."""

    language: str = ""
    default: bool = False
    cover: bool = False
    playable: bool = True  # this build of FFmpeg can decode it


def check_choice(kind: str, choice: Choice) -> Choice:
    """Give `choice` back; WrongFigure for one that cannot be meant."""
    if choice is True or (not isinstance(choice, bool) and isinstance(choice, int) and choice < 0):
        raise WrongFigure(
            f"{kind}={choice!r}: write a number from 0, a language such as 'deu', False for none, "
            "or None for the best"
        )
    return choice


def choose(where: str, kind: str, streams: Sequence[Known], choice: Choice) -> int | None:
    """Give the place of the chosen stream among those of its kind; None for none.

    Example: `choose("film.mkv", "audio", [Known("eng"), Known("deu")], "deu")` is 1. MediaError if it
    is not there.
    """
    if choice is False:
        return None
    if choice is None:
        real = [place for place, stream in enumerate(streams) if not stream.cover]
        ranked = sorted(real, key=lambda p: (not streams[p].playable, not streams[p].default, p))
        return ranked[0] if ranked else None
    if isinstance(choice, int):
        if choice < len(streams):
            return choice
        raise MediaError(f"{where} has no {kind} stream {choice}: it has {_listed(streams)}")
    for place, stream in enumerate(streams):
        if stream.language and _alike(stream.language, choice):
            return place
    raise MediaError(f"{where} has no {kind} in {choice!r}: it has {_listed(streams)}")


def _alike(one: str, other: str) -> bool:
    """Say whether two codes mean one language, be it by two letters or by three."""
    one, other = (code.lower().split("-")[0] for code in (one, other))
    return one == other or TWO_LETTERS.get(one, one) == TWO_LETTERS.get(other, other)


def _listed(streams: Sequence[Known]) -> str:
    if not streams:
        return "none"
    return ", ".join(f"{n} ({each.language or 'no language'})" for n, each in enumerate(streams))


# ISO 639-1 to ISO 639-2, both of its forms to one, for the languages most broadcast in
TWO_LETTERS = {
    "ar": "ara", "cs": "ces", "cze": "ces", "cy": "cym", "wel": "cym", "da": "dan", "de": "deu",
    "ger": "deu", "el": "ell", "gre": "ell", "en": "eng", "es": "spa", "fi": "fin", "fr": "fra",
    "fre": "fra", "ga": "gle", "gd": "gla", "he": "heb", "hi": "hin", "hu": "hun", "it": "ita",
    "ja": "jpn", "ko": "kor", "nl": "nld", "dut": "nld", "no": "nor", "nb": "nob", "pl": "pol",
    "pt": "por", "ro": "ron", "rum": "ron", "ru": "rus", "sv": "swe", "tr": "tur", "uk": "ukr",
    "zh": "zho", "chi": "zho",
}  # fmt: skip
