"""Pictures: what a graph looks like in a terminal, for Graphviz and for Mermaid."""

import shutil
import subprocess

import pytest

from kamesh import ByDemand, Component, Graphline, Par, Pipeline
from kamesh.deploy.canvas import Canvas
from kamesh.deploy.diagrams import as_dot, as_mermaid, as_plain
from kamesh.deploy.graphs import graph_of, graph_of_plan, split_label
from kamesh.deploy.pictures import picture
from kamesh.deploy.showing import as_json, count, duration, one_line, printable, size
from kamesh.deploy.tables import clip, fit, table, wide
from kamesh.nodes.plan import plan_of
from kamesh.nodes.reports import BoxReport, ComponentReport, LinkageReport, NodeReport


def part(name, kind="Kind", inboxes=(), outboxes=(), state="asleep", failure=""):
    """A component's report; inboxes are (name, level, bound, dropped)."""
    boxes = tuple(
        BoxReport(n, level, bound, 9, 9, lost, False) for n, level, bound, lost in inboxes
    )
    return ComponentReport(name, kind, state, 7, boxes, tuple(outboxes), failure)


def node(name, number, *parts, linkages=(), state="running", pid=4711):
    """A node's report; it was the `number`-th to be started."""
    return NodeReport(
        name,
        state,
        pid + number if pid else 0,
        f"tcp://127.0.0.1:{40000 + number}",
        1000.0 + number,
        parts,
        (),
        tuple(LinkageReport(*each) for each in linkages),
    )


REPORTS = [
    node(
        "encoder",
        1,
        part("MUX", "Mux", [("inbox", 1, 1024, 0)], [("outbox", 300)]),
        part("ENCODER", "Encode", [("video", 800, 1024, 0)], [("outbox", 1200)], "blocked"),
        linkages=[
            ("encoder/ENCODER.outbox", "encoder/MUX.inbox", "block", 1200, 0, "open"),
            ("encoder/MUX.outbox", "screen/HTTP.inbox", "drop_oldest", 290, 10, "opening", 4),
            ("encoder/MUX.signal", "screen/HTTP.control", "block", 0, 0, "open"),
            ("encoder/MUX.outbox", "observer-12-ab/tap-1.inbox", "drop_oldest", 7, 0, "open"),
        ],
    ),
    node("gone", 3, state="unreachable", pid=0),
    node(
        "screen",
        2,
        part("HTTP", "HTTPStream", [("inbox", 3, None, 10)]),
        part("PREVIEW", "Screen", [("inbox", 1, 1, 731)], failure="PREVIEW failed with OSError"),
    ),
    node(
        "studio",
        0,
        part("CAMERA", "TestCard", [("inbox", 0, 1024, 0)], [("video", 1250)], "running"),
        linkages=[
            ("studio/CAMERA.video", "encoder/ENCODER.video", "block", 1250, 0, "open", 3),
            ("studio/CAMERA.video", "screen/PREVIEW.inbox", "latest", 1250, 731, "open"),
        ],
    ),
]

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


# -- for other tools


def test_for_graphviz():
    """Clusters for nodes, edges with what went through, quoted as Graphviz wants it."""
    top = Graphline(**{'A"\\': Component(), "B": Component()})
    top.link(('A"\\', "signal"), ("B", "inbox"))
    assert as_dot(graph_of_plan(plan_of(top, name="t")[0])) == "\n".join(
        [
            'digraph "t" {',
            "  rankdir=LR;",
            '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif"];',
            '  edge [fontname="sans-serif", fontsize=10];',
            "  subgraph cluster_0 {",
            '    label="main"; style=rounded; color=gray60;',
            r'    "main/A\"\\" [label="A\"\\"];',
            '    "main/B" [label="B"];',
            "  }",
            r'  "main/A\"\\" -> "main/B" [label="signal → inbox"];',
            "}",
        ]
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_takes_it():
    """What is written for Graphviz is drawn by it."""
    text = as_dot(graph_of("demo", REPORTS))
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert "PREVIEW" in done.stdout


def test_for_mermaid():
    """Subgraphs for nodes; what would end a text is written as an entity."""
    top = Pipeline(Component(name='say "a & b"'), str.upper)
    assert as_mermaid(graph_of_plan(plan_of(top, split=True, name="t")[0])) == "\n".join(
        [
            "flowchart LR",
            '  subgraph n0["say-a-b"]',
            '    c0["say #34;a #38; b#34;"]',
            "  end",
            '  subgraph n1["upper"]',
            '    c1["upper"]',
            "  end",
            '  c0 -- " " --> c1',
        ]
    )


def test_for_programs():
    """The plain form has everything that was reported, and is JSON."""
    plain = as_plain(graph_of("demo", REPORTS))
    assert [one["name"] for one in plain["nodes"]] == ["studio", "encoder", "screen", "gone"]
    assert plain["linkages"][0] == {
        "source": "encoder/ENCODER.outbox",
        "sink": "encoder/MUX.inbox",
        "policy": "block",
        "sent": 1200,
        "dropped": 0,
        "state": "open",
        "waiting": 0,
    }


def test_split_labels():
    """A label has a node, a component with its path, and a box."""
    assert split_label("studio/OUTER/Upper.outbox") == ("studio", "OUTER/Upper", "outbox")
    assert split_label("n/a.b.c") == ("n", "a.b", "c")


# -- the parts


def test_lines_join_where_they_meet():
    """Corners, crossings and joins come of the lines; text stands above."""
    canvas = Canvas()
    canvas.frame(0, 0, 2, 6)
    canvas.down(3, 0, 4)
    canvas.across(1, 3, 8, round_corners=True)
    canvas.down(8, 1, 3, round_corners=True)
    canvas.text(2, 1, "é音")
    assert str(canvas).split("\n") == [
        "┌──┬──┐",
        "│  ├──┼─╮",
        "└é音──┘ │",
        "   │    │",
        "   │",
    ]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([], ["NAME  PID"]),
        ([("a", "12345"), ("音", "1")], ["NAME    PID", "a     12345", "音        1"]),
    ],
)
def test_tables(rows, lines):
    """Columns are as wide as what is in them, numbers stand to the right, wide letters count double."""
    assert table(["NAME", "PID"], rows, right=["PID"]) == lines


def test_cutting_and_filling():
    """A text is made to fit, whatever the width of its letters."""
    assert [clip("abcdef", 4), clip("abc", 3), clip("音声合", 4), clip("ab", 0)] == [
        "abc…",
        "abc",
        "音…",
        "",
    ]
    assert [fit("ab", 4), fit("ab", 4, right=True), fit("音声", 3)] == ["ab  ", "  ab", "音…"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.42, "0.4 s"), (12.9, "12 s"), (60, "1 min"), (185, "3 min 5 s"),
     (7800, "2 h 10 min"), (3600, "1 h"), (356400, "4 d 3 h")],
)  # fmt: skip
def test_durations(seconds, text):
    """A time that has passed is told in the two units that matter."""
    assert duration(seconds) == text


def test_numbers():
    """Thousands are set apart, bytes are told in binary units."""
    assert count(1234567) == "1,234,567"
    assert [size(n) for n in (0, 1023, 1024, 1536, 1 << 20, 5 << 30, 9 << 50)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB", "9216.0 TiB",
    ]  # fmt: skip


class Grid:
    shape, dtype = (720, 1280, 3), "uint8"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello\n\x1b[31mred", "hello\\n\\x1b[31mred"),
        ("x" * 50, "x" * 29 + "…"),
        (b"\x00\xff", "b'\\x00\\xff'"),
        (b"a" * 100, ("b'" + "a" * 64)[:29] + "…"),
        (Grid(), "<array 720x1280x3 uint8>"),
        ({"n": 1}, "{'n': 1}"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9…"),
        (None, "None"),
    ],
)
def test_messages_in_one_line(message, text):
    """Any message is one printable line of the length that is asked for."""
    assert one_line(message, 30) == text


def test_unprintable_text():
    """Every kind of control character is written out, lone surrogates too."""
    assert printable("a\x9b\u202eb\ud800") == "a\\x9b\\u202eb\\ud800"


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        ([1, (True, None), "x"], [1, [True, None], "x"]),
        ({"a": 1.5}, {"a": 1.5}),
        ({1: 2}, {"type": "dict", "text": "{1: 2}"}),
        (float("nan"), {"type": "float", "text": "nan"}),
        (b"\x01\x02", {"type": "bytes", "length": 2, "head": "0102"}),
        (3 + 4j, {"type": "complex", "text": "(3+4j)"}),
    ],
)
def test_messages_as_json(message, plain):
    """What JSON holds goes as it is, the rest with its type."""
    assert as_json(message) == plain


def test_endless_messages_end():
    """A message that holds itself, and one of a million items, are cut."""
    round_about = []
    round_about.append(round_about)
    as_json(round_about)
    assert len(as_json(list(range(1_000_000)))) == 1000


def test_par_is_drawn_with_its_rails():
    """Copies to two and back to one: each of the two is reached and leads on."""
    plan, _ = plan_of(
        Pipeline(Component(name="A"), Par(str.upper, str.lower), Component(name="Z")), name="t"
    )
    text = picture(graph_of_plan(plan))
    assert text.count("◀") == 2
    assert text.count("▼") == 2
