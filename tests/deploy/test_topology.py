"""Topology files: what they give, and the sentence for every mistake."""

import sys
import textwrap

import pytest

from kamesh import Component
from kamesh.deploy.loading import NotLoadable, make_component
from kamesh.deploy.mistakes import FileRefused, Mistake, excerpt
from kamesh.deploy.topology import load_component, read_topology
from kamesh.nodes.plan import Plan, PlannedComponent, PlannedLinkage, PlannedNode

PARTS = """
from kamesh import Component, Graphline

class Camera(Component):
    outboxes = {"outbox": "", "tally": ""}
    made = 0

    def __init__(self, *, rate=25, size=(1, 1)):
        Camera.made += 1
        self.rate, self.size = rate, size

    def main(self):
        yield

class Lens(Component):
    def __init__(self, glass):
        self.glass = glass

class Grows(Component):
    def __init__(self, n=1):
        for number in range(n):
            self.add_outbox(f"out{number}")

class Breaks(Component):
    def __init__(self):
        raise ValueError("no film")

class Anything(Component):
    def __init__(self, *things, **more):
        self.more = more

class Outer:
    class Inner(Component):
        pass

def helper():
    pass
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Writes a topology beside a parts module and reads it."""
    name = f"parts_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(PARTS)
    (tmp_path / "broken.py").write_text("x = 1\nraise OSError('no licence')\n")
    (tmp_path / "wrong.py").write_text("def f(:\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "needy.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere", *sys.path])

    def from_text(text, **options):
        path = tmp_path / "studio.toml"
        path.write_text(textwrap.dedent(text).replace('"parts:', f'"{name}:'))
        return read_topology("studio.toml", **options)

    from_text.parts = name
    return from_text


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


CAMERA = '[components.A]\nuse = "parts:Camera"\n'

# (text, line, sentence), or several of (line, sentence)
MISTAKES = [
    # not TOML
    ("a = \n", 1, "this is not TOML: invalid value"),
    ("[nodes\n", 1, "this is not TOML: expected ']' at the end of a table declaration"),
    (
        "\n\nx = 1 2\n",
        3,
        "this is not TOML at '2': expected newline or end of document after a statement",
    ),
    ('x = "a\ny = 1', 1, "this is not TOML: illegal character '\\n'"),
    ("hello", 1, "this is not TOML at 'hello': expected '=' after a key in a key/value pair"),
    (
        "\n# no\nmesh = { name = 1",
        3,
        "this is not TOML at 'mesh = { name = 1': unclosed inline table",
    ),
    # twice
    (
        f"{CAMERA}{CAMERA}",
        3,
        "'components.A' is there twice, first in line 1: each has a name of its own",
    ),
    (
        "[nodes.a]\n[nodes.a]",
        2,
        "'nodes.a' is there twice, first in line 1: each has a name of its own",
    ),
    (
        "[nodes.a]\nhost = ''\nhost = ''",
        3,
        "'host' is there twice: each has a name of its own",
    ),
    # tables and keys
    (
        "[node.a]\n",
        1,
        "a topology has no table 'node' (did you mean 'nodes'?); "
        "its tables: mesh, nodes, components, linkages",
    ),
    ("nodes = 3", 1, "write a table [nodes.NAME] for each node"),
    ("components = []", 1, "write a table [components.NAME] for each component"),
    ("[linkages]", 1, "write [[linkages]], in double brackets, for each linkage"),
    ("linkages = [3]", 1, "a linkage is a whole number, and should be a table"),
    ("mesh = 'x'", 1, "mesh is a text in quotes, and should be a table"),
    ("[mesh]\nnmae = 'x'", 2, "mesh has no key 'nmae' (did you mean 'name'?); its keys: name"),
    ("[mesh]\nname = 1", 2, "'name' of mesh is a whole number, and should be a text in quotes"),
    (
        "[mesh]\nname = 'a b'",
        2,
        "the mesh cannot be called 'a b': a name is made of letters, digits, '-', '_' and '.', and "
        "begins with none of '-.'",
    ),
    ("[nodes]\na = 1", 2, "node a is a whole number, and should be a table"),
    (
        "[nodes.a]\nhots = ''",
        2,
        "node a has no key 'hots' (did you mean 'host'?); its keys: host, listen",
    ),
    ("[nodes.a]\nhost = 1.5", 2, "'host' of node a is a number, and should be a text in quotes"),
    (
        '[nodes."a/b"]',
        1,
        "a node cannot be called 'a/b': a name is made of letters, digits, '-', '_' and '.', and "
        "begins with none of '-.'",
    ),
    (
        "[nodes.a]\nlisten = 'tcp://127.0.0.1:99999'",
        2,
        "node a cannot listen there: 'tcp://127.0.0.1:99999' has port 99999: it must be 1 to 65535",
    ),
    (
        "[nodes.a]\nlisten = '127.0.0.1'",
        2,
        "node a cannot listen there: '127.0.0.1' is not an address: write tcp://HOST:PORT or "
        "ipc:///PATH",
    ),
    # components
    (
        "[components.A]\n",
        1,
        "component A lacks the key 'use': use = \"module:Class\"",
    ),
    (
        f"{CAMERA}wiht = 1",
        3,
        "component A has no key 'wiht' (did you mean 'with'?); its keys: use, with, node, bounds",
    ),
    (f"{CAMERA}with = [1]", 3, "'with' of component A is a list, and should be a table"),
    (
        f"{CAMERA}node = 7",
        3,
        "'node' of component A is a whole number, and should be a text in quotes or a table",
    ),
    (
        '[components."A.B"]\nuse = "parts:Camera"',
        1,
        "a component cannot be called 'A.B': it has no '.'",
    ),
    # classes
    (
        '[components.A]\nuse = "kamesh.Component"',
        2,
        "'kamesh.Component' does not name a class: write \"module:Class\"; perhaps "
        "'kamesh:Component'",
    ),
    (
        '[components.A]\nuse = "no such"',
        2,
        "'no such' does not name a class: write \"module:Class\"",
    ),
    ('[components.A]\nuse = "studoi_things:X"', 2, "there is no module 'studoi_things'"),
    (
        '[components.A]\nuse = "kamesh.components.consle:X"',
        2,
        "there is no module 'kamesh.components.consle' (did you mean 'kamesh.components.console'?)",
    ),
    (
        '[components.A]\nuse = "needy:X"',
        2,
        "module 'needy' needs 'a_module_that_is_not_there', which is not installed",
    ),
    ('[components.A]\nuse = "parts:Camra"', 2, "PARTS has no 'Camra' (did you mean 'Camera'?)"),
    (
        '[components.A]\nuse = "parts:Outer.Iner"',
        2,
        "PARTS.Outer has no 'Iner' (did you mean 'Inner'?)",
    ),
    (
        '[components.A]\nuse = "parts:helper"',
        2,
        "'PARTS:helper' is a function, which is not a class of components",
    ),
    (
        '[components.A]\nuse = "parts:Outer"',
        2,
        "'PARTS:Outer' is the class Outer, which is not a class of components",
    ),
    (
        '[components.A]\nuse = "kamesh:codec"',
        2,
        "'kamesh:codec' is a module, which is not a class of components",
    ),
    (
        '[components.A]\nuse = "broken:X"',
        2,
        "importing 'broken' failed: OSError: no licence (TMP/broken.py:2)",
    ),
    (
        '[components.A]\nuse = "leaves:X"',
        2,
        "importing 'leaves' failed: SystemExit: 3 (TMP/leaves.py:1)",
    ),
    (
        '[components.A]\nuse = "wrong:X"',
        2,
        "module 'wrong' is not Python: TMP/wrong.py:1: invalid syntax",
    ),
    # arguments
    (
        f"{CAMERA}with = {{ size = [1, 1], rat = 1 }}",
        3,
        "Camera takes no argument 'rat' (did you mean 'rate'?); its arguments: rate, size",
    ),
    (
        f"{CAMERA}[components.A.with]\nraet = 1",
        4,
        "Camera takes no argument 'raet' (did you mean 'rate'?); its arguments: rate, size",
    ),
    ('[components.A]\nuse = "parts:Lens"', 1, "Lens needs the argument 'glass'"),
    (
        '[components.A]\nuse = "parts:Breaks"\n[[linkages]]\nfrom = "A.more"\nto = "A.inbox"',
        1,
        "PARTS:Breaks cannot be made with these arguments: ValueError: no film (TMP/PARTS.py:26)",
    ),
    # bounds
    (
        f"{CAMERA}bounds = {{ inbx = 1 }}",
        3,
        "A has no inbox 'inbx' (did you mean 'inbox'?); its inboxes: inbox, control",
    ),
    (f"{CAMERA}bounds = {{ inbox = 0 }}", 3, "the bound of A.inbox is 0: at least 1"),
    (
        f"{CAMERA}bounds = {{ inbox = true }}",
        3,
        'the bound of A.inbox is true or false, and should be a whole number or "unlimited"',
    ),
    # placement
    (
        f"[nodes.studio]\n[nodes.b]\n{CAMERA}node = 'stduio'",
        5,
        "A is placed on 'stduio', which is not a node here (did you mean 'studio'?); the nodes: studio, b",
    ),
    (
        f"{CAMERA}node = 'x'",
        3,
        "A is placed on 'x', which is not a node here; write [nodes.NAME] for each",
    ),
    (f"[nodes.a]\n[nodes.b]\n{CAMERA}", 3, "A is placed on no node: give it a node, one of a, b"),
    (f"[nodes.a]\n[nodes.b]\n{CAMERA}node = ''", 5, "A is placed on a node without a name"),
    (f"{CAMERA}node = {{ like = 'B' }}", 3, "A is placed like 'B', which is not a component here"),
    (
        f"{CAMERA}node = {{ lik = 'A' }}",
        3,
        "the node of A has no key 'lik' (did you mean 'like'?); its keys: like",
    ),
    (f"{CAMERA}node = {{}}", 3, "the node of A is an empty table: write its name"),
    (
        f"{CAMERA}node = {{ like = 'A' }}",
        3,
        "a cycle of placement: A like A; give one of them a node by its name",
    ),
    (
        "[nodes.a]\n[nodes.b]\n"
        '[components.B]\nuse = "parts:Camera"\nnode = { like = "C" }\n'
        '[components.C]\nuse = "parts:Camera"\nnode = { like = "A" }\n'
        f"{CAMERA}node = {{ like = 'B' }}\n"
        '[components.D]\nuse = "parts:Camera"\nnode = { like = "A" }\n',
        5,
        "a cycle of placement: B like C like A like B; give one of them a node by its name",
    ),
    # linkages
    (f"{CAMERA}[[linkages]]\nto = 'A.inbox'", 3, "a linkage lacks the key 'from': from = ..."),
    (f"{CAMERA}[[linkages]]\nfrom = 'A.outbox'", 3, "a linkage lacks the key 'to': to = ..."),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.outbox'\nto = []",
        5,
        "a linkage goes to nowhere: 'to' is an empty list",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.outbox'\nto = [3]",
        5,
        "a linkage goes to a whole number here: write it as COMPONENT.box, in quotes",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A'\nto = 'A.inbox'",
        4,
        "'A' is not a box: write it as COMPONENT.box, perhaps 'A.outbox'",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.outbox'\nto = 'CAM.inbox'",
        5,
        "a linkage names 'CAM', which is not a component here",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.outbox'\nto = 'main/A.inbox'",
        5,
        "a linkage names 'main/A', which is not a component here (did you mean 'A'?); its node is "
        "said by the component itself",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.talyl'\nto = 'A.inbox'",
        4,
        "A has no outbox 'talyl' (did you mean 'tally'?); its outboxes: outbox, tally, signal",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.inbox'\nto = 'A.inbox'",
        4,
        "A.inbox is an inbox: a linkage goes from an outbox to an inbox; its outboxes: outbox, tally, signal",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = [\n'A.inbox',\n'A.outbox']",
        7,
        "A.outbox is an outbox: a linkage goes from an outbox to an inbox; its inboxes: inbox, control",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = ['A.inbox', 'A.inbox']",
        5,
        "'A.inbox' is there twice in one linkage",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\nfro = 1",
        6,
        "a linkage has no key 'fro' (did you mean 'from'?); its keys: from, to, deal, ahead, policy",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\ndeal = 'both'",
        6,
        "deal = 'both' is not known; it is one of: all, demand",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\npolicy = 'latets'",
        6,
        "policy = 'latets' is not known (did you mean 'latest'?); it is one of: block, "
        "drop_oldest, drop_newest, latest",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\nahead = 2",
        6,
        "'ahead' belongs to a linkage with deal = \"demand\"",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\ndeal = 'demand'\nahead = 0",
        7,
        "ahead = 0: it is at least 1",
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\n"
        "[[linkages]]\nfrom = 'A.tally'\nto = 'A.control'",
        7,
        "A.tally goes to A.inbox already, in line 3; to send to A.control as well write one linkage "
        'with to = [...] and deal = "all" (a copy for each) or "demand" (shared out)',
    ),
    (
        f"{CAMERA}[[linkages]]\nfrom = 'A.tally'\nto = 'A.inbox'\n"
        "[[linkages]]\nfrom = 'A.tally'\nto = ['A.control', 'A.inbox']",
        8,
        "A.tally is linked to A.inbox already, in line 3",
    ),
]


@pytest.mark.parametrize(("text", "line", "sentence"), MISTAKES, ids=[m[2][:45] for m in MISTAKES])
def test_mistakes(read, tmp_path, text, line, sentence):
    """Each mistake has its line and a sentence with the word at fault; there is no other."""
    with pytest.raises(FileRefused) as caught:
        read(text)
    told = [
        (m.line, m.text.replace(read.parts, "PARTS").replace(str(tmp_path), "TMP"))
        for m in caught.value.mistakes
    ]
    assert told == [(line, sentence)]
    assert str(caught.value).startswith(f"studio.toml:{line}: ")


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
