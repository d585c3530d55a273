"""Planning: where the parts of a component run, and what every node reads of it."""


import pytest

from kamesh import (
    Component,
    Graphline,
    Par,
    Pipeline,
)
from kamesh.nodes.plan import (
    Plan,
    PlannedComponent,
    PlannedLinkage,
    PlannedNode,
    PlanRefused,
    node_name,
    plan_of,
    wrong_with_name,
)


class Upper(Component):
    def main(self):
        yield


class ConsoleReader(Upper):
    pass


def test_unplaced_parts_go_to_the_default_node():
    """A part that nobody places runs on "main", or on the default that is asked for."""
    top = Graphline(CAMERA=Upper(), ENCODER=Upper(), placement={"ENCODER": "encoder"})
    assert {n: c.node for n, c in plan_of(top)[0].components.items()} == {
        "CAMERA": "main",
        "ENCODER": "encoder",
    }
    assert list(plan_of(top, default="here")[0].nodes) == ["here", "encoder"]


def test_placement_covers_all_that_is_below():
    """Placing a chassis places its parts, however deep, also by path and from outside."""
    top = Graphline(OUTER=Pipeline(Upper(), Par(str.upper)), LAST=Upper(), placement={"OUTER": "a"})
    plan, _ = plan_of(top, {"LAST": "b", "OUTER/Par": "a"})
    assert [one.node for one in plan.components.values()] == ["a", "a", "b"]


def test_split_gives_each_component_a_node():
    """With `split` node names follow the components' names, are unique, and placement is moot."""
    top = Pipeline(
        ConsoleReader(), Upper(), Pipeline(Upper(), lambda x: x), placement={"Upper": "elsewhere"}
    )
    plan, _ = plan_of(top, split=True)
    assert list(plan.nodes) == ["console-reader", "upper", "upper-2", "lambda"]
    assert [len(plan.on(node)) for node in plan.nodes] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("component", "node"),
    [
        ("ConsoleReader", "console-reader"),
        ("OUTER/Upper", "upper"),
        ("HTTPServer", "http-server"),
        ("CAMERA_LEFT", "camera-left"),
        ("Upper-2", "upper-2"),
        ("str.upper", "str-upper"),
        ("MP4Writer", "mp4-writer"),
        ("<lambda>", "lambda"),
        ("Größe", "gr-e"),
        ("音", "node"),
    ],
)
def test_names_of_nodes(component, node):
    """A node named after a component is in lower case, with hyphens between words."""
    assert node_name(component) == node
    assert wrong_with_name(node_name(component)) is None


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "-a", "a b", "a\n", "x" * 101, 7, None])
def test_names_that_will_not_do(name):
    """A name that would not be one in `node/COMPONENT.box` or as a file name is refused."""
    assert wrong_with_name(name)


REFUSED = [
    (
        lambda: plan_of(Pipeline(Upper(), name="P"), default=None),
        "Upper is placed on no node: name one for it in placement={'Upper': ...}",
    ),
    (
        lambda: plan_of(
            Graphline(
                OUTER=Graphline(X=Upper(), placement={"X": "b"}),
                placement={"OUTER": "a"},
                name="TOP",
            )
        ),
        "OUTER/X is placed on 'a' by TOP (which places OUTER) and on 'b' by TOP/OUTER: a component "
        "runs on one node, so place it once",
    ),
    (
        lambda: plan_of(Graphline(X=Upper(), placement={"X": "b"}, name="TOP"), {"X": "c"}),
        "X is placed on 'b' by TOP and on 'c' by the placement given: a component runs on one "
        "node, so place it once",
    ),
    (
        lambda: plan_of(Pipeline(Upper(), placement={"Uper": "b"}, name="P")),
        "P places 'Uper', which is not one of its parts (did you mean 'Upper'?)",
    ),
    (
        lambda: plan_of(Pipeline(Upper(), name="P"), {"Uper": "b"}),
        "the placement given names 'Uper', which is not in P (did you mean 'Upper'?)",
    ),
    (
        lambda: plan_of(Graphline(X=Upper(), placement={"X": "a/b"}, name="TOP")),
        "TOP places X on 'a/b', no name for a node: a name is made of letters, digits, '-', '_' "
        "and '.', and begins with none of '-.'",
    ),
]


@pytest.mark.parametrize(("attempt", "sentence"), REFUSED, ids=[one[1][:30] for one in REFUSED])
def test_mistakes_of_placement(attempt, sentence):
    """Each mistake of placement gets a sentence with the names in it."""
    with pytest.raises(PlanRefused) as caught:
        attempt()
    assert caught.value.mistakes == (sentence,)


def test_parts_of_what_runs_whole_cannot_be_placed():
    """A chassis that decides over its parts runs on one node with all of them."""

    class Placing(Graphline):
        def main(self):
            yield

    top = Pipeline(Placing(X=Upper(), placement={"X": "b"}), name="P")
    with pytest.raises(PlanRefused, match=r"^P/Placing runs whole.*place P/Placing itself"):
        plan_of(top)


def test_all_mistakes_are_told_at_once():
    """Two mistakes give two sentences."""
    top = Graphline(A=Upper(), B=Upper(), placement={"A": "", "B": "x y"})
    with pytest.raises(PlanRefused) as caught:
        plan_of(top)
    assert len(caught.value.mistakes) == 2


PLAN = Plan(
    "demo",
    {"n1": PlannedNode("n1"), "n2": PlannedNode("n2", "ssh://h", "tcp://127.0.0.1:7000")},
    {
        "A": PlannedComponent(
            "A", "n1", "m:A", {"rate": 25}, ("inbox",), ("outbox",), {"inbox": 8}
        ),
        "B": PlannedComponent("B", "n1"),
        "C": PlannedComponent("C", "n2"),
    },
    (
        PlannedLinkage(("A", "outbox"), (("B", "inbox"), ("C", "inbox")), "demand", ahead=2),
        PlannedLinkage(("C", "outbox"), (("A", "inbox"),)),
    ),
    "demo.toml",
)


def test_every_node_reads_its_own_part():
    """A node finds its components, what stays within, what leaves and what comes."""
    both = (PLAN.linkages[0],)
    assert [one.name for one in PLAN.on("n1")] == ["A", "B"]
    assert PLAN.starting("n1") == both
    assert PLAN.arriving("n1") == ((PLAN.linkages[1], ("A", "inbox")),)
    assert PLAN.arriving("n2") == ((PLAN.linkages[0], ("C", "inbox")),)
    assert PLAN.label(("C", "outbox")) == "n2/C.outbox"


def test_planning_changes_nothing():
    """The same component planned twice gives equal plans, and has not been started."""
    top = Pipeline(ConsoleReader(), Upper())
    assert plan_of(top)[0] == plan_of(top)[0]
    assert top.state == "new"
