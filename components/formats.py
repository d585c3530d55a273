"""Formats: what a box gives or takes, and how two that differ are brought together. No PyAV, no I/O.

    formats = {"inbox": Pictures(), "audio": Sound(), "outbox": Packets(codecs=("h264", "aac"))}

Laws
1. A constraint that names nothing is open: what it leaves open is settled by the other side, or by
   what comes, as each frame carries its own format.
2. Two formats are agreed, or the components that stand between them are named with their arguments,
   or they are refused in a sentence: nothing is converted unseen.
3. The same two formats give the same answer in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, ClassVar

from kamesh.fitting import Misfit

__all__ = [
    "CONVERSIONS",
    "Agreement",
    "ByteStream",
    "Conversion",
    "Either",
    "Format",
    "Packets",
    "Pictures",
    "Refusal",
    "Sound",
    "Step",
    "Text",
    "TransportStream",
    "agree",
]

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of messages, with what is constrained of it; empty constraints are open."""

    kind: ClassVar[str] = "anything"

    def __or__(self, other: Format | Either) -> Either:
        """Give a format that is this or that: `Packets() | ByteStream()`."""
        return Either((self, *_options(other)))

    def misfit(self, takes: object) -> Misfit | None:
        """Say why an inbox that takes `takes` cannot be given this, and what to put between."""
        return _misfit(self, takes)

    def __str__(self) -> str:
        """Write it as people do: "pictures in yuv420p of 640 x 360"."""
        said = [_said(each.name, values) for each, values in _limits(self) if values]
        return " ".join([self.kind, *said])


@dataclass(frozen=True, slots=True)
class Pictures(Format):
    """`av.VideoFrame`s: pixel formats by FFmpeg's names, sizes in pixels, frames a second."""

    kind: ClassVar[str] = "pictures"
    pixel_formats: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    rates: tuple[Fraction, ...] = ()


@dataclass(frozen=True, slots=True)
class Sound(Format):
    """`av.AudioFrame`s: sample formats by FFmpeg's names, samples a second, channels."""

    kind: ClassVar[str] = "sound"
    sample_formats: tuple[str, ...] = ()
    sample_rates: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Packets(Format):
    """A StreamHeader, then MediaPackets: codecs by FFmpeg's names.

    What is given may bring all of those that it names, what is taken may bring any of them.
    """

    kind: ClassVar[str] = "packets"
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ByteStream(Format):
    """`Chunk`s or bytes of any container, or of what is no media at all."""

    kind: ClassVar[str] = "bytes"


@dataclass(frozen=True, slots=True)
class TransportStream(Format):
    """`Chunk`s or bytes of MPEG-TS."""

    kind: ClassVar[str] = "a transport stream"


@dataclass(frozen=True, slots=True)
class Text(Format):
    """`str`, or `Subtitle`s."""

    kind: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several formats."""

    options: tuple[Format, ...]

    def __or__(self, other: Format | Either) -> Either:
        """Give a format that is one of these or that."""
        return Either((*self.options, *_options(other)))

    def misfit(self, takes: object) -> Misfit | None:
        """Say why an inbox that takes `takes` can be given none of these."""
        return _misfit(self, takes)

    def __str__(self) -> str:
        """Write it as people do."""
        return " or ".join(str(option) for option in self.options)


@dataclass(frozen=True, slots=True)
class Step:
    """One component to be put between: its class in `kamesh.components.media`, and its arguments."""

    component: str
    arguments: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        """Write it as it would be written in a program."""
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.component}({said})" if said else self.component


@dataclass(frozen=True, slots=True)
class Agreement:
    """Both fit: what will flow, as narrowly as both say."""

    format: Format


@dataclass(frozen=True, slots=True)
class Conversion:
    """They fit with these components between them, in this order."""

    steps: tuple[Step, ...]
    format: Format

    def __str__(self) -> str:
        """Write what is to be done."""
        return f"put {' and '.join(str(step) for step in self.steps)} between them"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing brings them together; `sentence` says so."""

    sentence: str


# from one kind to another, by the component that does it; a longer way is found step by step
CONVERSIONS: Mapping[tuple[str, str], str] = {
    (Pictures.kind, Packets.kind): "Encode",
    (Sound.kind, Packets.kind): "Encode",
    (Packets.kind, TransportStream.kind): "MuxMPEGTS",
    (TransportStream.kind, Packets.kind): "Demux",
    (ByteStream.kind, Packets.kind): "Demux",
    (Packets.kind, Pictures.kind): "Decode",
    (Packets.kind, Sound.kind): "Decode",
}
IS_A = {(TransportStream.kind, ByteStream.kind)}  # each of the first is one of the second
WORDS = {
    "pixel_formats": "in {}", "sizes": "of {}", "rates": "at {} frames a second",
    "sample_formats": "as {}", "sample_rates": "at {} Hz", "channels": "in {} channels",
    "codecs": "of {}",
}  # fmt: skip
VIDEO_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9"}
SOUND_CODECS = ("aac", "mp2", "mp3", "opus", "vorbis", "flac", "ac3")


def agree(gives: Format | Either, takes: Format | Either) -> Agreement | Conversion | Refusal:
    """Bring together what one box gives and another takes, in the fewest steps.

    Example: `agree(Pictures(), Packets())` is `Conversion((Step("Encode"),), Packets())`, and
    `agree(Pictures(sizes=((720, 576),)), Pictures(sizes=((640, 360),)))` names
    `Scale(width=640, height=360)`.
    """
    best: Conversion | None = None
    for given in _options(gives):
        for taken in _options(takes):
            found = _bring(given, taken)
            if isinstance(found, Agreement):
                return found
            if found is not None and (best is None or len(found.steps) < len(best.steps)):
                best = found
    if best is not None:
        return best
    return Refusal(f"nothing here turns {_kinds(gives)} into {_kinds(takes)}")


def _misfit(gives: Format | Either, takes: object) -> Misfit | None:
    if not isinstance(takes, Format | Either):
        return None  # a format of somebody else's, of which nothing is known here
    found = agree(gives, takes)
    if isinstance(found, Agreement):
        return None
    remedy = found.sentence if isinstance(found, Refusal) else str(found)
    alike = set(_kinds(gives).split(" or ")) & set(_kinds(takes).split(" or "))
    if alike:
        return Misfit(str(gives), str(takes), remedy)
    return Misfit(_kinds(gives), _kinds(takes), remedy)


def _bring(given: Format, taken: Format) -> Agreement | Conversion | None:
    if given.kind == taken.kind:
        wrong = [name for name, common in _common(given, taken).items() if common is None]
        if not wrong:
            return Agreement(_narrowed(given, taken))
        return Conversion(_within(taken, wrong), taken)
    if (given.kind, taken.kind) in IS_A:
        return Agreement(given)
    if {given.kind, taken.kind} == {Pictures.kind, Sound.kind}:
        return None  # packets may hold either, but neither turns into the other
    way = _way(given.kind, taken.kind)
    return None if way is None else Conversion(_fitted(way, taken), taken)


def _way(start: str, goal: str) -> list[str] | None:
    """Find the fewest conversions from one kind to another, or to one that is one of it."""
    ways: dict[str, list[str]] = {start: []}
    todo = [start]
    for here in todo:
        if here == goal or (here, goal) in IS_A:
            return ways[here]
        for (one, other), component in CONVERSIONS.items():
            if one == here and other not in ways:
                ways[other] = [*ways[here], component]
                todo.append(other)
    return None


def _within(taken: Format, wrong: list[str]) -> tuple[Step, ...]:
    """Name what changes a format within its kind."""
    if isinstance(taken, Pictures):
        scale: dict[str, object] = {}
        if "sizes" in wrong:
            scale["width"], scale["height"] = taken.sizes[0]
        if "pixel_formats" in wrong:
            scale["format"] = taken.pixel_formats[0]
        steps = [Step("Scale", scale)] if scale else []
        if "rates" in wrong:
            rate = taken.rates[0]
            steps.append(
                Step("FrameRate", {"rate": int(rate) if rate.denominator == 1 else str(rate)})
            )
        return tuple(steps)
    if isinstance(taken, Sound):
        words = {"sample_rates": "rate", "channels": "channels", "sample_formats": "format"}
        return (Step("Resample", {words[name]: getattr(taken, name)[0] for name in wrong}),)
    return (Step("Decode"), *_fitted(["Encode"], taken))


def _fitted(way: list[str], taken: Format) -> tuple[Step, ...]:
    """Give the last step of a way the arguments that the taker asks for."""
    arguments: dict[str, object] = {}
    if way[-1] == "Encode" and isinstance(taken, Packets) and taken.codecs:
        video = [codec for codec in taken.codecs if codec not in SOUND_CODECS]
        sound = [codec for codec in taken.codecs if codec in SOUND_CODECS]
        if video and "h264" not in video:
            arguments["video"] = VIDEO_ENCODERS.get(video[0], video[0])
        if sound and "aac" not in sound:
            arguments["audio"] = sound[0]
    return (*(Step(each) for each in way[:-1]), Step(way[-1], arguments))


def _limits(one: Format) -> list[tuple[Any, tuple[Any, ...]]]:
    return [(each, getattr(one, each.name)) for each in fields(one)]


def _common(given: Format, taken: Format) -> dict[str, tuple[Any, ...] | None]:
    """Give what both allow of each constraint: () for all, None for nothing."""
    common: dict[str, tuple[Any, ...] | None] = {}
    for each, values in _limits(given):
        others = getattr(taken, each.name)
        both = tuple(value for value in values if value in others)
        if isinstance(given, Packets) and len(both) < len(values):
            both = ()  # all of the codecs that come must be taken, not one of them
        common[each.name] = (values or others) if not values or not others else both or None
    return common


def _narrowed(given: Format, taken: Format) -> Format:
    return type(given)(**_common(given, taken))


def _options(one: Format | Either) -> tuple[Format, ...]:
    return one.options if isinstance(one, Either) else (one,)


def _kinds(one: Format | Either) -> str:
    return " or ".join(dict.fromkeys(option.kind for option in _options(one)))


def _said(name: str, values: tuple[Any, ...]) -> str:
    texts = [" x ".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values]
    return WORDS[name].format(" or ".join(texts))
