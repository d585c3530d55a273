"""Which peers are wanted, and when they are dialed again."""

from kamesh.nodes.wanted import AFTER_REFUSAL, BACK_OFF, Wanted


def test_only_news_of_a_wanted_peer_is_news():
    """An address is kept for later, and is news once, and again when it changes."""
    wanted = Wanted()
    assert not wanted.listens("b", "tcp://1")
    assert wanted.address("b") is None
    wanted.add("b")
    assert wanted.address("b") == "tcp://1"
    assert not wanted.listens("b", "tcp://1")
    assert wanted.listens("b", "tcp://2")
    assert wanted.at("tcp://2") == ["b"]
    wanted.drop("b")
    assert "b" not in wanted
    assert wanted.again_in("b") is None


def test_each_attempt_comes_a_little_later_and_a_refusal_is_respected():
    """Delays grow to a bound, start anew once the peer was reached, and are long after a no."""
    wanted = Wanted()
    wanted.add("b")
    delays = [wanted.again_in("b") for _ in range(20)]
    first, most = BACK_OFF
    assert delays[0] <= 2 * first
    assert all(most / 2 <= delay <= most for delay in delays[10:])
    assert wanted.again_in("b", refused=True) >= AFTER_REFUSAL
    wanted.reached("b")
    assert wanted.again_in("b") <= 2 * first
