"""What the demo shows: one table that is redrawn while it runs, and the proof at its end.

Law: on a terminal it is drawn in place; anywhere else each look is a line of its own.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kamesh.deploy.demo.demo import Demo, Progress, Proof
from kamesh.deploy.demo.viewer import SECONDS

__all__ = ["Screen"]

GRAPH = """\
 camera          encoder           relay            archive
┌────────────┐  ┌─────────────┐  ┌──────────┐    ┌───────────┐
│ test card  │─▶│ encode, mux │─▶│ splitter │─┬─▶│ recording │
└────────────┘  └─────────────┘  └──────────┘ │  ├───────────┤ gateway
                                              └─▶│ HTTP      │
                                                 └───────────┘"""


class Screen:
    """Shows one demo. Example: `with Screen(demo) as screen: demo.run(screen.show)`."""

    def __init__(self, demo: Demo) -> None:
        """Take the demo to show."""
        self._demo = demo
        self._console = Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._told = -1.0

    def __enter__(self) -> Screen:
        """Begin."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4)
            self._live.start()
        else:
            self._console.print(f"live at {self._demo.url} (stream: {self._demo.url}stream.ts)")
            self._console.print(f"a viewer of the demo's own looks on for {SECONDS:g} s, and leaves")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show how it stands."""
        if self._live is not None:
            self._live.update(self._picture(progress))
        elif progress.seconds - self._told >= 2.0 or progress.seconds == 0.0:
            self._told = progress.seconds
            self._console.print(
                f"{progress.seconds:5.1f} s  nodes {progress.nodes_up}/{progress.nodes}  "
                f"linkages {progress.linkages_open}/{progress.linkages}  frames {progress.frames}  "
                f"{progress.megabits:.1f} Mbit/s  recorded {progress.recorded_bytes / 1e6:.1f} MB  "
                f"deepest queue {progress.deepest}  viewers {progress.viewers}"
            )

    def _picture(self, progress: Progress) -> Panel:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column()
        rows = {
            "nodes up": f"{progress.nodes_up} of {progress.nodes}, found by zeroconf",
            "linkages": f"{progress.linkages_open} of {progress.linkages} open",
            "frames": f"{progress.frames}",
            "bitrate": f"{progress.megabits:.2f} Mbit/s",
            "recorded": f"{progress.recorded_bytes / 1e6:.2f} MB",
            "deepest queue": f"{progress.deepest}  {progress.deepest_box if progress.deepest else ''}",
            "viewers": f"{progress.viewers}  (one is the demo's own, for {SECONDS:g} s)",
        }
        for word, value in rows.items():
            table.add_row(word, value)
        share = min(1.0, progress.seconds / self._demo.seconds)
        return Panel(
            Group(
                Text(GRAPH, style="cyan"), Text(), table, Text(),
                ProgressBar(total=1.0, completed=share, width=66),
                Text(f"{progress.seconds:.0f} of {self._demo.seconds:.0f} s"), Text(),
                Text(f"watch it:  {self._demo.url}  (browser)"),
                Text(f"           ffplay {self._demo.url}stream.ts"),
            ),
            title="kamesh broadcast", width=78,
        )

    def show_proof(self, proof: Proof) -> None:
        """Show what was counted."""
        good = proof.holds
        self._console.print(
            f"{proof.frames_in} frames in, {proof.frames_decoded} decoded again from the recording, "
            f"lost {proof.lost}, repeated {proof.repeated}; "
            f"its own viewer got {proof.viewer_frames} over HTTP in {SECONDS:g} s"
        )
        self._console.print(
            f"recording: {proof.recording} ({proof.bytes / 1e6:.2f} MB, {proof.seconds:.2f} s)"
        )
        verdict = "the broadcast is whole" if good else "the broadcast is NOT whole"
        self._console.print(Text(verdict, style="bold green" if good else "bold red"))
