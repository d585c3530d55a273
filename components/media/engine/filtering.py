"""Filtering: frames through a graph of FFmpeg's filters. Imports PyAV.

Laws
1. The first frames settle the formats; a change in mid-stream has what is inside come out, and the
   graph is made anew for what follows.
2. Frames handed in are not changed.
3. What cannot be filtered is refused with FFmpeg's reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter.context import FilterContext

from kamesh.components.media.core.filterwords import filter_words
from kamesh.components.media.engine.filterbuild import (
    SINKS,
    SOUND,
    SOURCES,
    Built,
    listening,
    pads_of,
)
from kamesh.components.media.trouble import MediaError, because

__all__ = ["FilterMachine"]


class FilterMachine:
    """Takes frames at the open inputs of a graph, gives what comes out of its open outputs.

    Example:
        machine = FilterMachine("scale=640:-1,hflip")
        for label, frame in machine.push("inbox", frame): ...
        for label, frame in machine.finish(): ...
    """

    def __init__(self, text: str) -> None:
        """Check the words."""
        self.text = text
        self.inputs, self.outputs = pads_of(text)
        self._words = filter_words(text)
        self._forms: dict[str, str] = {}
        self._ended: set[str] = set()
        self._held: list[tuple[str, Any]] = []
        self._last: dict[str, Any] = {}  # the last picture of each input
        self._built: Built | None = None
        self._sources: dict[str, FilterContext] = {}
        self._sinks: dict[str, FilterContext] = {}
        self.changes = 0

    def push(self, label: str, frame: Any) -> Iterator[tuple[str, Any]]:
        """Take a frame at one input; give what comes out."""
        if isinstance(frame, av.AudioFrame) != (self.inputs[label] == SOUND):
            raise MediaError(f"{self.text!r} takes {self.inputs[label]} at {label!r}")
        form = _form(frame)
        if self._forms.get(label, form) != form:
            yield from self._flushed()
            self.changes += 1
        self._forms[label] = form
        self._held.append((label, frame))
        if all(each in self._forms or each in self._ended for each in self.inputs):
            yield from self._go_on()

    def end(self, label: str) -> Iterator[tuple[str, Any]]:
        """Hear that no more comes to one input; give what comes out."""
        if label in self._ended:
            return
        self._ended.add(label)
        if label not in self._forms and self.inputs:
            # what never came cannot be filtered with: what waits for it has nothing to go into
            self._forms[label] = ""
        if self._built is not None and label in self._sources:
            self._feed(label, None)
            yield from self._pulled()
        elif self._held and all(each in self._forms for each in self.inputs):
            yield from self._go_on()

    def finish(self) -> Iterator[tuple[str, Any]]:
        """End every input and give all that is left."""
        for label in self.inputs:
            yield from self.end(label)
        if not self.inputs:
            yield from self._go_on()

    def command(self, name: str, command: str, argument: str) -> None:
        """Tell the filters of that name something while they run; MediaError if none heeds it."""
        if self._built is None:
            raise MediaError(f"{self.text!r} does not run yet, so {name} can be told nothing")
        heard = False
        for word, context in zip(self._words, self._built.contexts, strict=True):
            if name in (word.name, word.given):
                try:
                    context.process_command(command, argument)
                except (av.error.FFmpegError, OSError) as error:
                    raise MediaError(
                        f"{self.text!r}: {name} does not take {command} {argument}: {because(error)}"
                    ) from error
                heard = True
        if not heard:
            raise MediaError(f"{self.text!r} has no filter {name!r} to be told anything")

    def _go_on(self) -> Iterator[tuple[str, Any]]:
        anew = self._built is None
        if anew:
            if any(not self._forms.get(label) for label in self.inputs):
                self._held.clear()  # an input ended before its first frame
                return
            self._build()
            # a picture that stays to the end, such as a logo, stays when the graph is made anew
            stay = [(label, self._last[label]) for label in self._ended if label in self._last]
            self._held = [*stay, *self._held]
        held, self._held = self._held, []
        for label, frame in held:
            self._feed(label, frame)
            if isinstance(frame, av.VideoFrame):
                self._last[label] = frame
        if anew:
            for label in self._ended & set(self._sources):
                self._feed(label, None)
        yield from self._pulled()

    def _build(self) -> None:
        built = Built(self.text, self._words)
        heard: list[str] = []
        try:
            self._sources, self._sinks = {}, {}
            for label, (context, place) in built.inputs.items():
                source = built.graph.add(SOURCES[self.inputs[label]], self._forms[label])
                source.link_to(context, 0, place)
                self._sources[label] = source
            for label, (context, place) in built.outputs.items():
                sink = built.graph.add(SINKS[self.outputs[label]])
                context.link_to(sink, place, 0)
                self._sinks[label] = sink
            with listening() as heard:
                built.graph.configure()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"{self.text!r} cannot be used for {' and '.join(self._forms.values())}: "
                f"{heard[0] if heard else because(error)}"
            ) from error
        self._built = built
    def _feed(self, label: str, frame: Any) -> None:
        try:
            self._sources[label].push(frame)
        except EOFError:
            return  # the graph wants no more of this one
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"{self.text!r} cannot go on: {because(error)}") from error

    def _pulled(self) -> Iterator[tuple[str, Any]]:
        """Give what has come out so far."""
        if self._built is None:
            return
        for label, sink in self._sinks.items():
            while True:
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, EOFError):
                    break
                except (av.error.FFmpegError, OSError) as error:
                    raise MediaError(f"{self.text!r} cannot go on: {because(error)}") from error
                yield label, frame

    def _flushed(self) -> Iterator[tuple[str, Any]]:
        """Have what is inside come out; the graph is done with."""
        if self._built is not None:
            for label in self._sources:
                if label not in self._ended:
                    self._feed(label, None)
            yield from self._pulled()
        self._built = None


def _form(frame: Any) -> str:
    """Describe a frame as FFmpeg's sources want it."""
    if isinstance(frame, av.AudioFrame):
        unit = frame.time_base or Fraction(1, frame.sample_rate)
        return (
            f"sample_rate={frame.sample_rate}:sample_fmt={frame.format.name}:"
            f"channel_layout={frame.layout.name}:time_base={unit}"
        )
    return (
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:"
        f"time_base={frame.time_base or Fraction(1, 25)}:"
        f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    )
