"""MediaPipeline: a pipeline that finds the right boxes, and puts in what is missing.

Laws
1. What is linked and what is put in follows from the formats that boxes declare, and from nothing
   else; so it is the same in every process that makes the same pipeline.
2. A stream that a part does not take goes past it to the first that does: sound goes past what works
   on pictures, and the other way round.
3. What cannot be brought together is refused in a sentence, when the pipeline is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from kamesh import Component, Pipeline
from kamesh.chassis import as_component, failure_choice
from kamesh.components.formats import Agreement, Conversion, Either, Format, Step, agree
from kamesh.components.media.converting import FrameRate, Resample, Scale
from kamesh.components.media.decode import Decode
from kamesh.components.media.demux import Demux
from kamesh.components.media.encode import Encode
from kamesh.components.media.mux import MuxMPEGTS
from kamesh.components.refusing import mapping
from kamesh.fitting import format_of

if TYPE_CHECKING:
    from kamesh.chassis import Part

__all__ = ["MediaPipeline"]

CONVERTERS: Mapping[str, Callable[..., Component]] = {
    "Decode": Decode, "Demux": Demux, "Encode": Encode, "FrameRate": FrameRate,
    "MuxMPEGTS": MuxMPEGTS, "Resample": Resample, "Scale": Scale,
}  # fmt: skip
OURS = ("control", "signal")


class MediaPipeline(Pipeline):
    """Parts in a row, linked by what they give and take, with converters put in where they must be.

    Sound travels beside the pictures, to the next part that takes sound. Where one part gives what
    the next does not take, what stands between is put in, under its own name: Encode, MuxMPEGTS,
    Demux, Decode, Scale, Resample, FrameRate. `parts` says afterwards what there is.

    Example:
        >>> line = MediaPipeline(TestCard(size=(160, 90), seconds=1, realtime=False),
        ...                      Scale(80), Resample(channels=1), Record("card.ts"))
        >>> line.run()
        >>> list(line.parts), probe("card.ts").audio_codec
        (['TestCard', 'Scale', 'Resample', 'Encode', 'Record'], 'aac')

    Boxes: as Pipeline has them.

    How it ends: as a Pipeline, when all parts have.
    """

    def __init__(
        self,
        *parts: Part,
        name: str | None = None,
        on_failure: str = "stop",
        placement: Mapping[str, str] | None = None,
    ) -> None:
        """Wire `parts` in their order; LinkageRefused for what cannot be brought together."""
        super().__init__(name=name)
        self.on_failure = failure_choice(on_failure)
        self._streams: dict[str, tuple[Component, str]] = {}  # what waits to be taken, by its name
        self._spans: list[tuple[int, int]] = []  # from which place in the row to which each goes
        for part in parts:
            self._put(as_component(part))
        self.placement = mapping(placement, "placements")
        for each in self.placement:
            self.part(each)
        names = list(self.parts)
        self._places = {each: place for place, each in enumerate(names) if self._is_waist(place)}
        for before, after in pairwise(self._places):
            self.link((before, "signal"), (after, "control"))
        if names:
            self._link_ends(names[0], names[-1])

    def _put(self, part: Component) -> None:
        """Put in one more part, and before it what must be between."""
        stream, steps = self._fitting(part)
        for step in steps:
            self._put(CONVERTERS[step.component](**step.arguments))
        if steps:
            stream, _ = self._fitting(part)
        names = list(self.parts)
        self.add(part)
        for box in part._strand.inboxes:
            wanted = stream if box == "inbox" else self._beside(part, box, stream)
            source = self._streams.pop(wanted, None)
            if source is not None:
                self.link((source[0].name, source[1]), (part.name, box))
                self._spans.append((names.index(source[0].name), len(names)))
        for box in part._strand.outboxes:
            if box not in OURS:
                self._streams[stream if box == "outbox" else box] = (part, box)

    def _is_waist(self, place: int) -> bool:
        """Say whether all that comes from before a part goes through it.

        When such a one ends, nobody needs those before it any more, and they are told to stop; what
        it is told it tells the next such one. The others end with what they are fed.
        """
        return not any(start < place < end for start, end in self._spans)

    def _fitting(self, part: Component) -> tuple[str, tuple[Step, ...]]:
        """Find which stream the inbox of a part takes, and what must be between."""
        takes = format_of(part, "inbox")
        if "outbox" not in self._streams or not isinstance(takes, Format | Either):
            return "outbox", ()
        ways = {name: self._way(name, takes) for name in self._streams}
        for name, found in ways.items():
            if isinstance(found, Agreement):
                return name, ()
        for name in ("outbox", *ways):
            found = ways[name]
            if isinstance(found, Conversion):
                return name, found.steps
        return "outbox", ()  # which is refused, with both names, when it is linked

    def _beside(self, part: Component, box: str, taken: str) -> str:
        """Find which stream a further inbox takes: the one of its name, or one of its format."""
        takes = format_of(part, box)
        if box in self._streams or not isinstance(takes, Format | Either):
            return box
        for name, (component, outbox) in self._streams.items():
            gives = format_of(component, outbox)
            fits = isinstance(gives, Format | Either) and isinstance(agree(gives, takes), Agreement)
            if fits and name != taken and name not in part._strand.inboxes:
                return name
        return box

    def _way(self, name: str, takes: Format | Either) -> object:
        component, box = self._streams[name]
        gives = format_of(component, box)
        if isinstance(gives, Format | Either):
            return agree(gives, takes)
        return Agreement(Format()) if name == "outbox" else None

    def _link_ends(self, first: str, last: str) -> None:
        """Make its own boxes those of the first part and the last."""
        if "inbox" in self.parts[first]._strand.inboxes:
            self.link(("", "inbox"), (first, "inbox"))
        for box in ("outbox", "signal"):
            if box in self.parts[last]._strand.outboxes:
                self.link((last, box), ("", box))
