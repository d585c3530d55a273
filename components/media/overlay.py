"""Overlay: words or a picture laid over pictures, and changed while they pass.

It is a component with a thread of its own: to lay a line of words over a picture of 1280 x 720 was
measured to take 1.7 ms.

Laws: every picture that comes goes out, once, with its time, its size and its format; what is drawn is
drawn when it changes, not for each picture; subtitles are seen from the very picture at whose time
they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kamesh import ThreadedComponent
from kamesh.components.extras import needing
from kamesh.components.files.errors import a_path
from kamesh.components.formats import Format, Pictures, Text
from kamesh.components.media.core.showing import Showing
from kamesh.components.media.messages import Subtitle, unexpected
from kamesh.components.refusing import WrongFigure, between, text, whole
from kamesh.errors import EmptyInbox
from kamesh.inbox import Inbox

if TYPE_CHECKING:
    from kamesh.components.media.engine.painting import Painter

__all__ = ["Overlay"]

COLOURS = {
    "white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "green": (0, 255, 0),
    "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255), "magenta": (255, 0, 255),
}  # fmt: skip
WORD_HEIGHT = 14  # letters are this part of the picture's height, unless said otherwise


class Overlay(ThreadedComponent):
    """Lays words and a picture over what passes.

    `text` is what is written at first; a text sent to the box "text" takes its place, "" takes it
    away. `picture` is the name of a picture file, laid below the words with its own opacity. Each has
    its place: `position` of the words, `picture_position` of the picture: words such as "bottom" or
    "top right", or (x, y) in pixels, from the right or from below where negative. `size` is the height
    of the letters in pixels (0: a fourteenth of the picture); `colour` a name such as "yellow", or
    "#rrggbb"; `box` the opacity of the black behind the words, `opacity` that of it all, 0 to 1. The
    letters are capitals without accents. `patience`: seconds that a picture waits for subtitles that
    are behind (default 1); when none has come by then, nobody waits until the next one has.

    Example:
        >>> card = TestCard(size=(160, 90), seconds=1, realtime=False)
        >>> titles = DataSource([Subtitle("GOOD EVENING", start=0.2, end=0.4)])
        >>> Graphline(CARD=card, TITLES=titles, OVER=Overlay(), KEPT=(kept := DataSink()),
        ...     linkages={("CARD", "outbox"): ("OVER", "inbox"),
        ...               ("TITLES", "outbox"): ("OVER", "subtitles"),
        ...               ("OVER", "outbox"): ("KEPT", "inbox")}).run()
        >>> len(kept.messages)
        25

    Boxes: "inbox" `av.VideoFrame` of any size and format; "text" `str`, or `Subtitle`s, seen as soon
    as they have come; "subtitles" `Subtitle`s by their own times: a picture waits until it is known
    what belongs on it, so subtitles that come live belong to "text"; "outbox" `av.VideoFrame`; "control".

    How it ends: when the pictures do, or when told on "control".
    """

    inboxes: ClassVar = {
        "inbox": "pictures: av.VideoFrame",
        "text": "str, or a Subtitle, to be seen at once",
        "subtitles": "Subtitles, by their own times",
        "control": "told here to finish or to stop",
    }
    outboxes: ClassVar = {
        "outbox": "pictures: av.VideoFrame",
        "signal": "passes on what was told on control",
    }
    bounds: ClassVar = {"inbox": 8, "text": 64, "subtitles": 64}
    outgoing: ClassVar = 4
    formats: Mapping[str, Format] = {
        "inbox": Pictures(), "outbox": Pictures(), "text": Text(), "subtitles": Text(),
    }  # fmt: skip
    text: Inbox
    subtitles: Inbox

    def __init__(
        self,
        text: str = "",
        *,
        picture: str | Path = "",
        position: str | tuple[int, int] = "bottom",
        picture_position: str | tuple[int, int] = "top right",
        size: int = 0,
        colour: str = "white",
        box: float = 0.6,
        opacity: float = 1.0,
        patience: float = 1.0,
        name: str | None = None,
    ) -> None:
        """Check the words; WrongFigure says which will not do."""
        super().__init__(name=name)
        between(0, 1, box, "the opacity of the box")
        between(0, 1, opacity, "the opacity of the picture")
        between(0, 60, patience, "the seconds that a picture waits")
        whole(0, size, "the height of letters in pixels (0: by the picture)")
        self.words = text
        self.file = a_path(picture) if picture else None
        self.positions = (picture_position, position)
        self.size, self.box, self.opacity = size, box, opacity
        self.colour = _colour(colour)
        self.patience = patience
        self._patient = True
        self.frames = 0
        self._showing, self._timed = Showing(), Showing()
        self._drawn: tuple[Any, ...] = ()
        self._painters: list[Painter] = []

    def main(self) -> None:
        """Lay what is to be seen over picture after picture."""
        # PyAV and NumPy take a quarter of a second to import: only the node that draws pays for it
        with needing("Overlay"):
            import av

            from kamesh.components.media.engine.drawing import place

        for position in self.positions:
            place(position, (0, 0), (1, 1))
        if self.file is not None:
            self._still = _still(self.file, self.opacity)
        for frame in self.inbox:
            if not isinstance(frame, av.VideoFrame):
                raise unexpected("Overlay", "av.VideoFrame", frame)
            self._hear()
            for painter in self._over(frame, self._words_at(frame)):
                frame = painter.paint(frame)
            self.send(frame)
            self.frames += 1

    _still: Any = None

    def _hear(self) -> None:
        while self.data_ready("text"):
            told = self.recv("text")
            if isinstance(told, Subtitle):
                self._showing.add(told)
            elif isinstance(told, str):
                self.words = told
            else:
                raise unexpected("Overlay", "text on 'text'", told)

    def _words_at(self, frame: Any) -> str:
        """Give what is to be read on a picture, waiting until that is known."""
        time = float(frame.pts * frame.time_base) if frame.pts is not None else 0.0
        while not self._timed.knows(time) and self._next_subtitle():
            pass
        lines = (self.words, self._showing.at(time), self._timed.at(time))
        return "\n".join(line for line in lines if line)

    def _next_subtitle(self) -> bool:
        """Take one more, waiting for it; False if there is none to be had."""
        box = self.subtitles
        if not (box.feeds or box.arrived):
            return False
        try:
            told = self.recv("subtitles", timeout=self.patience if self._patient else 0.0)
        except EmptyInbox:
            self._patient = False
            if box.ended:
                self._timed.end()
            return False
        if not isinstance(told, Subtitle):
            raise unexpected("Overlay", "Subtitles on 'subtitles'", told)
        self._patient = True
        self._timed.add(told)
        return True

    def _over(self, frame: Any, words: str) -> list[Painter]:
        """Give what paints over a picture, made anew where words or sizes have changed."""
        wanted = (words, frame.width, frame.height)
        if wanted != self._drawn:
            self._drawn = wanted
            self._painters = self._made(words, (frame.width, frame.height))
        return self._painters

    def _made(self, words: str, within: tuple[int, int]) -> list[Painter]:
        from kamesh.components.media.engine.drawing import draw_words, place  # as in main: NumPy
        from kamesh.components.media.engine.painting import Painter

        layers = [self._still, None]
        if words:
            height = self.size or max(5, within[1] // WORD_HEIGHT)
            layers[1] = draw_words(words, height, self.colour, self.box)
            layers[1][..., 3] = layers[1][..., 3] * self.opacity
        return [
            Painter(layer, place(position, (layer.shape[1], layer.shape[0]), within))
            for layer, position in zip(layers, self.positions, strict=True)
            if layer is not None
        ]

    def details(self) -> dict[str, int]:
        """Give the figures that are its own."""
        forgotten = self._showing.forgotten + self._timed.forgotten
        return {"frames": self.frames, "forgotten": forgotten}


def _colour(said: str) -> tuple[int, int, int]:
    text(said, "a colour")
    if said in COLOURS:
        return COLOURS[said]
    try:
        if len(said) != 7 or said[0] != "#":
            raise ValueError
        red, green, blue = bytes.fromhex(said[1:])
    except ValueError:
        raise WrongFigure(
            f"{said!r} is no colour: write {', '.join(COLOURS)}, or '#rrggbb'"
        ) from None
    return red, green, blue


def _still(path: Path, opacity: float) -> Any:
    from kamesh.components.media.engine.stills import read_still  # as in main: PyAV

    layer = read_still(path).to_ndarray(format="rgba").copy()
    layer[..., 3] = layer[..., 3] * opacity
    return layer
