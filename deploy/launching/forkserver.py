"""The fork server: one process that has imported what every node needs, and forks one when told to.

To import costs each node a fifth of a second of a processor, and to fork a thousandth; with a hundred
nodes on a host that is most of their start. (The idea is that of `multiprocessing`'s forkserver.)

Laws
1. It is one thread, opens nothing and runs nothing of the user's, so that a fork of it is as good as a
   new process.
2. It tells what became of every process it made, and ends when its launcher does.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module

from kamesh.deploy.launching import child

__all__ = ["serve"]

NEEDED = (
    "cryptography.hazmat.primitives.asymmetric.x25519",
    "kamesh.components.console",
    "kamesh.components.oneline",
    "kamesh.discovery.service",
)
REQUEST = b"fork"  # with one descriptor: the new process's end of the socket to the launcher


def _warm_up() -> None:
    """Import what nodes import when they need it, now."""
    for each in NEEDED:
        import_module(each)
    gc.collect()
    gc.freeze()  # so that no collection in a node copies the pages they share


def serve(control: socket.socket) -> int | None:
    """Fork when asked to; in the new process return its descriptor, in this one None at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher hears it, and says what to do
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([control.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _tell_ends(control)
        if control.fileno() not in ready:
            continue
        request, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        if request != REQUEST or not descriptors:
            return None
        (descriptor,) = descriptors
        pid = _fork(control)
        if pid == 0:
            signal.set_wakeup_fd(before)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (wake, woken, control.detach()):
                os.close(one)
            return descriptor
        os.close(descriptor)


def _fork(control: socket.socket) -> int:
    try:
        pid = os.fork()
    except OSError as error:
        _tell(control, {"failed": error.strerror})
        return -1
    if pid:
        _tell(control, {"pid": pid})
    return pid


def _tell_ends(control: socket.socket) -> None:
    """Collect all that have ended, and say how."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(control, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(control: socket.socket, what: dict[str, object]) -> None:
    try:
        control.send(json.dumps(what).encode())
    except OSError:
        sys.exit(0)  # the launcher is gone, and the nodes end by themselves


def main(descriptor: int) -> int:
    """Be the fork server, and in each process that it makes, the node."""
    control = socket.socket(fileno=descriptor)
    _warm_up()
    mine = serve(control)
    return 0 if mine is None else child.main(mine)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
