"""Topology files with one mistake each: the line and the sentence for it."""

import pytest

from kamesh.deploy.topology.mistakes import FileRefused

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
