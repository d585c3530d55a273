"""Threads: a `main` that may block, beside components that never do."""

import hashlib
import time

from kamesh import Pipeline, ThreadedComponent
from kamesh.components.console import ConsoleEchoer
from kamesh.components.sources import DataSource


class Fingerprint(ThreadedComponent):
    """Gives the fingerprint of each text, slowly: nobody else waits for it."""

    def main(self):
        for text in self.inbox:  # waits; ends when the stream ends
            time.sleep(0.01)
            digest = hashlib.sha256(text.encode()).hexdigest()
            self.send(f"{digest[:12]}  {text}")  # waits while the receiver is full


Pipeline(DataSource(["one", "two", "three"]), Fingerprint(), ConsoleEchoer()).run()
