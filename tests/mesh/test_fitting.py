"""Fitting: a linkage between boxes whose formats do not go together is refused when it is made."""

from dataclasses import dataclass

import pytest

from kamesh import ByDemand, Component, Graphline, Pipeline
from kamesh.errors import LinkageRefused
from kamesh.fitting import Misfit, check_fit, format_of


@dataclass(frozen=True)
class Sort:
    """A format of a test's own: what is alike fits."""

    name: str

    def misfit(self, takes):
        """Say so unless both are alike."""
        return None if self == takes else Misfit(self.name, takes.name, "swap them")


class Giver(Component):
    """Gives round ones."""

    formats = {"outbox": Sort("round")}


class Taker(Component):
    """Takes square ones."""

    formats = {"inbox": Sort("square")}


class Open(Component):
    """Declares nothing."""


SENTENCE = r"\.outbox gives round and .*\.inbox takes square: swap them"


def test_a_linkage_that_does_not_fit_is_refused_with_both_boxes_and_a_remedy():
    """The sentence names who gives what and who takes what."""
    with pytest.raises(LinkageRefused, match="Giver" + SENTENCE):
        Pipeline(Giver(), Taker())


def test_nothing_of_a_refused_linkage_is_left():
    """After the refusal the outbox can be linked elsewhere."""
    giver, taker, other = Giver(), Taker(), Open()
    with pytest.raises(LinkageRefused):
        giver.link(("", "outbox"), (taker, "inbox"))
    assert giver.outbox.targets == () == taker.inbox.sources
    giver.link(("", "outbox"), (other, "inbox"))


@pytest.mark.parametrize("order", ["outer first", "inner first"])
def test_it_is_seen_through_chassis_in_whatever_order_they_are_wired(order):
    """A chassis between the two declares nothing and hides nothing."""
    if order == "inner first":
        with pytest.raises(LinkageRefused, match=SENTENCE):
            Pipeline(Pipeline(Giver()), Pipeline(Taker()))
        return
    inner = Graphline()
    outer = Graphline(GIVER=Giver(), INNER=inner, linkages={("GIVER", "outbox"): ("INNER", "inbox")})
    inner.add(Taker(), "TAKER")
    with pytest.raises(LinkageRefused, match=SENTENCE):
        inner.link(("", "inbox"), ("TAKER", "inbox"))
    assert outer.parts


def test_it_is_seen_through_a_share_by_demand():
    """Whoever has a share is looked at, also where the share is passed on within a chassis."""
    with pytest.raises(LinkageRefused, match=SENTENCE):
        Graphline(
            GIVER=Giver(), OPEN=Open(), TAKER=Pipeline(Taker()),
            linkages={("GIVER", "outbox"): ByDemand(("OPEN", "inbox"), ("TAKER", "inbox"))},
        )  # fmt: skip
    inner = Graphline()
    Graphline(
        GIVER=Giver(), INNER=inner, OPEN=Open(),
        linkages={("GIVER", "outbox"): ByDemand(("OPEN", "inbox"), ("INNER", "inbox"))},
    )  # fmt: skip
    inner.add(Taker(), "TAKER")
    with pytest.raises(LinkageRefused, match=SENTENCE):
        inner.link(("", "inbox"), ("TAKER", "inbox"))


def test_boxes_that_declare_nothing_fit_whatever_they_are_linked_to():
    """On either side."""
    Pipeline(Giver(), Open(), Taker())
    check_fit(Open().outbox, Taker().inbox)


def test_an_instance_says_more_than_its_class():
    """Where arguments decide, the component itself declares."""
    taker = Taker()
    taker.formats = {"inbox": Sort("round")}
    assert format_of(taker, "inbox") == Sort("round")
    Pipeline(Giver(), taker)


def test_an_attribute_of_that_name_that_is_something_else_does_no_harm():
    """A component written before there were formats may have called anything `formats`."""

    class Old(Component):
        formats = ("png", "jpeg")

    Pipeline(Giver(), Old(), Taker())
