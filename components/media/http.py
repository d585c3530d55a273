"""HTTPStream: a live programme over HTTP, for players and for browsers.

Players (ffplay, VLC, mpv) take the transport stream as it is, at `stream.ts`. Browsers do not, so
the same packets are put into fragmented MP4, once for all of them, at `stream.mp4`, and a page
shows that.

Laws: what comes in is served whether or not it can be made into MP4; the trouble of one form is
never the trouble of the other; a port that cannot be had ends it all, with a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import ClassVar

from kamesh import Graphline
from kamesh.components.chunks import VIEWER_BYTES
from kamesh.components.media.page import PAGE
from kamesh.components.media.remux import RemuxMP4
from kamesh.components.network.tls import GivenTLS
from kamesh.components.web.streams import MOST_VIEWERS, Served, StreamServer
from kamesh.strand import Strand

__all__ = ["HTTPStream", "ProgrammeServer"]

log = logging.getLogger("kamesh")


class ProgrammeServer(StreamServer):
    """The serving half of HTTPStream: `stream.ts`, `stream.mp4` and a page that plays it.

    Example: `Pipeline(MuxMPEGTS(), HTTPStream(port=8080))` holds one.

    Boxes: "inbox" `Chunk`s of MPEG-TS; "mp4" a `Preamble` and `Chunk`s of fragmented MP4; "outbox"
    one `Listening`; "control". How it ends: as `StreamServer` does.
    """

    inboxes: ClassVar = {
        "inbox": "Chunks of MPEG-TS",
        "mp4": "a Preamble and Chunks of fragmented MP4",
        "control": "told here to finish or to stop",
    }
    bounds: ClassVar = {"inbox": 64, "mp4": 8}
    streams: ClassVar[Mapping[str, Served]] = {
        "inbox": Served("stream.ts", "video/mp2t"),
        "mp4": Served("stream.mp4", "video/mp4"),
    }

    def pages(self) -> Mapping[str, tuple[str, str]]:
        """Give the page that plays the stream."""
        return {"": ("text/html", PAGE)}


class HTTPStream(Graphline):
    """Serves a live programme at an address that players and browsers open.

    Players take `http://HOST:PORT/stream.ts`, browsers `http://HOST:PORT/`.

    `port` 0 takes any that is free (see "outbox"); `host` is loopback unless told otherwise; `path`
    is what all addresses begin with; `viewers` is how many are served at a time, with at most
    `viewer_bytes` waiting for each. One that is slow skips to a later key frame; it never holds up
    another. With `tls` (a TLS, a dict of its fields, or an `ssl.SSLContext`) it is served by https.

    Example:
        >>> from urllib.request import urlopen
        >>> card = TestCard((160, 90), seconds=1)
        >>> with Pipeline(card, Encode(), MuxMPEGTS(), HTTPStream()).background() as live:
        ...     url = live.get(timeout=10).url
        ...     with urlopen(url + "stream.ts", timeout=5) as stream:
        ...         stream.read(1)
        b'G'

    Boxes: "inbox" `Chunk`s of MPEG-TS, as MuxMPEGTS sends them; "outbox" one `Listening`;
    "control".

    How it ends: when the stream does, after viewers have been sent what waits for them. It fails,
    with a sentence that names the port, when it cannot listen. A stream that cannot be made into
    MP4 (it is not H.264, say) is still served to players; the log says why browsers get nothing.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/",
        *,
        viewers: int = MOST_VIEWERS,
        viewer_bytes: int = VIEWER_BYTES,
        tls: GivenTLS | None = None,
        name: str | None = None,
    ) -> None:
        """Put the server and what makes MP4 for it together; it listens when it starts."""
        self.server = ProgrammeServer(
            port, host, path, viewers=viewers, viewer_bytes=viewer_bytes, tls=tls
        )
        super().__init__(
            {
                ("", "inbox"): [("SERVER", "inbox"), ("REMUX", "inbox")],
                ("REMUX", "outbox"): ("SERVER", "mp4"),
                ("SERVER", "outbox"): ("", "outbox"),
            },
            name=name,
            SERVER=self.server,
            REMUX=RemuxMP4(),
        )

    def part_ended(self, child: Strand) -> None:
        """Go on serving players when the stream cannot be made into MP4; end with anything else."""
        if child.failure is not None and child is self.parts["REMUX"]._strand:
            log.warning("%s; players are served all the same, browsers are not", child.failure)
        else:
            super().part_ended(child)

    @property
    def url(self) -> str:
        """The address it listens at; empty until it does."""
        return self.server.url

    def details(self) -> dict[str, int | str]:
        """Give the figures that are its own."""
        return self.server.details()
