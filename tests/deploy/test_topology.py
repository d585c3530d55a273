"""Topology files: what they give, and how mistakes are told."""

import pytest

from kamesh import Component
from kamesh.deploy.topology.loading import NotLoadable, make_component
from kamesh.deploy.topology.mistakes import FileRefused, Mistake, excerpt
from kamesh.deploy.topology.reading import load_component, read_topology
from kamesh.nodes.plan import Plan, PlannedComponent, PlannedLinkage, PlannedNode

GOOD = """
    [nodes.studio]
    [nodes.encoder]
    host = "ssh://render@10.0.0.7"
    listen = "tcp://127.0.0.1:7001"

    [components.CAMERA]
    use = "parts:Camera"
    with = { rate = 30, size = [1280, 720] }
    node = "studio"
    bounds = { inbox = 8, control = "unlimited" }

    [components.ENCODER]
    use = "parts:Outer.Inner"
    node = "encoder"

    [components.SECOND]
    use = "parts:Anything"
    with = { whatever = 1 }
    node = { like = "ENCODER" }

    [[linkages]]
    from = "CAMERA.outbox"
    to = ["ENCODER.inbox", "SECOND.inbox"]
    deal = "demand"
    ahead = 2

    [[linkages]]
    from = "CAMERA.tally"
    to = ["ENCODER.control", "SECOND.control"]
    policy = "latest"

    [[linkages]]
    from = "ENCODER.outbox"
    to = "CAMERA.inbox"
"""


def test_a_topology_gives_a_plan(read, tmp_path):
    """Nodes, components, linkages and placement are as the file says."""
    plan = read(GOOD)
    assert plan == Plan(
        "studio",
        {
            "studio": PlannedNode("studio"),
            "encoder": PlannedNode("encoder", "ssh://render@10.0.0.7", "tcp://127.0.0.1:7001"),
        },
        {
            "CAMERA": PlannedComponent(
                "CAMERA",
                "studio",
                f"{read.parts}:Camera",
                {"rate": 30, "size": [1280, 720]},
                ("inbox", "control"),
                ("outbox", "tally", "signal"),
                {"inbox": 8, "control": None},
            ),
            "ENCODER": PlannedComponent(
                "ENCODER",
                "encoder",
                f"{read.parts}:Outer.Inner",
                {},
                ("inbox", "control"),
                ("outbox", "signal"),
            ),
            "SECOND": PlannedComponent(
                "SECOND",
                "encoder",
                f"{read.parts}:Anything",
                {"whatever": 1},
                ("inbox", "control"),
                ("outbox", "signal"),
            ),
        },
        (
            PlannedLinkage(
                ("CAMERA", "outbox"),
                (("ENCODER", "inbox"), ("SECOND", "inbox")),
                "demand",
                ahead=2,
            ),
            PlannedLinkage(
                ("CAMERA", "tally"),
                (("ENCODER", "control"), ("SECOND", "control")),
                "all",
                "latest",
            ),
            PlannedLinkage(("ENCODER", "outbox"), (("CAMERA", "inbox"),)),
        ),
        str(tmp_path / "studio.toml"),
    )


def test_components_are_made_where_they_run(read, tmp_path):
    """Reading makes no component; a node makes its own, with name, arguments and bounds."""
    plan = read(GOOD)
    camera = load_component(plan.components["CAMERA"], plan.source)
    assert type(camera).made == 1
    assert (camera.name, camera.rate, camera.size) == ("CAMERA", 30, [1280, 720])
    assert (camera.inbox.bound, camera.control.bound) == (8, None)


def test_without_nodes_there_is_one(read):
    """A file with no [nodes] has the node "main", and all is placed there."""
    plan = read('[components.A]\nuse = "parts:Camera"\n[mesh]\nname = "show"')
    assert (plan.name, list(plan.nodes), plan.components["A"].node) == ("show", ["main"], "main")


def test_with_one_node_all_is_placed_there(read):
    """A component without a node goes to the only one there is."""
    plan = read('[nodes.here]\n[components.A]\nuse = "parts:Camera"')
    assert plan.components["A"].node == "here"


def test_several_linkages_that_all_say_all(read):
    """Copies may be declared in several linkages, each with a policy of its own."""
    plan = read("""
        [components.A]
        use = "parts:Camera"
        [components.B]
        use = "parts:Camera"
        [[linkages]]
        from = "A.outbox"
        to = "B.inbox"
        deal = "all"
        [[linkages]]
        from = "A.outbox"
        to = "A.inbox"
        deal = "all"
        policy = "drop_oldest"
    """)
    assert plan.linkages == (
        PlannedLinkage(("A", "outbox"), (("B", "inbox"),), "all"),
        PlannedLinkage(("A", "outbox"), (("A", "inbox"),), "all", "drop_oldest"),
    )


def test_a_box_that_a_constructor_adds(read):
    """A box that the class does not declare is looked for in a component made with the arguments."""
    plan = read("""
        [components.G]
        use = "parts:Grows"
        with = { n = 2 }
        [[linkages]]
        from = "G.out1"
        to = "G.inbox"
    """)
    assert plan.components["G"].outboxes == ("outbox", "signal", "out0", "out1")


def test_a_checked_file_is_read_without_importing(read):
    """With `load=False` a module that cannot be imported here is no mistake: it runs elsewhere."""
    plan = read('[components.A]\nuse = "only_there:Thing"\nwith = { a = 1 }', load=False)
    assert plan.components["A"] == PlannedComponent("A", "main", "only_there:Thing", {"a": 1})


def test_all_mistakes_are_told_in_the_order_of_their_lines(read):
    """One reading finds them all, and shows each line with the word marked."""
    with pytest.raises(FileRefused) as caught:
        read("""
            [nodes.studio]
            [nodes.other]
            [components.A]
            use = "parts:Camra"
            node = "stduio"
            [[linkages]]
            from = "A.outbox"
            to = "B.inbox"
            sped = 1
        """)
    assert [one.line for one in caught.value.mistakes] == [5, 6, 9, 10]
    assert caught.value.shown().splitlines()[3:6] == [
        "studio.toml:6: A is placed on 'stduio', which is not a node here (did you mean 'studio'?); "
        "the nodes: studio, other",
        '       6 | node = "stduio"',
        "         |         ^^^^^^",
    ]


def test_a_mistake_of_a_class_is_not_told_twice(read):
    """A linkage to a component whose class is missing is not a second mistake."""
    with pytest.raises(FileRefused) as caught:
        read('[components.A]\nuse = "parts:No"\n[[linkages]]\nfrom = "A.x"\nto = "A.y"')
    assert len(caught.value.mistakes) == 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: None, "studio.toml: the topology cannot be read: there is no such file"),
        (lambda p: p.mkdir(), "studio.toml: the topology cannot be read: Is a directory"),
        (
            lambda p: p.write_bytes(b"a = 1\n\xff"),
            "studio.toml:2: this is not TOML: byte 0xff is not UTF-8 text",
        ),
        (
            lambda p: p.write_bytes(b"#" * (4 << 20) + b"##"),
            "studio.toml: a topology has at most 4,194,304 bytes",
        ),
        (
            lambda p: p.write_text("a = " + "[" * 5000),
            "studio.toml: this is not TOML that can be read: it is nested too deeply",
        ),
    ],
)
def test_what_cannot_be_read_at_all(tmp_path, monkeypatch, make, sentence):
    """A missing file, a folder, bytes, too much and too deep get a sentence like any other mistake."""
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "studio.toml")
    with pytest.raises(FileRefused) as caught:
        read_topology("studio.toml")
    assert str(caught.value) == sentence


def test_dos_line_ends_and_byte_order_marks(tmp_path):
    """Files from other editors are read as well, with the right lines."""
    path = tmp_path / "dos.toml"
    path.write_bytes(b"\xef\xbb\xbf[nodes.a]\r\n[nodes.b]\r\nhots = 1\r\n")
    with pytest.raises(FileRefused) as caught:
        read_topology(path)
    assert [one.line for one in caught.value.mistakes] == [3]


def test_a_component_whose_constructor_fails():
    """What a constructor raises becomes a sentence with the user's line."""

    class Local(Component):
        def __init__(self):
            raise RuntimeError("boom")

    globals()["Local"] = Local
    with pytest.raises(
        NotLoadable, match=r"Local cannot be made .*RuntimeError: boom \(.*test_topology"
    ):
        make_component(f"{__name__}:Local", {})


def test_marks_in_an_excerpt():
    """The word at fault is marked where it stands as a word; without one the line alone is shown."""
    source = "ab = 1\n\tx = [ab, b]\n"
    assert excerpt(Mistake("f", 2, "", "b"), source) == (
        "\n       2 |     x = [ab, b]\n         |              ^"
    )
    assert excerpt(Mistake("f", 2, "", "no"), source) == "\n       2 |     x = [ab, b]"
    assert excerpt(Mistake("f", 0, ""), source) == excerpt(Mistake("f", 9, ""), source) == ""
