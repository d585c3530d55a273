"""What tests need: time that passes at once, components run with what they are given, and promises.

    from kamesh.testing import keeps_promises, run

    assert run(Upper(), ["a", "b"])["outbox"] == ["A", "B"]
    assert keeps_promises(Upper, ["a", "b"]) == ["A", "B"]
    assert converse(Echo(), b"hello", cuts=7) == b"hello"      # a protocol, with no network

Law: nothing here sleeps or opens a socket, so a test of what a component decides takes no time.
"""

from kamesh.testing.clock import Stalled, VirtualClockLoop, run_coroutine
from kamesh.testing.conversing import Conversation, Wire, converse, pair
from kamesh.testing.promises import PromiseBroken, keeps_promises
from kamesh.testing.running import Collector, Feeder, run

__all__ = [
    "Collector",
    "Conversation",
    "Feeder",
    "PromiseBroken",
    "Stalled",
    "VirtualClockLoop",
    "Wire",
    "converse",
    "keeps_promises",
    "pair",
    "run",
    "run_coroutine",
]
