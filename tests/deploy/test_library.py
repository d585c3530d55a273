"""`kamesh components`: the list, the page of one, the words, the reference."""

import json
import sys

import pytest

from kamesh.components.catalogue import catalogue
from kamesh.components.catalogue.pages import pages_of, write_pages
from kamesh.deploy.cli import main


def test_the_list(capsys):
    """By groups; each with its boxes and its first line."""
    assert main(["components"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mesh"
    (line,) = [line for line in lines if line.startswith("  Splitter ")]
    assert "inbox → outbox" in line
    assert "Copies what comes" in line


def test_the_list_as_json(capsys):
    """For programs: every box with what it is for."""
    assert main(["components", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["Splitter"]["use"] == "kamesh.components.plumbing:Splitter"
    assert found["Splitter"]["word"] == "splitter"
    assert set(found["Splitter"]["inboxes"]) == {"inbox", "control"}


@pytest.mark.parametrize("name", ["Splitter", "splitter", "kamesh.components.plumbing:Splitter"])
def test_a_page(name, capsys):
    """By its name, its word or its place."""
    assert main(["components", name]) == 0
    page = capsys.readouterr().out
    assert page.startswith("Splitter   (kamesh.components.plumbing:Splitter)\n")
    assert "How it ends\n" in page


def test_a_page_in_other_forms(capsys):
    """As Markdown and as JSON."""
    assert main(["components", "Splitter", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Splitter\n")
    assert main(["components", "Splitter", "--json"]) == 0
    assert "plugged in" in json.loads(capsys.readouterr().out)["summary"]


def test_searching(capsys):
    """A word that is no name lists what has it in it."""
    assert main(["components", "standard"]) == 0
    assert "ConsoleReader" in capsys.readouterr().out


def test_what_is_not_there(capsys):
    """The likely one is suggested; the exit code is that of a mistake."""
    assert main(["components", "Spliter"]) == 2
    assert "there is no component 'Spliter' (did you mean 'Splitter'?)" in capsys.readouterr().err


def test_the_words(capsys):
    """Those of one-line pipelines, with their arguments."""
    assert main(["components", "--words"]) == 0
    assert "ticker INTERVAL [count=...]" in capsys.readouterr().out
    assert main(["components", "--words", "--json"]) == 0
    assert {"word", "usage", "takes"} <= set(json.loads(capsys.readouterr().out)[0])


def test_the_reference(tmp_path, capsys):
    """A page of each and one that lists them; a page of what is no more goes."""
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "Gone.md").write_text("old")
    (tmp_path / "mine.md").write_text("mine")
    assert main(["components", "--pages", str(tmp_path)]) == 0
    assert not (tmp_path / "mesh" / "Gone.md").exists()
    assert (tmp_path / "mine.md").exists()
    index = (tmp_path / "README.md").read_text()
    assert "[Splitter](plumbing/Splitter.md)" in index
    assert (tmp_path / "plumbing" / "Splitter.md").read_text().startswith("# Splitter\n")
    assert write_pages(catalogue(), tmp_path) == len(pages_of(catalogue()))


def test_the_reference_cannot_be_written(tmp_path, capsys):
    """One sentence."""
    (tmp_path / "file").write_text("")
    assert main(["components", "--pages", str(tmp_path / "file" / "x")]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_what_goes_through_boxes_has_a_page(capsys):
    """Messages and settings, with their fields; a component comes before a value of a like name."""
    assert main(["components", "Listening"]) == 0
    page = capsys.readouterr().out
    assert "from kamesh.components.network import Listening" in page
    assert "    port: int" in page


def test_a_word_has_a_page(capsys):
    """What it takes and gives, and the component behind it."""
    assert main(["components", "encode"]) == 0
    said = capsys.readouterr()
    assert "takes frames" in said.out
    assert "`kamesh components Encode`" in said.err


def test_a_component_of_ones_own(capsys, tmp_path, monkeypatch):
    """By module:Class, from the folder that one is in."""
    (tmp_path / "own_parts.py").write_text(
        "from kamesh import Component\n\n\nclass Mine(Component):\n    '''Does my own thing.'''\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["components", "own_parts:Mine"]) == 0
    assert "Does my own thing." in capsys.readouterr().out
    assert main(["components", "own_parts:Nothing"]) == 2
    sys.path.remove(str(tmp_path))
