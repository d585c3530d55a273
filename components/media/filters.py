"""VideoFilter, AudioFilter, FilterGraph: FFmpeg's filters, by FFmpeg's own words.

They are components with a thread of their own, as a filter may take longer for a picture than
anything else here. What is done with the frames is in `filtering.py`, apart from any component.

Laws: wrong words are refused when the component is made, with FFmpeg's reason; of several inputs the
one that is furthest behind in time is read next, so that none piles up; frames handed in are not
changed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.codec import register
from kamesh.components.extras import NotInstalled, needing
from kamesh.components.formats import Format, Pictures, Sound
from kamesh.components.media.core.filterwords import filter_words, open_labels
from kamesh.components.media.messages import unexpected
from kamesh.components.media.trouble import MediaError
from kamesh.components.refusing import text
from kamesh.errors import EmptyInbox

if TYPE_CHECKING:
    from kamesh.components.media.engine.filtering import FilterMachine

__all__ = ["AudioFilter", "FilterCommand", "FilterGraph", "VideoFilter"]

log = logging.getLogger("kamesh")

OUR_OWN = ("commands", "control", "signal")
KINDS: Mapping[str, Format] = {"video": Pictures(), "audio": Sound()}


@register(name="media.FilterCommand")
@dataclass(frozen=True, slots=True)
class FilterCommand:
    """Tells a filter something while it runs: `FilterCommand("volume", "volume", "0.5")`.

    `filter` is its name, or what stands behind the "@" of `volume@first`; which commands there are is
    said by FFmpeg's manual of filters.
    """

    filter: str
    command: str
    argument: str = ""


class FilterGraph(ThreadedComponent):
    """Sends pictures and sound through a graph of FFmpeg's filters.

    `graph` is written as for the program ffmpeg: "[a][b]overlay=10:10[out]". Each label that is left
    open is a box of this name; an open end without a label is "inbox" or "outbox". A graph without
    inputs, such as "testsrc=duration=5", is a source.

    Example:
        >>> beside = FilterGraph("[left][right]hstack[out]")
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> Graphline(CARD=card, BESIDE=beside, KEPT=(kept := DataSink()), linkages={
        ...     ("CARD", "outbox"): [("BESIDE", "left"), ("BESIDE", "right")],
        ...     ("BESIDE", "out"): ("KEPT", "inbox")}).run()
        >>> kept.messages[0].width, len(kept.messages)
        (320, 25)

    Boxes: one for each open end, `av.VideoFrame` or `av.AudioFrame`; "commands" `FilterCommand`s,
    heeded before the next frame; "control". All inputs are waited for, the one that is furthest
    behind first.

    How it ends: when all its inputs have ended, or when told on "control": what is inside comes out
    first. A command that no filter heeds is said in the log and counted. It fails, with FFmpeg's
    reason, for frames that the graph cannot be used for.
    """

    inboxes: ClassVar = {
        "commands": "FilterCommands, heeded before the next frame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {"signal": "passes on what was told on control"}
    outgoing: ClassVar = 4

    def __init__(self, graph: str, *, name: str | None = None) -> None:
        """Check the words and make a box of each open end."""
        super().__init__(name=name)
        text(graph, "a graph of filters")
        self.graph = graph
        self.frames = self.unheeded = 0
        self._machine: FilterMachine | None = None
        self._inputs, self._outputs = _ends(graph)
        for label in (*self._inputs, *self._outputs):
            if label in OUR_OWN or (label in self._inputs and label in self._outputs):
                raise MediaError(f"{graph!r}: [{label}] cannot be the name of a box: choose another")
        self.declare()

    def declare(self) -> None:
        """Make the boxes, and say what they give and take."""
        for label in self._inputs:
            self.add_inbox(label, 8)
        for label in self._outputs:
            self.add_outbox(label)
        ends = {**self._inputs, **self._outputs}
        self.formats = {label: KINDS[kind] for label, kind in ends.items() if kind in KINDS}

    def main(self) -> None:
        """Filter what comes, the input that is furthest behind first."""
        # PyAV takes a tenth of a second to import: only the node that filters pays for it
        with needing(type(self).__name__):
            from kamesh.components.media.engine.filtering import FilterMachine

        machine = self._machine = FilterMachine(self.graph)
        self._check_linked()
        reached = dict.fromkeys(machine.inputs, -math.inf)
        while reached and not self.stopping():
            label = min(reached, key=reached.__getitem__)
            try:
                frame = self.recv(label, timeout=None)
            except EmptyInbox:
                if self._strand.inboxes[label].ended:
                    del reached[label]
                    self._pass_on(machine.end(label))
                continue
            self._heed(machine)
            if not hasattr(frame, "time_base"):
                raise unexpected(type(self).__name__, f"frames on {label!r}", frame)
            if frame.pts is not None and frame.time_base:
                reached[label] = float(frame.pts * frame.time_base)
            self._pass_on(machine.push(label, frame))
        self._pass_on(machine.finish())

    def _pass_on(self, frames: Iterable[tuple[str, Any]]) -> None:
        for label, frame in frames:
            if self._stopped_source():
                return
            self.send(frame, label)
            self.frames += 1

    def _stopped_source(self) -> bool:
        """Say whether a graph without inputs, which may never end by itself, is to stop."""
        return not self._inputs and self.stopping()

    def _heed(self, machine: FilterMachine) -> None:
        while self.data_ready("commands"):
            told = self.recv("commands")
            if not isinstance(told, FilterCommand):
                raise unexpected(type(self).__name__, "FilterCommands on 'commands'", told)
            try:
                machine.command(told.filter, told.command, told.argument)
            except MediaError as error:
                self.unheeded += 1
                log.warning("%s: %s", self.path, error)

    def _check_linked(self) -> None:
        """Refuse to wait for ever for an input that nothing is linked to."""
        boxes = [self._strand.inboxes[label] for label in self._inputs]
        if any(box.feeds for box in boxes):
            for box in boxes:
                if not (box.feeds or box.arrived):
                    raise MediaError(f"{self.graph!r} needs something linked to {box.label}")

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        changes = self._machine.changes if self._machine else 0
        return {"frames": self.frames, "changes": changes, "unheeded": self.unheeded}


class _OneWay(FilterGraph):
    """A graph with one input and one output of one kind."""

    inboxes: ClassVar = {
        "inbox": "what to filter",
        "commands": "FilterCommands, heeded before the next frame",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "what came of it",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8}
    kind: ClassVar[str]
    example: ClassVar[str]

    def declare(self) -> None:
        """Refuse a graph with other ends."""
        want = ({"inbox": self.kind}, {"outbox": self.kind})
        have = (self._inputs, self._outputs)
        if [set(ends) for ends in have] != [{"inbox"}, {"outbox"}] or (
            all(kind for ends in have for kind in ends.values()) and have != want
        ):
            raise MediaError(
                f"{self.graph!r} does not turn one {self.kind} stream into another, as "
                f"{self.example!r} does: use FilterGraph for other graphs"
            )


class VideoFilter(_OneWay):
    """Sends pictures through FFmpeg's filters, one after the other.

    `graph` is written as for ffmpeg's -vf: "scale=640:-1,hflip", "crop=64:48", "pad=720:576:8:0".

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> Pipeline(card, VideoFilter("scale=80:-2,hflip"), kept := DataSink()).run()
        >>> kept.messages[0].width, kept.messages[0].height
        (80, 46)

    Boxes: "inbox" `av.VideoFrame`; "outbox" `av.VideoFrame`; "commands" `FilterCommand`s; "control".
    When the pictures that come change their size or their format, the filters are made anew.

    How it ends: when the stream ends or it is told on "control": what is inside comes out first.
    """

    kind = "video"
    example = "scale=640:-1,hflip"
    formats: Mapping[str, Format] = {"inbox": Pictures(), "outbox": Pictures()}


class AudioFilter(_OneWay):
    """Sends sound through FFmpeg's filters, one after the other.

    `graph` is written as for ffmpeg's -af: "atempo=1.25", "volume=0.5,highpass=200".

    Example:
        >>> sound = DeviceSource("sine=frequency=440:sample_rate=8000:duration=1", "lavfi")
        >>> Graphline(SOUND=sound, FASTER=AudioFilter("atempo=2"), KEPT=(kept := DataSink()),
        ...     linkages={("SOUND", "audio"): ("FASTER", "inbox"),
        ...               ("FASTER", "outbox"): ("KEPT", "inbox")}).run()
        >>> 3900 < sum(piece.samples for piece in kept.messages) < 4100
        True

    Boxes: "inbox" `av.AudioFrame`; "outbox" `av.AudioFrame`; "commands" `FilterCommand`s; "control".
    When the sound that comes changes its rate, its form or its channels, the filters are made anew.

    How it ends: when the stream ends or it is told on "control": what is inside comes out first.
    """

    kind = "audio"
    example = "atempo=1.25"
    formats: Mapping[str, Format] = {"inbox": Sound(), "outbox": Sound()}


def _ends(graph: str) -> tuple[dict[str, str], dict[str, str]]:
    """Give the open ends and their kinds; "" where PyAV is not there to ask."""
    words = filter_words(graph)
    inputs, outputs = open_labels(words)
    try:
        with needing("FilterGraph"):
            from kamesh.components.media.engine.filterbuild import pads_of
    except NotInstalled:  # it is said on the node where it runs
        open_in = dict.fromkeys(inputs, "") or {"inbox": ""}
        return open_in, dict.fromkeys(outputs, "") or {"outbox": ""}
    return pads_of(graph)
