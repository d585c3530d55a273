"""Building a graph of FFmpeg's filters from its words, with its ends left open. Imports PyAV.

Laws: each label leads from one output to one input; within a chain, outputs without a label lead to
inputs without one; what is left open is named by its label, or "inbox" and "outbox"; what is wrong is
refused with FFmpeg's reason, without a frame.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import av
from av.filter import Graph

from kamesh.components.media.core.filterwords import FilterWord, filter_words, open_labels
from kamesh.components.media.trouble import MediaError, because

__all__ = ["PICTURES", "SINKS", "SOUND", "SOURCES", "Built", "listening", "pads_of"]

PICTURES, SOUND = "video", "audio"
SOURCES = {PICTURES: "buffer", SOUND: "abuffer"}
SINKS = {PICTURES: "buffersink", SOUND: "abuffersink"}

Pads = dict[str, str]  # the open inputs or outputs of a graph: label and kind
Context = Any  # a FilterContext: PyAV leaves its pads out of the types that it declares
End = tuple[Context, int]

_level = threading.Lock()  # FFmpeg's log level is one for the whole process


@contextmanager
def listening() -> Iterator[list[str]]:
    """Give a list that is filled, at the end, with what FFmpeg logs in this thread meanwhile."""
    heard: list[str] = []
    with _level:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.ERROR)
        try:
            with av.logging.Capture(True) as told:
                yield heard
        finally:
            av.logging.set_level(before)
            heard += [line.strip().rstrip(".") for _, _, line in told if line.strip()]


class Built:
    """A graph with all its filters made and linked among themselves; its ends are open."""

    def __init__(self, text: str, words: tuple[FilterWord, ...]) -> None:
        """Make the filters; MediaError if one cannot be made, or linked as the words say."""
        self.graph = Graph()
        self.text = text
        self.contexts = [self._made(word) for word in words]
        self.inputs: dict[str, End] = {}
        self.outputs: dict[str, End] = {}
        self._link(words)
        if not self.outputs:
            raise MediaError(f"{text!r} gives nothing: none of its outputs is left open")

    def _made(self, word: FilterWord) -> Context:
        if word.name in (*SOURCES.values(), *SINKS.values()):
            raise MediaError(f"{self.text!r}: {word.name} is put in by itself, where a label is open")
        try:
            return self.graph.add(word.name, word.arguments or None, name=word.given or word.name)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if not isinstance(error, av.error.FFmpegError | OSError):
                raise MediaError(
                    f"{self.text!r}: this build of FFmpeg has no filter {word.name!r}"
                ) from None
            raise MediaError(f"{self.text!r}: {word.name}: {_reason(word, error)}") from error

    def _link(self, words: tuple[FilterWord, ...]) -> None:
        labelled: dict[str, End] = {}
        waiting: list[tuple[str, Context, int]] = []
        before: tuple[int, Context, list[int]] | None = None  # outputs without a label
        for word, context in zip(words, self.contexts, strict=True):
            inputs = list(range(len(context.inputs)))
            if len(word.inputs) > len(inputs) or len(word.outputs) > len(context.outputs):
                raise MediaError(
                    f"{self.text!r}: {word.name} has {len(inputs)} inputs and "
                    f"{len(context.outputs)} outputs, fewer than it is given labels"
                )
            for label in word.inputs:
                waiting.append((label, context, inputs.pop(0)))
            if before is not None and before[0] == word.chain:
                while before[2] and inputs:
                    self._join(before[1], before[2].pop(0), context, inputs.pop(0))
            elif before is not None:
                self._open(self.outputs, "outbox", before)
            if before is not None and before[0] == word.chain and before[2]:
                raise MediaError(f"{self.text!r}: what comes before {word.name} has no place in it")
            self._open(self.inputs, "inbox", (word.chain, context, inputs))
            for place, label in enumerate(word.outputs):
                labelled[label] = (context, place)
            before = (
                word.chain, context, list(range(len(word.outputs), len(context.outputs))),
            )  # fmt: skip
        if before is not None:
            self._open(self.outputs, "outbox", before)
        for label, context, place in waiting:
            if label in labelled:
                source, output = labelled.pop(label)
                self._join(source, output, context, place)
            else:
                self.inputs[label] = (context, place)
        self.outputs.update(labelled)

    def _open(
        self,
        ends: dict[str, End],
        usual: str,
        left: tuple[int, Context, list[int]],
    ) -> None:
        """Give an end without a label the usual name; there is one of it."""
        _, context, places = left
        for place in places:
            if usual in ends:
                raise MediaError(
                    f"{self.text!r}: {context.name} leaves more than one {usual} open: "
                    "give them labels, such as [a]"
                )
            ends[usual] = (context, place)

    def _join(self, source: Context, output: int, sink: Context, place: int) -> None:
        try:
            source.link_to(sink, output, place)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(
                f"{self.text!r}: what {source.name} gives is not what {sink.name} takes: one is "
                "pictures and the other sound"
            ) from error


def pads_of(text: str) -> tuple[Pads, Pads]:
    """Give the open inputs and outputs of a graph, with their kinds; MediaError if it is wrong.

    Example: `pads_of("[a][b]overlay=10:10[out]")` is `({"a": "video", "b": "video"}, {"out": "video"})`.
    """
    words = filter_words(text)
    open_labels(words)
    built = Built(text, words)
    return (
        {label: _kind(built, end, SOURCES) for label, end in built.inputs.items()},
        {label: _kind(built, end, SINKS) for label, end in built.outputs.items()},
    )


def _kind(built: Built, end: End, filters: dict[str, str]) -> str:
    """Find out which kind an open end is: PyAV does not say, but a wrong joint is refused."""
    context, place = end
    sound = {"abuffer": "sample_rate=48000:sample_fmt=s16:channel_layout=mono:time_base=1/48000"}
    other = built.graph.add(filters[SOUND], sound.get(filters[SOUND]))
    try:
        if filters is SOURCES:
            other.link_to(context, 0, place)
        else:
            context.link_to(other, place, 0)
    except (av.error.FFmpegError, OSError):
        return PICTURES
    return SOUND


def _reason(word: FilterWord, error: BaseException) -> str:
    """Make the filter once more, in order to hear what FFmpeg logs of it."""
    with listening() as heard, suppress(av.error.FFmpegError, OSError):
        Graph().add(word.name, word.arguments or None)
    return heard[0] if heard else because(error)
