"""The demo: a real broadcast through five node processes, watched while it runs and proved afterwards.

Laws
1. Nothing is claimed that was not counted: frames as the camera sent them, frames as they are decoded
   again from the recording, and from what a viewer got over HTTP.
2. What is wrong with the input, the port or the folder is said before anything starts.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from kamesh.components.media.reader import MediaFile
from kamesh.deploy.launching.child import Spec
from kamesh.deploy.launching.contact import connect
from kamesh.deploy.launching.launch import Launcher, LaunchFailed
from kamesh.deploy.launching.runs import Run, create_run
from kamesh.errors import KameshError
from kamesh.nodes.plan import plan_of
from kamesh.nodes.reports import NodeReport

__all__ = ["Demo", "DemoRefused", "Progress", "Proof"]

LOOK_EVERY = 0.5  # seconds between two looks at the nodes
VIEWER_SECONDS = 8.0  # how long the demo's own viewer stays
OVERTIME = 30.0  # seconds past the end after which the demo gives up


class DemoRefused(KameshError):
    """The demo cannot be started as it was asked for; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How the broadcast stands."""

    seconds: float
    nodes_up: int
    nodes: int
    linkages_open: int
    linkages: int
    frames: int
    encoded: int
    recorded_bytes: int
    megabits: float
    deepest: int
    deepest_box: str
    viewers: int
    url: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was counted: `lost` is frames sent by the camera and not found in the recording."""

    frames_in: int
    frames_decoded: int
    lost: int
    repeated: int
    seconds: float
    recording: str
    bytes: int
    viewer_frames: int
    nodes: int

    @property
    def holds(self) -> bool:
        """Whether the recording is whole."""
        return self.frames_in > 0 and self.lost == 0 and self.repeated == 0

    def as_dict(self) -> dict[str, object]:
        """Give it as plain values."""
        return {**asdict(self), "holds": self.holds}


class Demo:
    """One broadcast.

    Example: `proof = Demo(recording=Path("demo-output/broadcast.ts")).run(print)`.

    `film` is a media file to play in place of the test card; `port` 0 takes one that is free.
    """

    def __init__(
        self, recording: Path, *, film: str = "", seconds: float = 20.0, port: int = 0,
        size: tuple[int, int] = (1280, 720), rate: int = 25,
    ) -> None:
        """Check what was asked for; DemoRefused says what will not do."""
        if seconds <= 0:
            raise DemoRefused(f"--seconds {seconds:g}: it has to be more than 0")
        if film:
            MediaFile(film).close()  # says in a sentence what is wrong with it
        try:
            recording.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DemoRefused(f"{recording.parent} cannot be made: {error.strerror}") from error
        self.port = _free_port(port)
        self.recording = recording
        self.film = str(Path(film).resolve()) if film else ""
        self.seconds = seconds
        self.url = f"http://127.0.0.1:{self.port}/"
        self._arguments: dict[str, object] = {
            "recording": str(recording.resolve()), "port": self.port, "film": self.film,
            "seconds": seconds, "size": list(size), "rate": rate,
        }

    def run(self, tell: Callable[[Progress], None]) -> Proof:
        """Broadcast, calling `tell` twice a second, and prove what came of it."""
        from kamesh.deploy.demo.broadcast import broadcast

        plan, _ = plan_of(broadcast(**self._arguments))  # type: ignore[arg-type]
        run = create_run("broadcast", "demo", source=self.film or "test card")
        spec = Spec(
            "", "factory", "kamesh.deploy.demo.broadcast:broadcast", "", arguments=self._arguments,
            patience=5.0,
        )
        launcher = Launcher(plan, run, spec)
        try:
            viewed = asyncio.run(self._broadcast(launcher, run, tell))
        finally:
            run.remove()
        return self._prove(launcher, viewed)

    async def _broadcast(
        self, launcher: Launcher, run: Run, tell: Callable[[Progress], None]
    ) -> bytes:
        running = asyncio.create_task(launcher.run())
        watching = asyncio.create_task(self._watch(launcher, run, tell))
        viewing = asyncio.create_task(_view(self.url + "stream.ts"))
        try:
            await running
        finally:
            watching.cancel()
            viewing.cancel()
            results = await asyncio.gather(watching, viewing, return_exceptions=True)
        if isinstance(results[0], LaunchFailed):
            raise results[0]
        return results[1] if isinstance(results[1], bytes) else b""

    async def _watch(
        self, launcher: Launcher, run: Run, tell: Callable[[Progress], None]
    ) -> None:
        """Look at the nodes, and end a film when its time is up."""
        loop = asyncio.get_running_loop()
        while launcher.up < len(launcher.plan.nodes):  # noqa: ASYNC110 a screen, not a signal
            await asyncio.sleep(0.02)
        client = connect(run.fresh())
        begun, before = None, 0
        async with client:
            while True:
                reports = await client.nodes()
                if begun is None and launcher.linked == len(launcher.plan.nodes):
                    begun = loop.time()
                past = 0.0 if begun is None else loop.time() - begun
                progress, before = self._progress(launcher, reports, past, before)
                tell(progress)
                if (self.film and past >= self.seconds) or past > self.seconds + OVERTIME:
                    launcher.stop()
                await asyncio.sleep(LOOK_EVERY)

    def _progress(
        self, launcher: Launcher, reports: list[NodeReport], past: float, before: int
    ) -> tuple[Progress, int]:
        components = {c.name: c for report in reports for c in report.components}
        linkages = [one for report in reports for one in report.linkages]
        sent = {
            f"{name}.{box}": count
            for name, component in components.items()
            for box, count in component.outboxes
        }
        boxes = [
            (box.level, f"{name}.{box.name}")
            for name, component in components.items()
            for box in component.inboxes
        ]
        details = {name: dict(component.details) for name, component in components.items()}
        recorded = int(details.get("ARCHIVE", {}).get("bytes", "0"))
        viewers = int(details.get("GATEWAY", {}).get("viewers", "0"))
        deepest, deepest_box = max(boxes, default=(0, ""))
        progress = Progress(
            past, launcher.up, len(launcher.plan.nodes),
            sum(one.state == "open" for one in linkages), len(linkages),
            sent.get("CAMERA.outbox", 0), sent.get("ENCODER.outbox", 0), recorded,
            max(0, recorded - before) * 8 / LOOK_EVERY / 1e6, deepest, deepest_box,
            viewers, self.url,
        )
        return progress, recorded

    def _prove(self, launcher: Launcher, viewed: bytes) -> Proof:
        from kamesh.components.media import probe

        report = probe(self.recording)
        frames_in = launcher.sent.get("CAMERA.outbox", 0)
        missing = report.missing if not self.film else 0
        return Proof(
            frames_in, report.frames, max(frames_in - report.frames, missing), report.repeated,
            report.seconds, str(self.recording), report.size, _frames_of(viewed),
            len(launcher.plan.nodes),
        )


async def _view(url: str) -> bytes:
    """Be a viewer for a while, as soon as there is something to see; give what came."""
    import aiohttp

    got = bytearray()
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with asyncio.timeout(VIEWER_SECONDS), session.get(url) as answer:
                    async for part in answer.content.iter_any():
                        got += part
                return bytes(got)
            except TimeoutError:
                return bytes(got)
            except (aiohttp.ClientError, OSError):
                if got:
                    return bytes(got)
                await asyncio.sleep(0.2)


def _frames_of(stream: bytes) -> int:
    """Count the pictures that a viewer got."""
    import tempfile

    from kamesh.components.media import count_frames

    if not stream:
        return 0
    with tempfile.NamedTemporaryFile(suffix=".ts") as file:
        file.write(stream)
        file.flush()
        return count_frames(file.name)


def _free_port(port: int) -> int:
    """Find out whether `port` is free, or find one that is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoRefused(
                f"port {port} of 127.0.0.1 is taken ({error.strerror}): choose another with --port"
            ) from error
        return int(probe.getsockname()[1])
