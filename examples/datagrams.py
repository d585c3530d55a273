"""UDP: one that answers, and one that asks, by ports of their own; each message is a datagram."""

from kamesh import Graphline
from kamesh.components.network import UDP, Datagram


def shout(asked: Datagram) -> Datagram:
    """Answer to where it came from."""
    return Datagram(asked.data.upper(), asked.host, asked.port)


answering = Graphline(
    UDP=UDP(0), SHOUT=shout,
    linkages={
        ("UDP", "outbox"): ("SHOUT", "inbox"),
        ("SHOUT", "outbox"): ("UDP", "inbox"),
        ("UDP", "listening"): ("", "outbox"),
    },
)

with answering.background() as there:
    where = there.get(timeout=10)  # port 0 is any that is free: here is which
    with UDP(0, peer=(where.host, where.port)).background() as here:
        for word in (b"hello", b"is anybody there?"):
            here.put(word)
            print(here.get(timeout=10).data.decode())
        here.stop()
    there.stop()
