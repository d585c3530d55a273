"""Mix: several sounds into one or more, each with gains of its own.

Laws
1. By the sounds' own times (the usual way) a mix is the same however they arrive: a block is mixed
   when each input that is still fed has brought it, or has been waited for `patience` seconds.
2. By the clock (`realtime`) a block leaves every `block` seconds, whatever the inputs bring: what is
   missing is silence and is counted, what waits is bounded, and the oldest is dropped and counted.
3. One input that comes, goes, or runs dry changes nothing for the others.

What is done with the samples is in `mixing.py`, `lanes.py` and `gains.py`, apart from any component.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from kamesh import Component
from kamesh.components.extras import needing
from kamesh.components.formats import Format, Sound
from kamesh.components.media.core.feeding import all_over
from kamesh.components.media.core.gains import GainMatrix
from kamesh.components.media.messages import unexpected
from kamesh.components.plumbing.streams import more_may_come
from kamesh.components.refusing import WrongFigure, at_least, between, box_names, more_than, whole
from kamesh.components.sending import shut_down
from kamesh.inbox import Inbox

if TYPE_CHECKING:
    from kamesh.components.media.engine.lanes import LiveLane, TimedLane
    from kamesh.components.media.engine.mixing import Desk, Samples
    from kamesh.components.media.engine.samples import SampleReader

__all__ = ["Mix"]

HELD = 16  # frames that an inbox for sound holds
LONGEST = 10.0  # seconds of silence in all inputs at once that are mixed, and not left out


class Mix(Component):
    """Mixes sounds: any number of inputs, any number of outputs, a gain for each pair.

    `inputs` are the names of the inboxes, or a number n for "1" to "n"; `outputs` those of the
    outboxes (default "outbox" alone), or a number n for "mix1" to "mixn". `gains` is one gain for all
    (1.0: as it comes) or a mapping by (input, output). With `mix_minus=True` there is, for each input
    X, an outbox "to_X" with everything but X, as the members of a conference must be given.

    Inputs may be of any sample format, rate and number of channels, also changing. Outputs have
    `rate` samples a second (default 48000), `channels` (default 2) and the sample format `format`
    ("s16" or "flt"), in pieces of `block` seconds (default 0.02). Sums are made in float32. What
    would be louder than full scale is turned down by a limiter that looks one block ahead; what is
    not leaves as it was summed.

    It goes by the times that the sounds bear, and waits for an input that is fed but silent for
    `patience` seconds at the most (default 5). With `realtime=True` it goes by the clock: of each
    input `latency` seconds may wait (default 0.2), so sound is later by that and two blocks at most.

    At "gains" it takes `SetGain`s and lines of text: `SWITCH output input ON|OFF|ONLY`, `GAIN output
    input 0.5`, `QUERY output input`; each has a reply: OK, ON, OFF, or FAIL and why. A change is
    spread over a block, so it does not click.

    Example:
        >>> def card(tone):
        ...     return TestCard(size=(160, 90), seconds=1, tone=tone, realtime=False)
        >>> mix = Mix(["voice", "music"], gains={("music", "outbox"): 0.25})
        >>> Graphline(A=card(440), B=card(550), MIX=mix, KEPT=(kept := DataSink()), linkages={
        ...     ("A", "audio"): ("MIX", "voice"), ("B", "audio"): ("MIX", "music"),
        ...     ("MIX", "outbox"): ("KEPT", "inbox")}).run()
        >>> sum(piece.samples for piece in kept.messages)
        48000
        >>> run(Mix(["voice", "music"]), {"gains": ["SWITCH outbox music OFF"]})["replies"]
        ['OK']

    Boxes: those named are its inboxes, for `av.AudioFrame`s; "gains" what to change; "outbox", or
    those named, `av.AudioFrame`s; "replies" one to each request; "control".

    How it ends: when all the sounds that feed it have ended and are mixed (by the clock: when what
    feeds "gains" has ended too), or when told on "control". It fails, with a sentence, for what is no
    sound. Whoever reads too slowly holds up all outputs: link it with a policy that drops.
    """

    inboxes: ClassVar = {
        "gains": "SetGain, or lines such as 'SWITCH outbox music OFF'",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "the mix: av.AudioFrame",
        "replies": "OK, ON, OFF, or FAIL and why",
        "signal": "passes on what was told on control",
    }
    gains: Inbox

    def __init__(
        self,
        inputs: Iterable[str] | int,
        outputs: Iterable[str] | int | None = None,
        *,
        gains: Mapping[tuple[str, str], float] | float = 1.0,
        mix_minus: bool = False,
        rate: int = 48000,
        channels: int = 2,
        block: float = 0.02,
        format: str = "s16",  # noqa: A002  FFmpeg's own word
        realtime: bool = False,
        latency: float = 0.2,
        patience: float = 5.0,
        name: str | None = None,
    ) -> None:
        """Check names and figures; WrongFigure, NameTaken or GainError says which will not do."""
        super().__init__(name=name)
        sources = box_names(inputs, "a Mix", (*self.inboxes, *self.outboxes))
        minus = {f"to_{source}": source for source in sources} if mix_minus else {}
        if isinstance(outputs, int):
            whole(0, outputs, "the number of mixes", 4096)
        elif outputs is not None and (isinstance(outputs, str) or not isinstance(outputs, Iterable)):
            raise WrongFigure(f"outputs are the names of mixes, or how many, and not {outputs!r}")
        mixes = [f"mix{n + 1}" for n in range(outputs)] if isinstance(outputs, int) else outputs
        named = [*minus, *(mixes or ())]
        taken = (*sources, "gains", "control", "replies", "signal")
        named = box_names(named, "a Mix", taken) if named else ["outbox"]
        whole(8000, rate, "the number of samples a second", 192_000)
        whole(1, channels, "the number of channels", 64)
        between(0, 1, block, "the seconds of a block")
        at_least(0, latency, "the seconds of latency")
        if format not in ("s16", "flt"):
            raise WrongFigure(f"a mix is made as 's16' or 'flt', not {format!r}")
        more_than(0, patience, "the seconds to wait for a silent input")
        self.rate, self.channels, self.format = rate, channels, format
        self.block = round(block * rate)
        self.most = round(latency * rate)
        if not 1 <= self.block <= rate or self.most < self.block:
            raise WrongFigure(
                f"a block of {block} seconds and a latency of {latency} do not go together: a block "
                "lasts up to 1 second, and at least one must have room in the latency"
            )
        self.realtime, self.patience = realtime, patience
        self.matrix = GainMatrix(sources, named, gains, without=minus)
        self._boxes = [self._inbox(self.add_inbox(source, HELD)) for source in sources]
        for output in named:
            if output != "outbox":
                self.add_outbox(output)
        if "outbox" not in named:
            self.delete_outbox("outbox")
        self.formats: Mapping[str, Format] = {
            **{source: Sound() for source in sources},
            **{output: Sound((format,), (rate,), (channels,)) for output in named},
        }
        self.blocks = self.skipped = self.late = 0
        self._given = 0  # the place of the next sample that leaves
        self._desk: Desk | None = None
        self._readers: list[SampleReader] = []
        self._timed: list[TimedLane] = []
        self._live: list[LiveLane] = []

    def main(self) -> Generator[None, None, None]:
        """Mix block after block."""
        # PyAV and NumPy take a quarter of a second to import: only the node that mixes pays for it
        with needing("Mix"):
            from kamesh.components.media.engine.lanes import LiveLane, TimedLane
            from kamesh.components.media.engine.mixing import Desk
            from kamesh.components.media.engine.samples import SampleReader

        self._hear()  # what was asked before the first block holds for all of it
        self._desk = Desk(self.matrix.rows, self.block / self.rate)
        self._readers = [SampleReader(self.rate, self.channels) for _ in self._boxes]
        if self.realtime:
            self._live = [LiveLane(self.most) for _ in self._boxes]
            yield from self._by_the_clock()
        else:
            self._timed = [TimedLane(self.rate) for _ in self._boxes]
            yield from self._by_times()

    def _hear(self) -> None:
        while self.gains.queue:
            self.send(self.matrix.obey(self.gains.recv()), "replies")

    # by the times of what comes

    def _by_times(self) -> Generator[None, None, None]:
        place: int | None = None  # where the next block begins
        silent: set[Inbox] = set()  # inputs that are waited for no more until they bring something
        since: float | None = None
        while not shut_down(self):
            self._hear()
            told = self.stopping()
            stop = None if place is None else place + self.block
            for box, lane in zip(self._boxes, self._timed, strict=True):
                while box.queue and _lacks(lane, stop):
                    silent.discard(box)
                    for at, samples in self._read(box):
                        lane.put(at, samples)
                for at, samples in self._rest_of(box):
                    lane.put(at, samples)
            awaited = self._awaited(stop, silent)
            wait: float | None = None
            if awaited and any(lane.end is not None for lane in self._timed):
                since = self.now() if since is None else since
                wait = since + self.patience - self.now()
                if wait <= 0:
                    silent |= awaited
                    self.late += len(awaited)
                    awaited, since = set(), None
            elif not awaited:
                since = None
            if awaited:
                yield self.pause(wait)
                continue
            starts = [lane.start for lane in self._timed if lane.start is not None]
            if not starts:
                if told or all_over(self._boxes):
                    break
                yield self.pause()
                continue
            if place is None or min(starts) - place > LONGEST * self.rate:
                self._finish_desk()
                place = self._given = min(starts)
            else:
                self._mix_timed(place)
                place += self.block
            yield None
        self._finish_desk()

    def _awaited(self, stop: int | None, silent: set[Inbox]) -> set[Inbox]:
        """Name the inputs without which the next block cannot be mixed."""
        return {
            box
            for box, lane in zip(self._boxes, self._timed, strict=True)
            if _lacks(lane, stop) and box not in silent and more_may_come(self, box)
        }

    def _mix_timed(self, place: int) -> None:
        ends = [lane.end for lane in self._timed if lane.end is not None]
        count = self.block
        if not any(more_may_come(self, box) or box.queue for box in self._boxes):
            count = min(count, max(ends) - place)  # the last block is as long as what is left
        self._mix([lane.take(place, count) for lane in self._timed], count)

    # by the clock

    def _by_the_clock(self) -> Generator[None, None, None]:
        start, seconds = self.now(), self.block / self.rate
        done = 0
        while not (shut_down(self) or self.stopping()):
            self._hear()
            for box, live in zip(self._boxes, self._live, strict=True):
                while box.queue:
                    for _, samples in self._read(box):
                        live.put(samples)
                for _, samples in self._rest_of(box):
                    live.put(samples)
            wait = start + (done + 1) * seconds - self.now()
            if wait > 0:
                yield self.pause(wait)
                continue
            if -wait > max(self.most, 2 * self.block) / self.rate:  # nobody has read for so long
                missed = int(-wait / seconds)
                self.skipped += missed
                done += missed
                self._finish_desk()
                self._given += missed * self.block
            ended = [not more_may_come(self, box) for box in self._boxes]
            blocks = [
                live.take(self.block, last=last)
                for live, last in zip(self._live, ended, strict=True)
            ]
            self._mix(blocks, self.block)
            done += 1
            yield None
        while any(live.held for live in self._live) and not shut_down(self):
            self._mix([live.take(self.block, last=True) for live in self._live], self.block)
            yield None
        self._finish_desk()

    # both

    def _read(self, box: Inbox) -> list[tuple[int, Samples]]:
        frame = box.recv()
        if not hasattr(frame, "sample_rate"):
            raise unexpected("Mix", "av.AudioFrame", frame)
        return self._readers[self._boxes.index(box)].push(frame)

    def _rest_of(self, box: Inbox) -> list[tuple[int, Samples]]:
        """Give what is left in the resampler of an input that has ended."""
        if box.queue or more_may_come(self, box):
            return []
        return self._readers[self._boxes.index(box)].finish()

    def _mix(self, blocks: list[Samples | None], count: int) -> None:
        assert self._desk is not None
        self.blocks += 1
        self._send_blocks(self._desk.mix(blocks, self.matrix.rows, (count, self.channels)))

    def _finish_desk(self) -> None:
        if self._desk is not None:
            self._send_blocks(self._desk.finish())

    def _send_blocks(self, blocks: list[Samples]) -> None:
        from kamesh.components.media.engine.samples import sound_frame  # as in main: PyAV

        if not blocks:
            return
        for output, block in zip(self.matrix.outputs, blocks, strict=True):
            self.send(sound_frame(block, self._given, self.rate, self.format), output)
        self._given += len(blocks[0])

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        return {
            "blocks": self.blocks,
            "underruns": self.late + sum(live.underruns for live in self._live),
            "dropped": sum(live.dropped for live in self._live),
            "limited": self._desk.limited if self._desk else 0,
            "skipped": self.skipped,
            "moved": sum(lane.beginnings for lane in self._timed),
        }


def _lacks(lane: TimedLane, stop: int | None) -> bool:
    """Say whether an input has too little for the block that ends at `stop`; None: for any."""
    return lane.end is None or (stop is not None and lane.end < stop)
