"""What servers and clients decide without a socket: patience, and which address is next."""

import socket

import pytest

from kamesh.components.network.dialling import in_turn
from kamesh.components.network.patience import Patience, Verdict, Watch
from kamesh.components.refusing import WrongFigure

PATIENCE = Patience(idle=100.0, stall=10.0)


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        # (time, received, taken, waiting)
        ([(99, 0, 0, False)], Verdict.KEEP),
        ([(100, 0, 0, False)], Verdict.IDLE),
        ([(99, 1, 0, False), (198, 1, 0, False)], Verdict.KEEP),
        ([(99, 1, 0, False), (199, 1, 0, False)], Verdict.IDLE),
        ([(99, 0, 1, False), (198, 0, 1, False)], Verdict.KEEP),
        ([(5, 0, 1, True), (14, 0, 1, True)], Verdict.KEEP),
        ([(5, 0, 1, True), (15, 0, 1, True)], Verdict.STALLED),
        ([(5, 0, 1, True), (10, 5, 1, True), (15, 9, 1, True)], Verdict.STALLED),
        ([(5, 0, 1, True), (14, 0, 2, True), (23, 0, 2, True)], Verdict.KEEP),
        ([(50, 1, 1, False), (55, 1, 1, True), (59, 1, 1, True)], Verdict.KEEP),
    ],
)
def test_who_is_idle_and_who_is_stalled(looks, verdict):
    """By the clock and the counts alone."""
    watch = Watch(0.0)
    verdicts = [watch.look(*look, PATIENCE) for look in looks]
    assert verdicts[-1] is verdict
    assert set(verdicts[:-1]) <= {Verdict.KEEP}


def test_without_limits_nobody_is_let_go():
    """None is for ever, and then nobody needs to look."""
    assert Patience(None, None).every is None
    assert Patience(8.0, None).every == 2.0
    assert Watch(0.0).look(1e9, 0, 0, True, Patience(None, None)) is Verdict.KEEP
    with pytest.raises(WrongFigure, match="seconds of idle cannot be 0: it is more than 0"):
        Patience(idle=0)


def test_addresses_are_tried_by_families_in_turn():
    """Of a host with both, the first of each comes before the second of any (RFC 8305)."""
    six, four = int(socket.AF_INET6), int(socket.AF_INET)
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "1"), (four, "2")]
    assert in_turn(found) == [(six, "a"), (four, "1"), (six, "b"), (four, "2"), (six, "c")]
    assert in_turn([]) == []
