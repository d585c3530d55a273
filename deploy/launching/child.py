"""A node process: what runs in each process that a launcher starts.

It is told over one socket what to be (a `Spec`, one line of JSON), says over the same socket how it
stands, and ends when that socket does: so no node outlives its launcher.

Laws
1. The graph is built here, from the same file or words as in every other process: no code arrives.
2. What the user's file prints while it is read again is not printed again.
3. Told to stop, or left by the launcher, it ends in order, within GRACE seconds and a goodbye; or hard.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kamesh.component import Component
from kamesh.components.oneline import pipeline_of
from kamesh.deploy.launching.nodelog import begin_log
from kamesh.deploy.launching.programs import component_of
from kamesh.deploy.topology.blame import blame, told
from kamesh.deploy.topology.reading import load_component, read_topology
from kamesh.errors import KameshError
from kamesh.nodes.node import Node, NodeFailed, NodeSettings
from kamesh.nodes.plan import Plan, plan_of
from kamesh.nodes.routes import messages_sent
from kamesh.transport.zeromq import ZeroMQTransport
from kamesh.trust import MeshCredentials, MeshKey

__all__ = ["Spec", "main"]

log = logging.getLogger("kamesh.node")

GRACE = 5.0  # seconds to end in order
GOODBYE = 3.5  # seconds more, to settle with the others and take leave


@dataclass(frozen=True, slots=True)
class Spec:
    """What one node process is to be.

    `kind` says where the graph comes from: "file" (a Python file, at its `call`-th `run()`), "words"
    (a one-line pipeline), "topology" (a TOML file), "factory" ("module:function" and its arguments).
    """

    node: str
    kind: str
    source: str
    key: str
    log: str = ""
    printed: bool = False  # what it prints goes to the log as well
    call: int = 0
    split: bool = False
    arguments: dict[str, object] = field(default_factory=dict)
    argv: list[str] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    discover: bool = True
    patience: float = 30.0

    def to_line(self) -> bytes:
        """Give it as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def build(spec: Spec) -> tuple[Plan, dict[str, Component]]:
    """Build the graph that `spec` names: the plan, and the components that run on its node."""
    if spec.kind == "topology":
        plan = read_topology(Path(spec.source), load=False)
        parts = {
            planned.name: load_component(planned, Path(spec.source))
            for planned in plan.on(spec.node)
        }
        return plan, parts
    top: Component
    if spec.kind == "words":
        sys.path.insert(0, os.getcwd())
        top = pipeline_of(spec.source)
    elif spec.kind == "factory":
        top = factory(spec.source)(**spec.arguments)
    else:
        top = component_of(spec.source, spec.argv, call=spec.call)
    plan, components = plan_of(top, split=spec.split, source=spec.source)
    return plan, {n: c for n, c in components.items() if plan.components[n].node == spec.node}


def factory(name: str) -> Callable[..., Component]:
    """Import what `module:function` names."""
    import importlib

    module, _, function = name.partition(":")
    made: Callable[..., Component] = getattr(importlib.import_module(module), function)
    return made


class Wire:
    """The socket to the launcher."""

    def __init__(self, descriptor: int) -> None:
        """Take over the inherited descriptor."""
        self._socket = socket.socket(fileno=descriptor)
        self._file = self._socket.makefile("rb")

    def spec(self) -> Spec:
        """Read what to be."""
        return Spec(**json.loads(self._file.readline()))

    def say(self, what: str, **more: object) -> None:
        """Tell the launcher; if it is gone, nobody wants to know."""
        try:
            self._socket.sendall(json.dumps({"is": what, **more}).encode() + b"\n")
        except OSError:
            log.debug("the launcher is gone: %s is not told", what)

    def watch(self, stop: Callable[[], None], gone: Callable[[str, str], None]) -> None:
        """Call, from a thread, `stop` at the word "stop" or when the launcher is gone; hear of the dead.

        `gone` is called with the name of a node that will not come back, and why.
        """

        def wait() -> None:
            for line in self._file:
                told = json.loads(line)
                if told["do"] == "stop":
                    stop()
                elif told["do"] == "gone":
                    gone(told["node"], told["why"])
            stop()

        threading.Thread(target=wait, name="launcher", daemon=True).start()


def main(descriptor: int) -> int:
    """Be a node; the exit code is 0 if all went well, 1 if a component or the node failed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher hears it, and says what to do
    wire = Wire(descriptor)
    spec = wire.spec()
    begin_log(spec.node, spec.log, printed=spec.printed)
    try:
        plan, components = build(spec)
    except KameshError as error:
        wire.say("failed", why=str(error))
        return 1
    except (Exception, SystemExit) as error:
        wire.say("failed", why=f"node {spec.node} cannot be made: {_where(error)}")
        return 1
    try:
        left = asyncio.run(_run(spec, plan, components, wire))
    except NodeFailed as error:
        wire.say("failed", why=str(error))
        return 1
    except KameshError as error:
        wire.say("failed", why=f"node {spec.node}: {error}")
        return 1
    except SystemExit as error:
        wire.say("failed", why=f"a component of node {spec.node} ended its process: {_where(error)}")
        return 1
    except Exception as error:
        log.exception("node %s failed", spec.node)
        wire.say("failed", why=f"node {spec.node} itself failed, with {_where(error)}; please report it")
        return 1
    wire.say("ended", sent=_sent(components), left=left)
    return 0


def _where(error: BaseException) -> str:
    """Say what was raised, and at which line of whose file."""
    file, line = blame(error)
    return told(error) + (f" ({file}:{line})" if file else "")


def _sent(components: dict[str, Component]) -> dict[str, int]:
    """Count what each outbox has sent in all."""
    return {
        f"{name}.{box}": messages_sent(outbox)
        for name, component in components.items()
        for box, outbox in component._strand.outboxes.items()
    }


async def _run(spec: Spec, plan: Plan, components: dict[str, Component], wire: Wire) -> int:
    """Run the node to its end; give how many messages it had to leave undelivered."""
    key = MeshKey(bytes.fromhex(spec.key))
    settings = NodeSettings(
        listen=plan.nodes[spec.node].listen,
        seeds=tuple(spec.seeds),
        discover=spec.discover,
        interfaces=_interfaces(plan.nodes[spec.node].listen),
        patience=spec.patience,
    )
    node = Node(
        spec.node,
        plan,
        components,
        mesh=key.identity,
        transport=ZeroMQTransport(MeshCredentials(key)),
        settings=settings,
    )
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        if not stopping:
            stopping.append(loop.create_task(node.stop(GRACE)))

    def in_loop(do: Callable[..., None], *what: str) -> None:
        try:
            loop.call_soon_threadsafe(do, *what)
        except RuntimeError:
            log.debug("the loop is closed already")

    def stop_from_thread() -> None:
        timer = threading.Timer(GRACE + GOODBYE, os._exit, [1])
        timer.daemon = True
        timer.start()
        in_loop(stop)

    loop.add_signal_handler(signal.SIGTERM, stop)
    wire.watch(stop_from_thread, lambda name, why: in_loop(node.gone, name, why))
    node.on_bound = lambda endpoint: wire.say("bound", endpoint=endpoint, pid=os.getpid())
    node.on_linked = lambda: wire.say("linked")
    await node.run()
    return node.left


def _interfaces(listen: str) -> tuple[str, ...]:
    """Give the interface to announce a node on: the one that it listens on."""
    host = listen.partition("://")[2].rpartition(":")[0]
    return ("127.0.0.1",) if host in ("", "0.0.0.0", "*", "localhost") else (host,)  # noqa: S104


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
