"""Pictures: what a graph looks like in a terminal."""

from drawn import REPORTS, node, part

from kamesh import ByDemand, Component, Graphline, Par, Pipeline
from kamesh.deploy.pictures.drawing import picture
from kamesh.deploy.pictures.graphs import graph_of, graph_of_plan
from kamesh.deploy.pictures.tables import wide
from kamesh.nodes.plan import plan_of

RUNNING = """\
demo · 4 nodes · 5 components · 5 linkages
╭───── studio ──────── running · process 4711 ─╮
│ ┌─── CAMERA ────────── TestCard · running ─┐ │
│ │ video                         1,250 sent ├─┼─╮
│ └──┬───────────────────────────────────────┘ │ │
╰────┼─────────────────────────────────────────╯ │
     │ video → video · 1,250 sent · 3 waiting    │
╭────┼ encoder ─────── running · process 4712 ─╮ │
│ ┌──▼ ENCODER ─────────── Encode · blocked ─┐ │ │
│ │ video                 ███████░ 800/1,024 │ │ │
│ │ outbox                        1,200 sent │ │ │
│ └──┬───────────────────────────────────────┘ │ │
│    │ 1,200 sent                              │ │
│ ┌──▼ MUX ─────────────────── Mux · asleep ─┐ │ │
│ │ inbox                   █░░░░░░░ 1/1,024 │ │ │
│ │ outbox                          300 sent │ │ │
│ └──┬───────────────────────────────────────┘ │ │
╰────┼─────────────────────────────────────────╯ │
     │ 290 sent · 4 waiting · 10 dropped · opening · drop_oldest
╭────┼ screen ──────── running · process 4713 ─╮ │
│ ┌──▼ HTTP ─────────── HTTPStream · asleep ─┐ │ │
│ │ inbox              10 dropped  3 waiting │ │ │
│ └──────────────────────────────────────────┘ │ │
│ ┌─── PREVIEW ──────────── Screen · asleep ─┐ │ │
│ │ inbox          731 dropped  ████████ 1/1 ◀─┼─╯ 1,250 sent · 731 dropped · latest
│ │ ✗ PREVIEW failed with OSError            │ │
│ └──────────────────────────────────────────┘ │
╰──────────────────────────────────────────────╯

╭───── gone ───────────────────── unreachable ─╮
│   no answer                                  │
╰──────────────────────────────────────────────╯
not drawn: 1 linkage from signal to control"""


def test_the_picture_of_what_runs():
    """Frames for nodes, boxes for components, arrows and rails, queues and drops, in flow order."""
    assert picture(graph_of("demo", REPORTS)) == RUNNING


def test_the_order_of_the_reports_makes_no_difference():
    """Nodes answer in any order; the picture is the same."""
    assert picture(graph_of("demo", REPORTS[::-1])) == RUNNING


def test_the_picture_of_a_plan():
    """A plan is drawn without figures, fan-out and a way back included."""
    top = Graphline(
        SOURCE=Component(),
        LEFT=Component(),
        RIGHT=Component(),
        JOIN=Component(),
        linkages={
            ("SOURCE", "outbox"): ByDemand(("LEFT", "inbox"), ("RIGHT", "inbox")),
            ("LEFT", "outbox"): ("JOIN", "inbox"),
            ("RIGHT", "outbox"): ("JOIN", "inbox"),
            ("JOIN", "outbox"): ("SOURCE", "inbox"),
        },
        policies={("JOIN", "outbox"): "latest"},
        placement={"LEFT": "left"},
        name="diamond",
    )
    plan, _ = plan_of(top, default="home")
    assert (
        picture(graph_of_plan(plan))
        == """\
diamond · 2 nodes · 4 components · 5 linkages
╭───── home ─────────────────────── this host ─╮
│ ┌─── SOURCE ───────────────────────────────┐ │
│ │ inbox                                    ◀─┼────╮    latest
│ │ outbox                                   ├─┼────┼──╮
│ └──┬───────────────────────────────────────┘ │    │  │
│    │                                         │    │  │
│ ┌──▼ RIGHT ────────────────────────────────┐ │    │  │
│ │ inbox                                    │ │    │  │
│ │ outbox                                   │ │    │  │
│ └──┬───────────────────────────────────────┘ │    │  │
│    │                                         │    │  │
│ ┌──▼ JOIN ─────────────────────────────────┐ │    │  │
│ │ inbox                                    ◀─┼─╮  │  │
│ │ outbox                                   ├─┼─┼──╯  │
│ └──────────────────────────────────────────┘ │ │     │
╰──────────────────────────────────────────────╯ │     │
                                                 │     │
╭───── left ─────────────────────── this host ─╮ │     │
│ ┌─── LEFT ─────────────────────────────────┐ │ │     │
│ │ inbox                                    ◀─┼─┼─────╯
│ │ outbox                                   ├─┼─╯
│ └──────────────────────────────────────────┘ │
╰──────────────────────────────────────────────╯"""
    )


def test_two_linkages_between_the_same_two_boxes():
    """Each has a row beside the arrow, with the names of its boxes where they are not the usual."""
    top = Graphline(
        A=Pair(), B=Pair(), linkages={("A", "left"): ("B", "l"), ("A", "right"): ("B", "r")}
    )
    text = picture(graph_of_plan(plan_of(top, name="two")[0]))
    assert [line[:22].rstrip() for line in text.splitlines()[4:9]] == [
        "│ │ right",
        "│ └──┬────────────────",
        "│    │ left → l",
        "│    │ right → r",
        "│ ┌──▼ B ─────────────",
    ]


class Pair(Component):
    inboxes = {"l": "", "r": ""}
    outboxes = {"left": "", "right": ""}


def test_what_the_picture_does_not_show_is_named():
    """A linkage to a node that is not in the picture is written where it leaves."""
    reports = [
        node("a", 0, part("X", outboxes=[("outbox", 3)]),
             linkages=[("a/X.outbox", "far/Y.inbox", "block", 3, 0, "open")])
    ]  # fmt: skip
    assert "│ │ outbox                     → far/Y.inbox │ │" in picture(graph_of("t", reports))


def test_boxes_that_came_after_the_report_are_drawn():
    """A linkage that names a box of which its component's report says nothing is drawn all the same."""
    reports = [
        node("a", 0, part("X"), part("Y"),
             linkages=[("a/X.late", "a/Y.later", "block", 3, 0, "open")])
    ]  # fmt: skip
    assert "late → later · 3 sent" in picture(graph_of("t", reports))


def test_linkages_to_control_on_request():
    """They are drawn with `everything`, and left out but counted without it."""
    plan, _ = plan_of(Pipeline(Component(name="A"), Component(name="B")), name="t")
    assert "signal → control" in picture(graph_of_plan(plan, everything=True))
    assert "signal" not in picture(graph_of_plan(plan)).replace("from signal to control", "")


def test_a_feedback_to_itself_is_a_loop_on_the_right():
    """A component linked to itself has a rail that leaves and comes back."""
    top = Graphline(A=Component(), linkages={("A", "outbox"): ("A", "inbox")})
    lines = picture(graph_of_plan(plan_of(top, name="t")[0])).splitlines()
    assert lines[3].endswith("◀─┼─╮")
    assert lines[4].endswith("├─┼─╯")


def test_narrow_terminals_cut_names():
    """Names too long for the width are cut with an ellipsis; the frame keeps its shape."""
    plan, _ = plan_of(Pipeline(Component(name="A" * 90), Component(name="B")), name="t")
    lines = picture(graph_of_plan(plan), width=50).splitlines()
    assert max(map(len, lines[1:-1])) <= 50
    assert "A…" in lines[2]


def test_wide_letters_keep_the_frame_straight():
    """A name in letters of double width shortens the edge by as much."""
    plan, _ = plan_of(Pipeline(Component(name="音声")), name="t")
    lines = picture(graph_of_plan(plan)).splitlines()
    assert {wide(line) for line in lines[1:]} == {48}


def test_in_ascii():
    """Where line-drawing characters do not arrive, plain ones are used, and nothing else."""
    text = picture(graph_of("demo", REPORTS), plain=True)
    assert text.isascii()
    assert text.splitlines()[8] == "| +--v ENCODER ----------- Encode - blocked -+ | |"


def test_nothing_to_draw():
    """No nodes at all is a title and no more."""
    assert picture(graph_of("none", [])) == "none · 0 nodes · 0 components · 0 linkages"


def test_par_is_drawn_with_its_rails():
    """Copies to two and back to one: each of the two is reached and leads on."""
    plan, _ = plan_of(
        Pipeline(Component(name="A"), Par(str.upper, str.lower), Component(name="Z")), name="t"
    )
    text = picture(graph_of_plan(plan))
    assert text.count("◀") == 2
    assert text.count("▼") == 2
