"""The broadcast: the graph of the demo, one programme through five nodes.

camera          encoder          relay            archive
test card  -->  encode, mux -->  splitter  -+-->  record to a file
or a film                                   |     gateway
+-->  serve over HTTP
"""

from __future__ import annotations

from kamesh import Graphline
from kamesh.components.media import Encode, FileSource, HTTPStream, MuxMPEGTS, Record, TestCard
from kamesh.components.plumbing import Splitter

__all__ = ["broadcast"]

NODES = {
    "CAMERA": "camera", "ENCODER": "encoder", "MUX": "encoder", "RELAY": "relay",
    "ARCHIVE": "archive", "GATEWAY": "gateway",
}


def broadcast(
    recording: str, port: int, film: str = "", seconds: float = 20.0,
    size: tuple[int, int] = (1280, 720), rate: int = 25,
) -> Graphline:
    """Wire the broadcast: of `film`, or of a test card for `seconds`, to a file and to HTTP."""
    source = FileSource(film) if film else TestCard((size[0], size[1]), rate, seconds)
    return Graphline(
        name="broadcast",
        CAMERA=source, ENCODER=Encode(), MUX=MuxMPEGTS(), RELAY=Splitter(),
        ARCHIVE=Record(recording), GATEWAY=HTTPStream(port),
        linkages={
            ("CAMERA", "outbox"): ("ENCODER", "inbox"),
            ("CAMERA", "audio"): ("ENCODER", "audio"),
            ("ENCODER", "outbox"): ("MUX", "inbox"),
            ("MUX", "outbox"): ("RELAY", "inbox"),
            ("RELAY", "outbox"): [("ARCHIVE", "inbox"), ("GATEWAY", "inbox")],
        },
        placement=NODES,
    )
