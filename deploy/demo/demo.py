"""The demo: a real broadcast through five node processes, watched while it runs and proved afterwards.

Laws
1. Nothing is claimed that was not counted: frames as the camera sent them, frames as they are decoded
   again from the recording, and from what a viewer got over HTTP. A recording of an earlier run
   proves nothing.
2. What is wrong with the input, the port or the folder is said before anything starts.
3. To look on costs the broadcast nothing: of a node that does not answer, the latest figures stand.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from kamesh.components.network.trouble import shown, trouble
from kamesh.deploy.demo.viewer import frames_of, view
from kamesh.deploy.launching.child import Spec
from kamesh.deploy.launching.contact import connect
from kamesh.deploy.launching.launch import Launcher
from kamesh.deploy.launching.runs import Run, create_run
from kamesh.errors import KameshError
from kamesh.nodes.plan import plan_of
from kamesh.nodes.reports import NodeReport

__all__ = ["Demo", "DemoRefused", "NothingRecorded", "Progress", "Proof"]

LOOK_EVERY = 0.5  # seconds between two looks at the nodes
OVERTIME = 30.0  # seconds past the end after which the demo gives up


class DemoRefused(KameshError):
    """The demo cannot be started as it was asked for; the text says what is wrong."""


class NothingRecorded(KameshError):
    """The broadcast was over before there was a recording, so that nothing can be proved."""


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
        """Whether the recording is whole: each frame that was sent is in it, once."""
        whole = self.frames_in > 0 and self.lost == 0 and self.repeated == 0
        return whole and self.frames_decoded == self.frames_in

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
            from kamesh.components.media.engine.reader import (
                MediaFile,  # with PyAV: not for a test card
            )

            MediaFile(film).close()  # says in a sentence what is wrong with it
        self.port = _free_port(port)
        _recordable(recording)
        self.recording = recording
        self.film = str(Path(film).resolve()) if film else ""
        self.seconds = seconds
        self.url = f"http://127.0.0.1:{self.port}/"
        self._arguments: dict[str, object] = {
            "recording": str(recording.resolve()), "port": self.port, "film": self.film,
            "seconds": seconds, "size": list(size), "rate": rate,
        }
        self._found = _state_of(recording)
        self._reports: dict[str, NodeReport] = {}  # the latest of each node

    def run(self, tell: Callable[[Progress], None]) -> Proof:
        """Broadcast, calling `tell` twice a second, and prove what came of it."""
        from kamesh.deploy.demo.broadcast import broadcast

        plan, _ = plan_of(broadcast(**self._arguments))  # type: ignore[arg-type]
        run = create_run("broadcast", "demo", source=self.film or "test card")
        spec = Spec(
            "", "factory", "kamesh.deploy.demo.broadcast:broadcast", "", arguments=self._arguments,
            patience=5.0,
        )
        launcher = self.launcher = Launcher(plan, run, spec)
        try:
            viewed = asyncio.run(self._broadcast(launcher, run, tell))
        finally:
            run.remove()
        return self._prove(launcher, viewed)

    async def _broadcast(
        self, launcher: Launcher, run: Run, tell: Callable[[Progress], None]
    ) -> bytes:
        watching = asyncio.create_task(self._watch(launcher, run, tell))
        viewing = asyncio.create_task(view(self.port))
        watching.add_done_callback(lambda _: launcher.stop())  # if it breaks, nobody sees the end
        try:
            await launcher.run()
        finally:
            watching.cancel()
            viewing.cancel()
            watched, viewed = await asyncio.gather(watching, viewing, return_exceptions=True)
        if isinstance(watched, Exception):
            raise watched
        return viewed if isinstance(viewed, bytes) else b""

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
                for report in await client.nodes():
                    if report.state != "unreachable" or report.name not in self._reports:
                        self._reports[report.name] = report
                if begun is None and launcher.linked == len(launcher.plan.nodes):
                    begun = loop.time()
                    await asyncio.to_thread(import_module, "av")  # in good time: the proof needs it
                past = 0.0 if begun is None else loop.time() - begun
                progress, before = self._progress(launcher, past, before)
                tell(progress)
                if (self.film and past >= self.seconds) or past > self.seconds + OVERTIME:
                    launcher.stop()
                await asyncio.sleep(LOOK_EVERY)

    def _progress(
        self, launcher: Launcher, past: float, before: int
    ) -> tuple[Progress, int]:
        reports = self._reports.values()
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

        if _state_of(self.recording) in (None, self._found):
            launcher.end_program()  # if it was ended by a signal, that is all there is to say
            raise NothingRecorded(
                f"the broadcast was over before anything was recorded to {self.recording}"
            )
        report = probe(self.recording)
        frames_in = launcher.sent.get("CAMERA.outbox", 0)
        missing = report.missing if not self.film else 0
        return Proof(
            frames_in, report.frames, max(frames_in - report.frames, missing), report.repeated,
            report.seconds, str(self.recording), report.size, frames_of(viewed),
            len(launcher.plan.nodes),
        )


def _recordable(path: Path) -> None:
    """Make the folder of the recording; DemoRefused if there cannot be one, or no file in it."""
    folder = path.parent
    if path.is_dir():
        raise DemoRefused(f"{path} is a folder: name a file to record to")
    if path.exists() and not path.is_file():
        raise DemoRefused(f"{path} is a device or a pipe: name a file to record to")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DemoRefused(f"{folder} is a file, so nothing can be recorded below it") from error
    except OSError as error:
        raise DemoRefused(f"the folder {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DemoRefused(f"{path} cannot be recorded: {folder} may not be written to")


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """Tell one recording from another at the same place; None if there is none."""
    try:
        state = path.stat()
    except OSError:  # none that could be read
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size


def _free_port(port: int) -> int:
    """Find out whether `port` is free, or find one that is."""
    if port not in range(65536):
        raise DemoRefused(f"--port {port}: ports are numbered from 0 (any that is free) to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            where = shown("127.0.0.1", port)
            raise DemoRefused(f"--port {port}: {trouble(error, where, listening=True)}") from error
        return int(probe.getsockname()[1])
