"""A graph for tests of pictures: reports of four nodes, one of which does not answer."""

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
