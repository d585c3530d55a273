"""A chat server: a protocol for each client, and a backplane that they all speak to.

    client --> SERVER: a Chat for each --> ROOM --> all of them --> clients

Try it by hand: give it a port, and connect with `nc` or `telnet`.
"""

from kamesh import Backplane, Graphline
from kamesh.components.network import TCPClient, TCPServer
from kamesh.components.protocols import Chat

chat = Graphline(
    ROOM=Backplane("CHAT"),
    SERVER=TCPServer(Chat, port=0),
    linkages={("SERVER", "outbox"): ("", "outbox")},  # where it listens
)


class Guest:
    """Somebody at a terminal."""

    def __init__(self, name, where):
        self.name = name
        self.line = TCPClient(where.host, where.port, tries=1).background()
        self.heard = ""
        self.say(f"/nick {name}")
        self.say("/who")
        self.hears(f"{name} is here")

    def say(self, text):
        self.line.put(f"{text}\n".encode())

    def hears(self, wanted):
        while wanted not in self.heard:
            self.heard += self.line.get(timeout=10).decode()
        shown = next(line for line in self.heard.splitlines() if wanted in line)
        print(f"{self.name} sees   {shown}")
        self.heard = ""

    def leaves(self):
        self.say("/quit")
        self.line.wait(10)


with chat.background() as running:
    where = running.get(timeout=10)
    anna, bob = Guest("anna", where), Guest("bob", where)
    bob.say("hello, is anybody here?")
    anna.hears("hello")
    anna.say("only me")
    bob.hears("only me")
    bob.leaves()
    anna.hears("bob has left")
    anna.leaves()
    running.stop()
