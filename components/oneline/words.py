"""The words of one-line pipelines: what each takes and gives, its arguments, and what it is made of.

    kamesh run "console-reader ! grep error ! console"
    kamesh run "testcard seconds=10 ! encode ! save card.ts"

Laws
1. A word is a row of this table; nothing is imported before it is used.
2. What words take and give is of a few kinds, so that two which do not fit are refused before
   anything runs, with what could stand between them.
3. A name with a colon, "module:Class", is a component of the user's own and takes and gives anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["PRINTED", "WORDS", "Converter", "Word"]

Converter = Callable[[str], object]  # raises ValueError with what is expected

NOTHING = ""  # the kind of what sources take and sinks give
ANYTHING = "anything"
TEXT, NUMBERS, REPORTS, BYTES = "text", "numbers", "reports", "bytes"
FRAMES, PACKETS, STREAM = "frames", "packets", "a transport stream"

PRINTED = (TEXT, NUMBERS, REPORTS)  # what a person can read


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `use` is what makes the component, a class or a function as "module:name".

    `uses` has other makers, by the kind that comes in. `gives` of None is what came in.
    """

    summary: str
    use: str
    takes: tuple[str, ...] = (ANYTHING,)
    gives: str | None = NOTHING
    arguments: Mapping[str, Converter] = field(default_factory=dict)
    needed: int = 0  # how many of the arguments, from the first, must be given
    uses: Mapping[str, str] = field(default_factory=dict)

    def usage(self, name: str) -> str:
        """Write how the word is used: `ticker INTERVAL [count=...]`."""
        names = list(self.arguments)
        must = [each.upper() for each in names[: self.needed]]
        return " ".join([name, *must, *(f"[{each}=...]" for each in names[self.needed :])])


def text(given: str) -> str:
    """Take any text."""
    return given


def whole(given: str) -> int:
    """Take a whole number."""
    try:
        return int(given)
    except ValueError:
        raise ValueError("a whole number") from None


def number(given: str) -> float:
    """Take a number."""
    try:
        return float(given)
    except ValueError:
        raise ValueError("a number") from None


def size(given: str) -> tuple[int, int]:
    """Take the size of a picture."""
    width, _, height = given.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ValueError("a width and a height in pixels, such as 1280x720")
    return int(width), int(height)


def yes(given: str) -> bool:
    """Take yes or no."""
    if given.lower() not in ("yes", "no", "true", "false"):
        raise ValueError("yes or no")
    return given.lower() in ("yes", "true")


_CONSOLE = "kamesh.components.console:"
_MAKING = "kamesh.components.oneline.making:"
_MEDIA = "kamesh.components.media"
_TRANSFORMS = "kamesh.components.plumbing.transforms:"
_RECORD = f"{_MEDIA}.record:Record"
_WRITERS = {STREAM: _RECORD, PACKETS: _RECORD}

WORDS: Mapping[str, Word] = {
    # where things come from
    "console-reader": Word(
        "lines of standard input", f"{_CONSOLE}ConsoleReader", (), TEXT, {"prompt": text}
    ),
    "read": Word(
        "the lines of a text file", "kamesh.components.files:LineReader", (), TEXT,
        {"path": text, "encoding": text, "errors": text}, 1,
    ),
    "read-bytes": Word(
        "a file as bytes", "kamesh.components.files:FileReader", (), BYTES,
        {"path": text, "chunk": whole}, 1,
    ),
    "ticker": Word(
        "1, 2, 3 ... every so many seconds", "kamesh.components.ticker:Ticker", (), NUMBERS,
        {"interval": number, "count": whole}, 1,
    ),
    "testcard": Word(
        "a test card with a moving clock and a tone", f"{_MEDIA}.testcard:TestCard", (), FRAMES,
        {"size": size, "rate": text, "seconds": number, "tone": number, "label": text,
         "realtime": yes},
    ),
    "film": Word(
        "the pictures and the sound of a media file", f"{_MEDIA}.files:FileSource", (), FRAMES,
        {"path": text, "realtime": yes, "loop": yes}, 1,
    ),
    # what happens to them on the way
    "upper": Word("text in capitals", f"{_MAKING}upper", (TEXT,), TEXT),
    "lower": Word("text in small letters", f"{_MAKING}lower", (TEXT,), TEXT),
    "strip": Word("text without blanks around it", f"{_MAKING}strip", (TEXT,), TEXT),
    "grep": Word(
        "what a regular expression is found in", f"{_MAKING}grep", PRINTED, None,
        {"pattern": text}, 1,
    ),
    "head": Word(
        "the first ones only", f"{_TRANSFORMS}FirstOnly", gives=None, arguments={"count": whole}
    ),
    "count": Word("how many there were", f"{_TRANSFORMS}Count", gives=NUMBERS),
    "lines": Word(
        "bytes made into lines", "kamesh.components.files:SplitLines", (BYTES,), TEXT,
        {"encoding": text, "errors": text},
    ),
    "tee": Word(
        "all of it, and a copy of it in a file", f"{_MAKING}tee", (*PRINTED, BYTES, STREAM), None,
        {"path": text}, 1, {STREAM: f"{_MAKING}tee_stream"},
    ),
    "encode": Word(
        "pictures and sound as H.264 and AAC", f"{_MEDIA}.encode:Encode", (FRAMES,), PACKETS,
        {"video": text, "audio": text, "bitrate": whole, "gop": whole, "preset": text,
         "tune": text},
    ),
    "decode": Word("packets as pictures and sound", f"{_MEDIA}.decode:Decode", (PACKETS,), FRAMES),
    "mux": Word("packets as MPEG-TS", f"{_MEDIA}.mux:MuxMPEGTS", (PACKETS,), STREAM),
    "container": Word(
        "packets as a live matroska, webm, ogg or mp4", f"{_MEDIA}.mux:Mux", (PACKETS,), BYTES,
        {"container": text}, 1,
    ),
    "probe": Word(
        "what is in a recording, counted", f"{_MEDIA}.probe:Probe", (REPORTS, TEXT), REPORTS
    ),
    # where they go
    "console": Word(
        "printed, one a line", f"{_CONSOLE}ConsoleEchoer", arguments={"tag": text}
    ),
    "save": Word(
        "written to a file: bytes as they are, anything else a line each", f"{_MAKING}save",
        (*PRINTED, BYTES, STREAM, PACKETS), NOTHING, {"path": text}, 1, _WRITERS,
    ),
    "append": Word(
        "written to the end of a file, as save does", f"{_MAKING}append", (*PRINTED, BYTES, STREAM),
        NOTHING,
        {"path": text}, 1,
    ),
    "record": Word(
        "a recording on disk, and how long it is", _RECORD, (STREAM, BYTES, PACKETS),
        REPORTS, {"path": text}, 1,
    ),
    "http": Word(
        "live at an HTTP address", f"{_MEDIA}.http:HTTPStream", (STREAM, BYTES), REPORTS,
        {"port": whole, "host": text, "path": text},
    ),
    "null": Word("thrown away", "kamesh.components.sources:NullSink"),
}  # fmt: skip

BETWEEN = {
    (FRAMES, PACKETS): "encode",
    (FRAMES, STREAM): "encode",
    (PACKETS, STREAM): "mux",
    (PACKETS, FRAMES): "decode",
    (BYTES, TEXT): "lines",
}
