"""TwoWaySplitter: both receivers get the same, in every respect."""

import pytest

from kamesh import Component, Graphline, ProducerFinished, Shutdown
from kamesh.components.plumbing import TwoWaySplitter
from kamesh.components.sources import DataSource
from kamesh.testing import keeps_promises, run


@pytest.mark.parametrize("outbox", ["outbox", "outbox2"])
def test_promises(outbox):
    """It does as any component does, by either outbox."""
    assert keeps_promises(TwoWaySplitter, [1, 2], outbox=outbox) == [1, 2]


def test_the_end_is_told_to_both():
    """By both signals, once."""
    sent = run(TwoWaySplitter(), [1])
    assert sent["signal"] == sent["signal2"]
    assert [type(note) for note in sent["signal"]] == [ProducerFinished]


@pytest.mark.parametrize("told", [Shutdown("enough"), ProducerFinished("me")])
def test_what_it_is_told_is_told_to_both(told):
    """As it came, and before it whatever else came there."""
    sent = run(TwoWaySplitter(), {"control": ["louder", told]})
    assert sent["signal"] == sent["signal2"] == ["louder", told]


def test_both_receivers_end_by_it():
    """With each control linked to one signal, a graph of it ends in order."""
    heard = []

    class Receiver(Component):
        def main(self):
            while not self.stopping():
                heard.extend((self.name, message) for message in self.inbox)
                yield self.pause()

    Graphline(
        SOURCE=DataSource("ab"),
        SPLIT=TwoWaySplitter(),
        A=Receiver(),
        B=Receiver(),
        linkages={
            ("SOURCE", "outbox"): ("SPLIT", "inbox"),
            ("SPLIT", "outbox"): ("A", "inbox"),
            ("SPLIT", "signal"): ("A", "control"),
            ("SPLIT", "outbox2"): ("B", "inbox"),
            ("SPLIT", "signal2"): ("B", "control"),
        },
    ).run()
    assert sorted(heard) == [("A", "a"), ("A", "b"), ("B", "a"), ("B", "b")]
