"""A component tested under a virtual clock: an hour passes at once, and is exact."""

from kamesh import Component
from kamesh.testing import run


class EggTimer(Component):
    """Says when so many seconds are over, for each number of seconds it gets."""

    def main(self):
        while not self.stopping():
            if self.data_ready():
                seconds = self.recv()
                until = self.now() + seconds
                while self.now() < until:
                    yield self.pause(until - self.now())
                self.send(f"{seconds} seconds are over at {self.now():g}")
            else:
                yield self.pause()


def test_egg_timer():
    """Each egg is ready when it should be."""
    assert run(EggTimer(), [240, 3000])["outbox"] == [
        "240 seconds are over at 240",
        "3000 seconds are over at 3240",
    ]


test_egg_timer()
print("nearly an hour has passed, and the test with it")
