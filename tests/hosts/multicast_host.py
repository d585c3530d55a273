"""One host of a test of multicast: a receiver or a sender of ours in this network namespace.

`receive GROUP PORT INTERFACE [SOURCE...]` writes a line of JSON for each thing that happens, and ends
at the end of its input; `send GROUP PORT INTERFACE TTL LOOP COUNT EVERY` sends numbers; `talk GROUP
PORT INTERFACE` says a word, and for what it hears whether it is its own.
"""

import json
import sys

from kamesh import Component, Graphline, Pipeline
from kamesh.components.console import ConsoleReader
from kamesh.components.network import MulticastReceiver, MulticastSender, MulticastTransceiver


def say(**what):
    """Write a line."""
    print(json.dumps(what), flush=True)


class Numbers(Component):
    """Sends so many numbers, one each so many seconds."""

    def __init__(self, count, every):
        self.count, self.every = count, every

    def main(self):
        for number in range(self.count):
            self.send(b"%d" % number)
            yield self.pause(self.every)


class Says(Component):
    """Says what was joined and what has come."""

    inboxes = {"inbox": "", "joined": "", "control": ""}

    def main(self):
        while not self.stopping():
            for one in self._strand.inboxes["joined"]:
                say(joined=one.host)
            for one in self.inbox:
                data = one.data[:40].decode("latin-1")
                say(data=data, size=len(one.data), host=one.host, group=one.group)
            yield self.pause()


def receive(group, port, interface, *sources):
    """Receive until the input ends."""
    receiver = MulticastReceiver(group, int(port), interface, sources=sources)
    Graphline(
        {
            ("IN", "signal"): ("R", "control"),
            ("R", "outbox"): ("SAY", "inbox"), ("R", "listening"): ("SAY", "joined"),
        },
        IN=ConsoleReader(), R=receiver, SAY=Says(),
    ).run()  # fmt: skip
    say(details=receiver.details())


def send(group, port, interface, ttl, loop, count, every):
    """Send numbers."""
    sender = MulticastSender(group, int(port), interface, ttl=int(ttl), loop=bool(int(loop)))
    Pipeline(Numbers(int(count), float(every)), sender).run()
    say(details=sender.details())


def talk(group, port, interface):
    """Say a word until the input ends; hear oneself, and others."""
    peer = MulticastTransceiver(group, int(port), interface, echoes=True)
    with peer.background() as running:
        running.get("listening", timeout=10)
        running.put(b"word")
        heard = {(one.data.decode(), one.own) for one in (running.get(timeout=20), running.get(timeout=20))}
        say(heard=sorted(heard))
        running.stop()


if __name__ == "__main__":
    {"receive": receive, "send": send, "talk": talk}[sys.argv[1]](*sys.argv[2:])
