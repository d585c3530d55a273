"""For the tests of this folder: a command line with a fake client, and topologies beside their parts."""

import io
import sys
import textwrap
import types
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from kamesh.deploy.cli.command import main
from kamesh.deploy.cli.context import Context
from kamesh.deploy.launching.runs import create_run
from kamesh.deploy.topology.reading import read_topology
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, NodeReport

sys.path.insert(0, str(Path(__file__).parent))  # for `drawn.py`

NODE = NodeReport(
    "studio",
    "running",
    12,
    "tcp://127.0.0.1:1",
    0.0,
    (
        ComponentReport(
            "CAMERA",
            "TestCard",
            "asleep",
            3,
            (BoxReport("inbox", 2, 8, 9, 7, 1, False),),
            (("outbox", 40),),
        ),
        ComponentReport(
            "B", "Kind", "asleep", 3, (BoxReport("inbox", 0, None, 9, 9, 0, False),), ()
        ),
    ),
    (),
    (LinkageReport("studio/CAMERA.outbox", "studio/B.inbox", "block", 40, 0, "open"),),
)


class FakeTap:
    """Stands for a tap: gives what it was made with; "dropped" are missed at once."""

    def __init__(self, client, box, policy):
        self.client, self.box, self.policy = client, box, policy
        self.dropped, self.why = 0, ""

    async def __aiter__(self):
        self.client.asked.append(("tap", self.box))
        if self.client.error:
            raise self.client.error
        for message in self.client.messages:
            self.dropped, self.why = self.client.dropped
            yield message

    async def aclose(self):
        pass


class FakeFeed:
    """Stands for a feed: what is sent by it is asked of the client as one `send` each."""

    def __init__(self, client, box):
        self.client, self.box = client, box
        self.waits, self.delivered = False, 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        pass

    async def send(self, message):
        await self.client.send(self.box, message)
        self.delivered += 1


class FakeClient:
    """Stands for the nodes of a run: remembers what was asked, answers what it was given."""

    def __init__(self):
        self.asked = []
        self.reports = [NODE]
        self.messages = []
        self.undone = 1
        self.error = None
        self.dropped = (0, "")

    async def nodes(self):
        return self.reports

    def tap(self, box, policy="drop_oldest"):
        return FakeTap(self, box, policy)

    def feed(self, box):
        return FakeFeed(self, box)

    async def send(self, box, message):
        self.asked.append(("send", box, message))

    async def link(self, source, sink, policy="block"):
        self.asked.append(("link", source, sink, policy))

    async def unlink(self, source, sink):
        self.asked.append(("unlink", source, sink))
        return self.undone


class Terminal:
    """A command line with a fake client behind it."""

    def __init__(self):
        self.client = FakeClient()
        self.joined = []
        self.read = ""

    def __call__(self, *argv):
        out, err = io.StringIO(), io.StringIO()

        @asynccontextmanager
        async def connect(run):
            self.joined.append(run.name)
            yield self.client

        context = Context(out, err, io.StringIO(self.read), connect, lambda: 100)
        self.code = main(list(argv), context)
        self.out, self.err = out.getvalue(), err.getvalue()
        return self.code


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """A terminal in an empty folder, with nothing running."""
    monkeypatch.setenv("KAMESH_RUNTIME_DIR", str(tmp_path / "runs"))
    monkeypatch.delenv("KAMESH_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return Terminal()


@pytest.fixture
def run(terminal):
    """One run that is live."""
    return create_run("show", "run", source="show.py")


@pytest.fixture
def launched(monkeypatch):
    """Stands for the launcher: the calls that came, and the code it gives."""
    calls = []
    launch = types.ModuleType("kamesh.deploy.launching.start")
    launch.code = 0
    for name in ("run_file", "run_words", "up", "down"):

        def start(called, *words, **options):
            calls.append((called, *map(str, words), *sorted(options.items())))
            return launch.code

        setattr(launch, name, partial(start, name))
    monkeypatch.setitem(sys.modules, "kamesh.deploy.launching.start", launch)
    showing = types.ModuleType("kamesh.deploy.demo.showing")

    def show(**options):
        calls.append(("demo", *sorted(options.items())))
        return launch.code == 0

    showing.show = show
    monkeypatch.setitem(sys.modules, "kamesh.deploy.demo.showing", showing)
    return types.SimpleNamespace(calls=calls, launch=launch)


PARTS = """
from kamesh import Component, Graphline

class Camera(Component):
    outboxes = {"outbox": "", "tally": ""}
    made = 0

    def __init__(self, *, rate=25, size=(1, 1)):
        Camera.made += 1
        self.rate, self.size = rate, size

    def main(self):
        yield

class Lens(Component):
    def __init__(self, glass):
        self.glass = glass

class Grows(Component):
    def __init__(self, n=1):
        for number in range(n):
            self.add_outbox(f"out{number}")

class Breaks(Component):
    def __init__(self):
        raise ValueError("no film")

class Anything(Component):
    def __init__(self, *things, **more):
        self.more = more

class Outer:
    class Inner(Component):
        pass

def helper():
    pass
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Writes a topology beside a parts module and reads it."""
    name = f"parts_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(PARTS)
    (tmp_path / "broken.py").write_text("x = 1\nraise OSError('no licence')\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "needy.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere", *sys.path])

    def from_text(text, **options):
        path = tmp_path / "studio.toml"
        path.write_text(textwrap.dedent(text).replace('"parts:', f'"{name}:'))
        return read_topology("studio.toml", **options)

    from_text.parts = name
    return from_text
