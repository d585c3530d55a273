"""The catalogue finds every component, and makes a page of each."""

import sys

import pytest

from kamesh import Component
from kamesh.components.catalogue import Catalogue, catalogue, entry_of, page_of
from kamesh.components.catalogue.entries import word_of
from kamesh.errors import UnknownName

ALL = catalogue()


class Barometer(Component):
    """Tells the pressure of the air.

    `unit` is "hPa" or "mmHg".

    Example: Barometer() in a
        Pipeline.

    Boxes: "inbox" nothing; "outbox" numbers. How it ends: never of itself.
    """

    inboxes = {"inbox": "nothing at all", "slow": "asked for", "control": "told to stop"}
    outboxes = {"outbox": "the pressure"}
    bounds = {"slow": 3, "inbox": None}

    def __init__(self, unit: str = "hPa", *, name: str | None = None) -> None:
        """Take the unit."""
        super().__init__(name=name)

    def main(self):
        """Tell."""
        yield


PAGE = page_of(entry_of(Barometer, "weather:Barometer", "weather"))


def test_components_are_found_where_they_are_imported_from():
    """Each under the shortest name, once; those of the mesh floor first."""
    assert ALL.troubles == ()
    uses = {entry.name: entry.use for entry in ALL.entries}
    assert uses["Pipeline"] == "kamesh:Pipeline"
    assert uses["Splitter"] == "kamesh.components.plumbing:Splitter"
    assert uses["ConsoleEchoer"] == "kamesh.components.console:ConsoleEchoer"
    assert len({entry.component for entry in ALL.entries}) == len(ALL.entries)
    assert ALL.entries[0].group == "mesh"


def test_each_can_be_told_from_the_others_by_its_name_and_word():
    """No two components of the library have one name, or one word."""
    names = [entry.word for entry in ALL.entries]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_finding_one():
    """By class, word or place; another spelling is suggested."""
    for name in ("FirstOnly", "firstonly", "first-only", "kamesh.components.plumbing:FirstOnly"):
        assert ALL.find(name).name == "FirstOnly"
    with pytest.raises(UnknownName, match=r"no component 'FirstOny' \(did you mean 'FirstOnly'"):
        ALL.find("FirstOny")


def test_searching():
    """By what is said of it."""
    assert "ConsoleEchoer" in {entry.name for entry in ALL.matching("CONSOLE")}
    assert ALL.matching("nothing of the kind") == ()


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Ticker", "ticker"), ("TCPServer", "tcp-server"), ("MuxMPEGTS", "mux-mpegts"),
        ("HTTPStream", "http-stream"), ("FirstOnly", "first-only"), ("UDP", "udp"),
    ],
)  # fmt: skip
def test_words(name, word):
    """A class name is made a word as people would."""
    assert word_of(name) == word


def test_a_page_has_all_parts():
    """The docstring in its parts, the boxes with what they hold, and how one is made."""
    assert PAGE.signature == "Barometer(unit='hPa', *, name=None)"
    assert PAGE.about == '`unit` is "hPa" or "mmHg".'
    assert PAGE.example.startswith("Barometer() in a\n")
    assert [(box.name, box.bound) for box in PAGE.inboxes] == [
        ("inbox", None), ("slow", 3), ("control", 1024),
    ]  # fmt: skip
    text = "\n".join(PAGE.lines())
    assert "Tells the pressure of the air." in text
    assert "slow     asked for (holds 3)" in text
    assert "inbox    nothing at all (no limit)" in text
    markdown = PAGE.markdown()
    assert markdown.startswith("# Barometer\n\nTells the pressure of the air.\n")
    assert "| `slow` | asked for (holds 3) |" in markdown


def installed(folder, entry_points):
    """Make a package that looks installed, with these entry points."""
    info = folder / "weather-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[kamesh.components]\n{entry_points}\n")


def test_other_packages_add_theirs(tmp_path, monkeypatch):
    """By entry points, whole modules or single classes; what is broken costs only itself."""
    (tmp_path / "weather_parts.py").write_text(
        "from kamesh import Component\n"
        "class Vane(Component):\n    'Tells the wind.'\n"
        "class Gauge(Component):\n    'Tells the rain.'\n"
        "class Inner(Component):\n    'Nobody is to see.'\n"
        "__all__ = ['Vane']\n"
    )
    installed(
        tmp_path,
        "all = weather_parts\none = weather_parts:Gauge\nbad = weather_parts:Snow\nworse = no_such_module",
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = catalogue()
    theirs = {entry.name: entry for entry in found.entries if entry.group == "weather"}
    assert set(theirs) == {"Vane", "Gauge"}
    assert theirs["Gauge"].use == "weather_parts:Gauge"
    assert theirs["Vane"].summary == "Tells the wind."
    assert len(found.troubles) == 2
    assert all("of weather) cannot be looked at" in trouble for trouble in found.troubles)
    sys.modules.pop("weather_parts", None)


def test_a_module_that_ends_the_program_costs_only_itself(tmp_path, monkeypatch):
    """One that calls sys.exit() when it is imported is told of, and the others are listed."""
    (tmp_path / "weather_exits.py").write_text("import sys\nsys.exit('no barometer here')\n")
    installed(tmp_path, "all = weather_exits")
    monkeypatch.syspath_prepend(tmp_path)
    found = catalogue()
    assert found.entries
    assert found.troubles == (
        "weather_exits (of weather) cannot be looked at: no barometer here",
    )


def test_an_empty_catalogue():
    """Nothing is found in nothing."""
    with pytest.raises(UnknownName):
        Catalogue(()).find("Ticker")
