"""The demo's figures and its proof: what a node that does not answer costs, and what counts as proved."""

import asyncio
import os
import socket

import pytest

pytest.importorskip("av", reason="the demo needs PyAV: pip install kamesh[media]")

from kamesh.deploy.demo import demo as demos
from kamesh.deploy.demo.demo import Demo, DemoRefused, NothingRecorded, Proof
from kamesh.deploy.demo.viewer import frames_of, view
from kamesh.nodes.reports import BoxReport, ComponentReport, NodeReport


def report(name: str, state: str = "running", viewers: int = 0) -> NodeReport:
    """Make the report of a node that is the gateway, or does not answer."""
    box = BoxReport("inbox", 3, 64, 9, 6, 0, False)
    gateway = ComponentReport(
        "GATEWAY", "async", "running", 1, (box,), (), details=(("viewers", str(viewers)),)
    )
    return NodeReport(name, state, 1, "", 0.0, (gateway,) if state == "running" else (), (), ())


class Launched:
    """A launcher whose one node is up, and a run with it."""

    def __init__(self) -> None:
        self.plan = type("Plan", (), {"nodes": {"gateway": None}})
        self.up = self.linked = 1
        self.stopped = self.ended = 0
        self.sent = {"CAMERA.outbox": 50}

    def fresh(self) -> "Launched":
        return self

    def stop(self) -> None:
        self.stopped += 1

    def end_program(self) -> None:
        self.ended += 1


class Answers:
    """A client that is given one report after the other, and then waits."""

    def __init__(self, reports: list[NodeReport]) -> None:
        self.reports = reports

    async def __aenter__(self) -> "Answers":
        return self

    async def __aexit__(self, *raised: object) -> None:
        return

    async def nodes(self) -> list[NodeReport]:
        if not self.reports:
            raise asyncio.CancelledError
        return [self.reports.pop(0)]


def test_a_node_that_does_not_answer_keeps_its_latest_figures(tmp_path, monkeypatch):
    """A machine that is busy, or a node that ends, is not shown as viewers that were lost."""
    answers = Answers([report("gateway", viewers=2), report("gateway", "unreachable")])
    monkeypatch.setattr(demos, "connect", lambda run: answers)
    monkeypatch.setattr(demos, "LOOK_EVERY", 0.001)
    demo, seen, launched = Demo(tmp_path / "one.ts"), [], Launched()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(demo._watch(launched, launched, seen.append))
    assert [(one.viewers, one.deepest) for one in seen] == [(2, 3), (2, 3)]


def test_a_recording_of_an_earlier_run_proves_nothing(tmp_path):
    """Where this run has recorded nothing, that is the sentence, whatever lies there."""
    recording = tmp_path / "one.ts"
    launched = Launched()
    for content in (None, b"of yesterday"):
        if content is not None:
            recording.write_bytes(content)
            os.utime(recording, (1.0, 1.0))
        demo = Demo(recording)
        with pytest.raises(NothingRecorded, match="over before anything was recorded to"):
            demo._prove(launched, b"")
    assert launched.ended == 2


@pytest.mark.parametrize(
    ("frames_in", "decoded", "lost", "repeated", "holds"),
    [(50, 50, 0, 0, True), (50, 49, 1, 0, False), (50, 51, 0, 1, False), (50, 60, 0, 0, False),
     (0, 0, 0, 0, False)],
)  # fmt: skip
def test_a_broadcast_is_whole_when_each_frame_is_there_once(
    frames_in, decoded, lost, repeated, holds
):
    """More frames than were sent are no proof either: they are of something else."""
    proof = Proof(frames_in, decoded, lost, repeated, 2.0, "one.ts", 9, 10, 5)
    assert proof.holds is holds


def test_a_port_that_cannot_be_had_is_a_sentence(tmp_path):
    """Whose port, what is the matter with it, and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoRefused) as refused:
            Demo(tmp_path / "one.ts", port=port)
    assert str(refused.value) == (
        f"--port {port}: 127.0.0.1:{port} is taken by another program: choose another, "
        f"or port 0 for any"
    )


def test_a_viewer_who_got_no_picture_counts_none():
    """What came of a broadcast that ended too soon is no picture, and no failure."""
    assert frames_of(b"") == 0
    assert frames_of(b"G" + bytes(187)) == 0


def test_a_viewer_comes_again_until_there_is_something_to_see():
    """Refused or cut before anything has come, it asks again; then it keeps what it got."""
    answers = [b"HTTP/1.0 503 not yet\r\n\r\nno", b"", b"HTTP/1.0 200 OK\r\n\r\nGood"]

    async def main() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.pop(0))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return await asyncio.wait_for(view(server.sockets[0].getsockname()[1]), 20)

    assert asyncio.run(main()) == b"Good"
