"""Flattening: what a wired component comes down to."""

import random

import pytest

from kamesh import (
    Backplane,
    ByDemand,
    Carousel,
    Chassis,
    Component,
    Graphline,
    Par,
    Pipeline,
    Seq,
    ToAll,
)
from kamesh.nodes.flatten import dissolves
from kamesh.nodes.plan import (
    PlannedComponent,
    PlannedLinkage,
    PlanRefused,
    plan_of,
)


class Upper(Component):
    def main(self):
        yield


class ConsoleReader(Upper):
    pass


class Mixer(Component):
    inboxes = {"left": "", "right": ""}
    outboxes = {"mixed": "", "level": ""}

    def main(self):
        yield


class Sender(Chassis):
    """A chassis with a main of its own."""

    def main(self):
        yield


def pairs(plan):
    """Every (source, sink) of the plan, written as people do, without control linkages."""
    return {
        (".".join(one.source), ".".join(sink), one.fanout, one.policy)
        for one in plan.linkages
        for sink in one.sinks
        if sink[1] != "control"
    }


def test_leaves_have_the_path_below_the_top():
    """Parts of nested chassis are named by their path, in the order in which they were put in."""
    top = Graphline(
        OUTER=Pipeline(Upper(), Par(str.upper, str.lower)), LAST=Upper(), linkages={}, name="TOP"
    )
    plan, components = plan_of(top)
    assert list(plan.components) == ["OUTER/Upper", "OUTER/Par/upper", "OUTER/Par/lower", "LAST"]
    assert list(components) == list(plan.components)
    assert components["OUTER/Upper"].path == "TOP/OUTER/Upper"


def test_a_component_alone_is_a_plan_of_one():
    """A component that is no chassis is its own only leaf."""
    plan, components = plan_of(Upper())
    assert list(components) == ["Upper"]
    assert plan.on("main") == (
        PlannedComponent(
            "Upper", "main", inboxes=("inbox", "control"), outboxes=("outbox", "signal")
        ),
    )


def test_an_empty_chassis_is_a_plan_of_none():
    """Nothing to run is no mistake: there is still the node on which nothing runs."""
    plan, components = plan_of(Pipeline())
    assert (dict(plan.components), components, list(plan.nodes)) == ({}, {}, ["main"])


def test_what_decides_while_it_runs_stays_whole():
    """Carousel, Seq and a chassis with a main of its own are leaves; the others dissolve."""
    whole = [Carousel(lambda x: Upper()), Seq(Upper(), Upper()), Sender(), Upper(), Backplane("N")]
    assert [dissolves(one) for one in whole] == [False] * 5
    assert [dissolves(one) for one in (Pipeline(), Graphline(), Par(), Chassis())] == [True] * 4
    assert list(plan_of(Pipeline(Upper(), Seq(Upper(), Upper())))[1]) == ["Upper", "Seq"]


def test_a_subclass_of_graphline_that_only_wires_dissolves():
    """A chassis made by subclassing, with nothing but an __init__, is as good as a plain one."""

    class Studio(Graphline):
        def __init__(self):
            super().__init__(A=Upper(), B=Upper(), linkages={("A", "outbox"): ("B", "inbox")})

    assert list(plan_of(Studio())[1]) == ["A", "B"]


def test_a_pipeline_is_linked_through_its_nested_pipelines():
    """Boxes of a chassis leave no trace: outbox to inbox and signal to control, leaf to leaf."""
    plan, _ = plan_of(Pipeline(ConsoleReader(), Pipeline(Upper(), name="IN"), str.lower))
    assert plan.linkages == (
        PlannedLinkage(("ConsoleReader", "outbox"), (("IN/Upper", "inbox"),), pipe=True),
        PlannedLinkage(("ConsoleReader", "signal"), (("IN/Upper", "control"),)),
        PlannedLinkage(("IN/Upper", "outbox"), (("lower", "inbox"),), pipe=True),
        PlannedLinkage(("IN/Upper", "signal"), (("lower", "control"),)),
    )


def test_copies_to_all_keep_each_policy():
    """One outbox to several inboxes is fan-out "all", one linkage for each policy."""
    mix = Graphline(
        A=Upper(), M=Mixer(), B=Upper(), linkages={("A", "outbox"): ToAll(("B", "inbox"))}
    )
    mix.link(("A", "outbox"), [("M", "left"), ("M", "right")], "latest")
    plan, _ = plan_of(mix)
    assert plan.linkages == (
        PlannedLinkage(("A", "outbox"), (("B", "inbox"),), "all"),
        PlannedLinkage(("A", "outbox"), (("M", "left"), ("M", "right")), "all", "latest"),
    )


def test_the_first_policy_on_the_way_counts():
    """A policy given at the outer linkage holds for what the chassis passes it on to."""
    inner = Pipeline(Upper(), name="IN")
    top = Graphline(
        A=Upper(),
        IN=inner,
        linkages={("A", "outbox"): ("IN", "inbox")},
        policies={("A", "outbox"): "drop_oldest"},
    )
    assert pairs(plan_of(top)[0]) == {("A.outbox", "IN/Upper.inbox", "one", "drop_oldest")}


def test_sharing_out_by_demand():
    """A dealer in between becomes fan-out "demand", with how far ahead it deals."""
    top = Graphline(
        A=Upper(),
        W1=Upper(),
        W2=Upper(),
        linkages={("A", "outbox"): ByDemand(("W1", "inbox"), ("W2", "inbox"), ahead=3)},
    )
    assert plan_of(top)[0].linkages == (
        PlannedLinkage(("A", "outbox"), (("W1", "inbox"), ("W2", "inbox")), "demand", ahead=3),
    )


def test_demand_through_a_chassis_and_from_several_sources():
    """The dealer is found behind boxes that pass on; each source that comes to it deals."""
    top = Graphline(
        MANY=Par(str.upper, str.lower),
        W1=Pipeline(Upper()),
        W2=Upper(),
        linkages={("MANY", "outbox"): ByDemand(("W1", "inbox"), ("W2", "inbox"))},
    )
    sinks = (("W1/Upper", "inbox"), ("W2", "inbox"))
    assert plan_of(top)[0].linkages == (
        PlannedLinkage(("MANY/upper", "outbox"), sinks, "demand"),
        PlannedLinkage(("MANY/lower", "outbox"), sinks, "demand"),
    )


def test_demand_within_demand_is_one_sharing_out():
    """A share that is shared out again goes to any of those that are at the end."""
    pool = Graphline(
        X=Upper(), Y=Upper(), linkages={("", "inbox"): ByDemand(("X", "inbox"), ("Y", "inbox"))}
    )
    top = Graphline(
        A=Upper(),
        POOL=pool,
        Z=Upper(),
        linkages={("A", "outbox"): ByDemand(("POOL", "inbox"), ("Z", "inbox"))},
    )
    assert plan_of(top)[0].linkages == (
        PlannedLinkage(
            ("A", "outbox"),
            (("POOL/X", "inbox"), ("POOL/Y", "inbox"), ("Z", "inbox")),
            "demand",
        ),
    )


def test_copying_a_share_is_refused():
    """What cannot be said in a plan is refused with the boxes, not planned wrongly."""
    top = Graphline(
        A=Upper(),
        TWO=Par(str.upper, str.lower),
        Z=Upper(),
        linkages={("A", "outbox"): ByDemand(("TWO", "inbox"), ("Z", "inbox"))},
        name="TOP",
    )
    with pytest.raises(PlanRefused) as caught:
        plan_of(top)
    assert str(caught.value) == (
        "TOP/A.outbox is shared out by demand, and TOP/TWO.inbox copies its share to "
        "TOP/TWO/upper.inbox and TOP/TWO/lower.inbox: put a component of its own between the two, "
        "or share out to components"
    )


def test_what_is_told_to_a_chassis_is_told_to_its_parts():
    """The control of a Graphline that dissolves goes to the parts that it would have told."""
    inner = Graphline(
        A=Upper(),
        B=Upper(),
        DEEP=Par(str.upper),
        linkages={("", "inbox"): ("A", "inbox"), ("A", "signal"): ("B", "control")},
    )
    plan, _ = plan_of(Pipeline(ConsoleReader(), inner, Upper()))
    assert [one for one in plan.linkages if one.source == ("ConsoleReader", "signal")] == [
        PlannedLinkage(
            ("ConsoleReader", "signal"),
            (("Graphline/A", "control"), ("Graphline/DEEP/upper", "control")),
            "all",
        )
    ]


def test_what_nobody_would_read_is_left_out():
    """An outbox linked to a box of a chassis that goes nowhere has no linkage in the plan."""
    top = Graphline(A=Upper(), B=Graphline(C=Upper()), linkages={("A", "outbox"): ("B", "inbox")})
    assert plan_of(top)[0].linkages == ()


def test_a_step_of_a_pipeline_is_marked():
    """Forward linkages within a Pipeline are pipes; those of a Graphline and back ones are not."""
    row = Pipeline(Upper(name="A"), Graphline(G=Upper(), linkages={("", "inbox"): ("G", "inbox")}))
    graph = Graphline(X=Upper(), Y=Upper(), linkages={("X", "outbox"): ("Y", "inbox")})
    back = Pipeline(Upper(name="N"), Upper(name="O"))
    back.add(Mixer(), "M")
    back.link(("M", "mixed"), ("N", "inbox"))
    back.link(("N", "outbox"), [("M", "left")])
    assert [one.pipe for one in plan_of(row)[0].linkages if one.source[1] == "outbox"] == [True]
    assert [one.pipe for one in plan_of(graph)[0].linkages] == [False]
    assert {
        (*one.source, *one.sinks): one.pipe
        for one in plan_of(back)[0].linkages
        if one.source[1] != "signal"
    } == {
        ("N", "outbox", ("O", "inbox"), ("M", "left")): True,
        ("M", "mixed", ("N", "inbox")): False,
    }


def test_a_linkage_past_the_boxes_of_a_whole_chassis_is_refused():
    """A part of a chassis that runs whole cannot be linked to directly."""
    inner = Upper()
    seq = Sender(name="SENDER")
    seq.add(inner)
    top = Graphline(A=Upper(), S=seq, name="TOP")
    top.link(("A", "outbox"), (inner, "inbox"))
    with pytest.raises(PlanRefused, match=r"^TOP/A.outbox -> TOP/S/Upper.inbox leads to TOP/S/U"):
        plan_of(top)
    top = Graphline(A=Upper(), S=Sender(), name="TOP")
    inside = top.part("S").add(Upper())
    top.link((inside, "outbox"), ("A", "inbox"))
    with pytest.raises(PlanRefused, match="leaves S from the inside: S runs whole"):
        plan_of(top)


def test_a_linkage_to_what_is_no_part_is_refused():
    """A component that was linked but never put in would not run, here or anywhere."""
    top = Graphline(A=Upper(), name="TOP")
    top.link(("A", "outbox"), (Upper(name="STRAY"), "inbox"))
    with pytest.raises(PlanRefused, match="leads to STRAY, which is not a part of TOP"):
        plan_of(top)


def grow(rng, depth):
    """A random nest of chassis with boxes joined at random."""
    if depth == 0 or rng.random() < 0.2:
        return Upper()
    parts = [grow(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    kind = rng.choice([Pipeline, Par, Graphline])
    if kind is not Graphline:
        return kind(*parts)
    graph = Graphline(**{f"P{n}": part for n, part in enumerate(parts)})
    graph.link(("", "inbox"), [(name, "inbox") for name in graph.parts])
    for name in graph.parts:
        graph.link((name, "outbox"), ("", "outbox"))
    policy = rng.choice(["block", "latest"])
    for n in range(1, len(parts)):
        graph.link((f"P{n - 1}", "outbox"), [(f"P{n}", "inbox")], policy)
    return graph


@pytest.mark.parametrize("seed", range(30))
def test_the_flat_graph_is_what_the_wiring_feeds(seed):
    """For any nest of chassis the plan has the pairs and policies of the feeds of `wiring`."""
    top = Pipeline(*[grow(random.Random(seed), 3) for _ in range(3)])
    plan, components = plan_of(top)
    fed = {
        (feed.source.label, feed.sink.label, feed.policy.value)
        for part in components.values()
        for feed in part.outbox.feeds
    }
    planned = {
        (components[a].path + "." + b, components[c].path + "." + d, one.policy)
        for one in plan.linkages
        for a, b in [one.source]
        for c, d in one.sinks
        if b == "outbox"
    }
    assert planned == fed
    assert len(planned) >= 2
