"""Multicast that loses nothing: every third datagram is thrown away here, and asked for again."""

from kamesh import Component, Graphline
from kamesh.components.network import MulticastTransceiver
from kamesh.components.protocols import ReliableReceiver, ReliableSender


def member():
    """Join the group, on loopback; TTL 0 leaves this host by no means."""
    return MulticastTransceiver("239.255.77.30", 15030, "lo", ttl=0)


class Careless(Component):
    """Passes on two datagrams of three."""

    def main(self):
        count = 0
        while not self.stopping():
            for datagram in self.inbox:
                count += 1
                if count % 3:
                    self.send(datagram)
            yield self.pause()


sending = Graphline(
    SEND=ReliableSender(linger=10), NET=member(),
    linkages={
        ("", "inbox"): ("SEND", "inbox"), ("SEND", "outbox"): ("NET", "inbox"),
        ("NET", "outbox"): ("SEND", "network"), ("NET", "listening"): ("", "outbox"),
    },
)
receiving = Graphline(
    NET=member(), LOSE=Careless(), RECEIVE=ReliableReceiver(),
    linkages={
        ("NET", "outbox"): ("LOSE", "inbox"), ("LOSE", "outbox"): ("RECEIVE", "inbox"),
        ("RECEIVE", "network"): ("NET", "inbox"), ("RECEIVE", "outbox"): ("", "outbox"),
        ("NET", "listening"): ("", "joined"),
    },
)

with receiving.background() as there, sending.background() as here:
    there.get("joined", timeout=10)
    for number in range(100):
        here.put(b"message %d" % number)
    got = [there.get(timeout=10) for _ in range(100)]
    here.stop()
    there.stop()
print(len(got), got[0].decode(), "to", got[-1].decode())
print("in order, each once:", got == [b"message %d" % number for number in range(100)])
