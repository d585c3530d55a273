"""Standing: what a failed dial says of a node."""

from types import SimpleNamespace

import pytest

from kamesh.nodes.standing import Standing
from kamesh.transport import NOBODY_LISTENS
from kamesh.transport.interface import TransportLimits
from kamesh.transport.monitor import Event, ending


@pytest.mark.parametrize(
    ("waited", "told"), [(0.0, "dial_refused"), (1000.0, "dial_failed")]
)  # fmt: skip
def test_a_host_that_answers_that_nobody_listens_is_a_death_known_soon(waited, told):
    """What the transport says of it reaches the membership as that, and a silent host as the other."""
    heard = []
    standing = Standing.__new__(Standing)
    standing._peers = SimpleNamespace(now=lambda: 0.0)
    standing.membership = SimpleNamespace(
        dial_refused=lambda *_: heard.append("dial_refused"),
        dial_failed=lambda *_: heard.append("dial_failed"),
    )
    standing.carry_out = lambda: None
    reason = ending(
        Event.CLOSED, 0, address="tcp://127.0.0.1:1", connected=False, waited=waited,
        limits=TransportLimits(),
    )  # fmt: skip
    assert reason.startswith(NOBODY_LISTENS) is (told == "dial_refused")
    standing.dial_failed("tcp://127.0.0.1:1", reason)
    assert heard == [told]
