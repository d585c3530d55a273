"""Numbered things come out in order, whatever happened to them on the way."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh.components.plumbing.order import Gap, OrderRecovery
from kamesh.components.refusing import WrongFigure


def feed(order, numbers):
    """Give it things that are their own numbers; list what it gives out."""
    return [one for number in numbers for one in order.add(number, number)]


def test_what_comes_in_order_goes_at_once():
    """Nothing waits that need not."""
    order = OrderRecovery()
    assert [order.add(n, n) for n in (1, 2, 3)] == [[1], [2], [3]]
    assert (len(order), order.flush()) == (0, [])


def test_what_is_missing_is_waited_for():
    """A later one waits, and goes right after the one it waited for."""
    order = OrderRecovery()
    assert feed(order, [2, 3]) == []
    assert order.missing() == [Gap(1, 1)]
    assert feed(order, [1]) == [1, 2, 3]
    assert order.missing() == []


def test_a_full_buffer_gives_up_the_oldest_gap():
    """One more than `size` waits: the gap goes out at its place, and nothing else is given up."""
    order = OrderRecovery(size=2)
    assert feed(order, [2, 4]) == []
    assert feed(order, [6]) == [Gap(1, 1), 2]
    assert order.missing() == [Gap(3, 3), Gap(5, 5)]
    assert (order.lost, order.expects) == (1, 3)


def test_what_comes_again_or_too_late_is_dropped():
    """Twice, while it waits or after it went; or after its gap was given up."""
    order = OrderRecovery()
    assert feed(order, [1, 1, 3, 3]) == [1]
    assert order.give_up() == [Gap(2, 2), 3]
    assert feed(order, [2, 4]) == [4]
    assert order.dropped == 3


def test_joining_a_stream_that_is_under_way():
    """Without a first number it begins with whatever comes first."""
    order = OrderRecovery(first=None)
    assert order.missing() == []
    assert feed(order, [70, 71, 69]) == [70, 71]
    assert order.dropped == 1


def test_flush_knows_the_end():
    """What is missing at the end is a gap too, where the last number is known."""
    order = OrderRecovery()
    assert feed(order, [1, 3]) == [1]
    assert order.flush(upto=5) == [Gap(2, 2), 3, Gap(4, 5)]
    assert (order.lost, len(order), order.flush(upto=5)) == (3, 0, [])


def test_giving_up_as_far_as_a_number():
    """All that is missing up to it is given up, in as many gaps as that makes; no more than that."""
    order = OrderRecovery()
    assert feed(order, [3, 6, 9]) == []
    assert (3 in order, 4 in order) == (True, False)
    assert order.give_up(upto=7) == [Gap(1, 2), 3, Gap(4, 5), 6, Gap(7, 7)]
    assert order.give_up(upto=7) == []
    assert (order.expects, order.missing()) == (8, [Gap(8, 8)])
    assert order.give_up(upto=8) == [Gap(8, 8), 9]
    assert order.give_up(upto=11) == [Gap(10, 11)]


def test_a_gap_of_any_size_costs_nothing():
    """A number far ahead takes one place, not one for each that is missing."""
    order = OrderRecovery(size=1)
    assert feed(order, [10**12]) == []
    assert order.flush() == [Gap(1, 10**12 - 1), 10**12]
    assert len(Gap(1, 10)) == 10


def test_a_size_that_makes_no_sense():
    """It is refused at once."""
    with pytest.raises(WrongFigure, match="cannot be 0: it is 1 or more"):
        OrderRecovery(size=0)


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 60),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_laws(count, size, seed, loss):
    """Each number once or in a gap, in order; never more than `size` wait."""
    chance = random.Random(seed)
    kept = [
        n
        for n in range(1, count + 1)
        for _ in range(chance.randint(1, 2))
        if chance.random() >= loss
    ]
    kept.sort(key=lambda n: n + chance.uniform(0, 2 * size))
    order = OrderRecovery(size=size)
    out = []
    for number in kept:
        out += order.add(number, number)
        assert len(order) <= size
    out += order.flush(upto=count)
    covered = []
    for one in out:
        covered += range(one.first, one.last + 1) if isinstance(one, Gap) else [one]
    assert covered == list(range(1, count + 1))
    given_out = [one for one in out if not isinstance(one, Gap)]
    assert len(given_out) + order.dropped == len(kept)
    assert order.lost == count - len(given_out)
