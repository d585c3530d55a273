"""Showing: the demo as `kamesh demo` runs it, with its progress on the screen and its proof at the end."""

from __future__ import annotations

from pathlib import Path

from kamesh.deploy.demo.demo import Demo
from kamesh.deploy.demo.screen import Screen

__all__ = ["show"]

RECORDING = Path("demo-output") / "broadcast.ts"


def show(*, film: Path | None, seconds: float, recording: Path | None, port: int) -> bool:
    """Run the demo; say whether the recording is whole."""
    broadcast = Demo(recording or RECORDING, film=str(film or ""), seconds=seconds, port=port)
    with Screen(broadcast) as screen:
        proof = broadcast.run(screen.show)
    screen.show_proof(proof)
    broadcast.launcher.end_program()
    return proof.holds
