"""Diagrams: a graph for Graphviz, for Mermaid, and for programs."""

import shutil
import subprocess

import pytest
from drawn import REPORTS

from kamesh import Component, Graphline, Pipeline
from kamesh.deploy.pictures.diagrams import as_dot, as_mermaid, as_plain
from kamesh.deploy.pictures.graphs import graph_of, graph_of_plan, split_label
from kamesh.nodes.plan import plan_of


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
