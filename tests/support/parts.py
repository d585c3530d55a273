"""Components for the topologies and programs of these tests."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from kamesh import Component


class Numbers(Component):
    """Sends 1, 2, 3 ... `count`, `burst` of them every `every` seconds; 0 is as fast as it goes.

    At its end it writes the last number it has sent into the file `note`.
    """

    inboxes = {"control": "told here to stop"}

    def __init__(self, count: int = 10**9, every: float = 0.0, burst: int = 100, note: str = ""):
        self.count, self.every, self.burst, self.note = count, every, burst, note

    def main(self):
        number = 0
        while number < self.count and not self.stopping():
            for _ in range(min(self.burst, self.count - number, max(1, self.room("outbox")))):
                number += 1
                self.send(number)
            if self.every:
                self.pause(self.every)
            yield
        if self.note:
            Path(self.note).write_text(str(number))


class Through(Component):
    """Sends on what comes."""

    def main(self):
        while not self.stopping():
            self.send_all(self.inbox)
            yield self.pause()


class Keep(Component):
    """Writes each message as a line to the end of a file, then goes back to its scheduler."""

    outboxes = {"signal": "what was received on control"}

    def __init__(self, file: str, slow: float = 0.0) -> None:
        self.file, self.slow = file, slow

    def main(self):
        with Path(self.file).open("a") as file:
            while not self.stopping():
                for message in self.inbox:
                    file.write(f"{message}\n")
                file.flush()
                if self.slow:
                    time.sleep(self.slow)
                yield self.pause()


class Where(Component):
    """Sends each text with the number of its process."""

    def main(self):
        while not self.stopping():
            for text in self.inbox:
                self.send(f"{text} {os.getpid()}")
            yield self.pause()


class Hung(Component):
    """Takes one message and never yields again."""

    def main(self):
        while not self.data_ready("inbox"):
            yield self.pause()
        print("hung", flush=True)
        while True:
            time.sleep(0.01)


class Stuck(Component):
    """Takes nothing of what comes, and says so."""

    def main(self):
        print("stuck", flush=True)
        while True:
            yield self.pause()


class Thready(Component):
    """Takes one message, leaves a thread behind that goes on for ever, and ends."""

    def main(self):
        while not self.data_ready("inbox"):
            yield self.pause()
        self.recv()
        threading.Thread(target=time.sleep, args=(1000,)).start()
        print("left a thread", flush=True)


class Raises(Component):
    """Raises for the message "bad", and sends on all else."""

    def main(self):
        while not self.stopping():
            for message in self.inbox:
                if message == "bad":
                    raise ValueError("no such thing")
                self.send(message)
            yield self.pause()
