"""Broadcast: a test card with a moving clock and a tone, encoded, recorded, and counted again.

    CARD --pictures--> ENCODE --> TS --> FILE --> PROOF
         --sound----->

Every picture bears its number, so that what was recorded proves by itself that nothing is missing.
Needs the extra "media": pip install "kamesh[media]".
"""

import tempfile
from pathlib import Path

from kamesh import Graphline
from kamesh.components.media import Encode, MuxMPEGTS, Probe, Record, TestCard
from kamesh.components.sources import DataSink

proof = DataSink()
with tempfile.TemporaryDirectory() as folder:
    Graphline(
        CARD=TestCard(size=(320, 180), rate=25, seconds=2, realtime=False),
        ENCODE=Encode(),
        TS=MuxMPEGTS(),
        FILE=Record(Path(folder) / "card.ts"),
        PROOF=Probe(),
        SINK=proof,
        linkages={
            ("CARD", "outbox"): ("ENCODE", "inbox"),
            ("CARD", "audio"): ("ENCODE", "audio"),
            ("ENCODE", "outbox"): ("TS", "inbox"),
            ("TS", "outbox"): ("FILE", "inbox"),
            ("FILE", "outbox"): ("PROOF", "inbox"),
            ("PROOF", "outbox"): ("SINK", "inbox"),
        },
    ).run()

(report,) = proof.messages
print(f"{report.frames} pictures of {report.width} x {report.height} in {report.format}")
print(f"numbers {report.first} to {report.last}: {report.missing} missing")
print(f"sound for {report.audio_seconds:.0f} s")
