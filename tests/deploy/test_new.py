"""`kamesh new`: what it makes works, and passes its own tests."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kamesh.components.catalogue import catalogue
from kamesh.deploy.cli import main
from kamesh.deploy.skeletons import KINDS, WHAT, files_of, named
from kamesh.errors import NotSuitable


def pytest_in(folder: Path) -> str:
    """Run the tests in a folder, as its owner would; give what pytest says."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_of_each_kind(kind, tmp_path, capsys):
    """A file and its test, which passes; and the words that run it are said."""
    assert main(["new", "component", "Rate-Limiter", "--kind", kind, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr()
    made = [str(tmp_path / name) for name in ("rate_limiter.py", "test_rate_limiter.py")]
    assert said.out.splitlines() == made
    assert "pytest test_rate_limiter.py" in said.err
    assert "2 passed" in pytest_in(tmp_path)


def test_a_node(tmp_path):
    """A topology that runs in real processes, and its tests."""
    assert main(["new", "node", "studio", "--folder", str(tmp_path)]) == 0
    assert "4 passed" in pytest_in(tmp_path)


def test_a_project(tmp_path, monkeypatch):
    """A package with tests and a topology; its components are in the catalogue once installed."""
    assert main(["new", "project", "sea weather", "--folder", str(tmp_path)]) == 0
    project = tmp_path / "sea-weather"
    assert "4 passed" in pytest_in(project)
    info = project / "sea_weather-0.1.0.dist-info"  # what an installation adds
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sea-weather\nVersion: 0.1.0\n")
    declared = (project / "pyproject.toml").read_text()
    assert '[project.entry-points."kamesh.components"]\nsea_weather = "sea_weather"' in declared
    (info / "entry_points.txt").write_text("[kamesh.components]\nsea_weather = sea_weather\n")
    monkeypatch.syspath_prepend(project)
    assert catalogue().find("Numbered").group == "sea-weather"
    for name in [name for name in sys.modules if name.startswith("sea_weather")]:
        sys.modules.pop(name)


def test_nothing_is_written_over(tmp_path, capsys):
    """If one of the files is there, none is made."""
    (tmp_path / "test_upper.py").write_text("mine")
    assert main(["new", "component", "Upper", "--folder", str(tmp_path)]) == 2
    assert "test_upper.py is there already" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["test_upper.py"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("queue", "would hide"), ("kamesh", "would hide"), ("class", "Python's own"),
        ("1x", "cannot be a name"), ("a/b", "cannot be a name"), ("", "cannot be a name"),
    ],
)  # fmt: skip
def test_names_that_are_none(name, words, tmp_path, capsys):
    """Each is refused in a sentence."""
    assert main(["new", "component", name, "--folder", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    """One sentence with the name of the file, and nothing is left behind."""
    (tmp_path / "file").write_text("")
    assert main(["new", "component", "Upper", "--folder", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_disk_that_fills(tmp_path, monkeypatch, capsys):
    """Nothing is left behind, and nothing of half a file: all are made or none."""
    real = Path.open

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    def opened(path, mode="r", **options):
        file = real(path, mode, **options)
        if not path.name.startswith("test_"):
            return file
        file.close()
        return Full()

    monkeypatch.setattr(Path, "open", opened)
    assert main(["new", "component", "Upper", "--folder", str(tmp_path)]) == 1
    assert "test_upper.py cannot be written: No space left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "pascal", "snake"),
    [
        ("RateLimiter", "RateLimiter", "rate_limiter"),
        ("rate-limiter", "RateLimiter", "rate_limiter"),
        ("TCPEcho", "TCPEcho", "tcp_echo"),
        ("my relay 2", "MyRelay2", "my_relay_2"),
    ],
)
def test_forms_of_a_name(given, pascal, snake):
    """A name in any form gives all of them."""
    assert (named(given).pascal, named(given).snake) == (pascal, snake)


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_clean(what, kind, tmp_path):
    """Ruff has nothing to say of it, with the rules of this project."""
    for path, text in files_of(what, named("weather"), kind).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    done = subprocess.run(
        [ruff, "check", "--isolated", "--select", "E,F,UP,B,D1,W", "--ignore", "D107", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_names_are_checked_before_anything_is_made():
    """The sentence says what a name is."""
    with pytest.raises(NotSuitable, match="beginning with a letter"):
        named("-x")
