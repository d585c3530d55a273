"""Bare pyzmq as a peer: PUSH to PULL, and a round trip, with CURVE or without."""

from __future__ import annotations

import time
from typing import Any

import msgpack  # type: ignore[import-untyped]
import zmq

from support.processes import free_port, together

__all__ = ["buffers", "messages", "round_trips"]

Keys = tuple[bytes, bytes] | None


def _keys(curve: bool) -> Keys:
    return zmq.curve_keypair() if curve else None


def _socket(kind: int, keys: Keys, *, server: bool) -> Any:
    socket: Any = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    if keys is not None:
        socket.curve_publickey, socket.curve_secretkey = keys
        if server:
            socket.curve_server = True
        else:
            socket.curve_serverkey = keys[0]
    return socket


def messages(count: int, *, curve: bool) -> float:
    """Send small dicts, each packed and sent alone; give messages a second."""
    port, keys = free_port(), _keys(curve)
    return float(together((_take, (port, keys, count)), (_give, (port, keys, count)))[0])


def _give(port: int, keys: Keys, count: int) -> None:
    socket = _socket(zmq.PUSH, keys, server=False)
    socket.connect(f"tcp://127.0.0.1:{port}")
    pack, send = msgpack.packb, socket.send
    for number in range(count):
        send(pack({"n": number}))
    socket.close(10_000)
    zmq.Context.instance().term()


def _take(port: int, keys: Keys, count: int) -> float:
    socket = _socket(zmq.PULL, keys, server=True)
    socket.bind(f"tcp://127.0.0.1:{port}")
    unpack, receive = msgpack.unpackb, socket.recv
    unpack(receive())
    began = time.perf_counter()
    for _ in range(count - 1):
        unpack(receive())
    return (count - 1) / (time.perf_counter() - began)


def buffers(count: int, size: int, *, curve: bool) -> float:
    """Send bytes of one size; give messages a second."""
    port, keys = free_port(), _keys(curve)
    return float(
        together((_take_buffers, (port, keys, count)), (_give_buffers, (port, keys, count, size)))[0]
    )


def _give_buffers(port: int, keys: Keys, count: int, size: int) -> None:
    socket = _socket(zmq.PUSH, keys, server=False)
    socket.setsockopt(zmq.SNDHWM, 64)  # as much as others hold on their way
    socket.connect(f"tcp://127.0.0.1:{port}")
    buffer = bytes(size)
    for _ in range(count):
        socket.send(buffer, copy=False)
    socket.close(10_000)
    zmq.Context.instance().term()


def _take_buffers(port: int, keys: Keys, count: int) -> float:
    socket = _socket(zmq.PULL, keys, server=True)
    socket.setsockopt(zmq.RCVHWM, 64)
    socket.bind(f"tcp://127.0.0.1:{port}")
    socket.recv()
    began = time.perf_counter()
    for _ in range(count - 1):
        socket.recv()
    return (count - 1) / (time.perf_counter() - began)


def round_trips(count: int, *, curve: bool) -> list[float]:
    """Send 64 bytes there and back, DEALER to ROUTER; give the seconds of each, sorted."""
    port, keys = free_port(), _keys(curve)
    taken: list[float] = together((_ask, (port, keys, count)), (_answer, (port, keys, count)))[0]
    return taken


def _ask(port: int, keys: Keys, count: int) -> list[float]:
    socket = _socket(zmq.DEALER, keys, server=False)
    socket.connect(f"tcp://127.0.0.1:{port}")
    taken, question = [], bytes(64)
    for _ in range(count):
        began = time.perf_counter()
        socket.send(question)
        socket.recv()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def _answer(port: int, keys: Keys, count: int) -> None:
    socket = _socket(zmq.ROUTER, keys, server=True)
    socket.bind(f"tcp://127.0.0.1:{port}")
    for _ in range(count):
        socket.send_multipart(socket.recv_multipart())
    socket.close(1000)
    zmq.Context.instance().term()
