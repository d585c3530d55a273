"""zenoh as a peer: two of its peers over tcp on loopback, nothing dropped, encoded as ours is."""

from __future__ import annotations

import importlib.util
import threading
import time
from typing import Any

import msgpack  # type: ignore[import-untyped]

from support.processes import free_port, together

__all__ = ["buffers", "installed", "messages", "round_trips"]

READY = 10.0  # seconds two peers have to find each other


def installed() -> bool:
    """Say whether `pip install eclipse-zenoh` has been done."""
    return importlib.util.find_spec("zenoh") is not None


def _session(port: int, *, listens: bool) -> Any:
    import zenoh  # type: ignore[import-not-found,unused-ignore]  # a peer, not needed

    config = zenoh.Config()
    config.insert_json5("mode", '"peer"')
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("transport/shared_memory/enabled", "false")  # tcp is what is compared
    here = f'["tcp/127.0.0.1:{port}"]'
    config.insert_json5("listen/endpoints", here if listens else "[]")
    config.insert_json5("connect/endpoints", "[]" if listens else here)
    return zenoh.open(config)


def _publisher(session: Any, key: str) -> Any:
    """Give a publisher that waits instead of dropping, once somebody listens."""
    import zenoh

    publisher = session.declare_publisher(
        key, congestion_control=zenoh.CongestionControl.BLOCK
    )
    deadline = time.monotonic() + READY
    while not publisher.matching_status.matching:
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens to {key}")
        time.sleep(0.01)
    return publisher


def messages(count: int) -> float:
    """Send small dicts, each packed and put alone; give messages a second."""
    port = free_port()
    return float(together((_take, (port, count, True)), (_give, (port, count, 0)))[0])


def buffers(count: int, size: int) -> float:
    """Send bytes of one size; give messages a second."""
    port = free_port()
    return float(together((_take, (port, count, False)), (_give, (port, count, size)))[0])


def _give(port: int, count: int, size: int) -> None:
    time.sleep(0.2)  # the other one listens by then
    session = _session(port, listens=False)
    publisher = _publisher(session, "bench/there")
    over = threading.Event()
    heard = session.declare_subscriber("bench/back", lambda _: over.set())
    put, pack, buffer = publisher.put, msgpack.packb, bytes(size)
    if size:
        for _ in range(count):
            put(buffer)
    else:
        for number in range(count):
            put(pack({"n": number}))
    over.wait(20)
    del heard


def _take(port: int, count: int, unpacks: bool) -> float:
    session = _session(port, listens=True)
    unpack, over = msgpack.unpackb, threading.Event()
    taken, began, ended = 0, 0.0, 0.0

    def hear(sample: Any) -> None:
        nonlocal taken, began, ended
        payload = sample.payload.to_bytes()
        if unpacks:
            unpack(payload)
        if not taken:
            began = time.perf_counter()
        taken += 1
        if taken == count:
            ended = time.perf_counter()
            over.set()

    heard = session.declare_subscriber("bench/there", hear)
    over.wait(25)
    _publisher(session, "bench/back").put(b"over")
    del heard
    if taken != count:
        raise RuntimeError(f"zenoh delivered {taken} of {count}")
    return (count - 1) / (ended - began)


def round_trips(count: int) -> list[float]:
    """Send 64 bytes there and back; give the seconds of each, sorted."""
    port = free_port()
    taken: list[float] = together((_ask, (port, count)), (_answer, (port,)))[0]
    return taken


def _ask(port: int, count: int) -> list[float]:
    time.sleep(0.2)
    session = _session(port, listens=False)
    back: Any = session.declare_subscriber("bench/back")
    publisher = _publisher(session, "bench/there")
    taken, question = [], bytes(64)
    time.sleep(0.2)  # the way back is known by then
    for _ in range(count):
        began = time.perf_counter()
        publisher.put(question)
        back.recv().payload.to_bytes()
        taken.append(time.perf_counter() - began)
    publisher.put(b"over")
    return sorted(taken)


def _answer(port: int) -> None:
    session = _session(port, listens=True)
    over = threading.Event()
    publisher: list[Any] = []

    def hear(sample: Any) -> None:
        payload = sample.payload.to_bytes()
        if payload == b"over":
            over.set()
        else:
            publisher[0].put(payload)

    publisher.append(session.declare_publisher("bench/back"))
    heard = session.declare_subscriber("bench/there", hear)
    over.wait(25)
    del heard
