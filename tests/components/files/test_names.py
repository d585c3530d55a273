"""Which names are wanted, and which may be written: decided without a disk."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh.components.files import FileError
from kamesh.components.files.names import Patterns, parts_inside


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*", ["a", "a/b", "a/b/.c"], []),
        ("*.ts", ["a.ts", "x/y/a.ts"], ["a.tsx", "a.ts/b", "A.TS"]),
        ("a/*.ts", ["a/b.ts"], ["b.ts", "a/c/b.ts", "x/a/b.ts"]),
        ("a/**/*.ts", ["a/b.ts", "a/c/d/b.ts"], ["b.ts", "x/a/b.ts"]),
        ("**/a/*", ["a/b", "x/y/a/b"], ["a", "a/b/c"]),
        ("a/**", ["a/b", "a/b/c"], ["b/a"]),
        ("**/**/a", ["a", "x/a"], ["a/x"]),
        ("?[0-9].txt", ["a1.txt"], ["1.txt", "ab.txt"]),
    ],
)
def test_patterns(pattern, fits, fits_not):
    """One without a slash is about names; one with it about the way, with ** for any folders."""
    patterns = Patterns(pattern)
    assert [path for path in fits + fits_not if patterns.fit(path)] == fits


def test_several_patterns():
    """One that fits is enough."""
    patterns = Patterns("*.ts", "notes/*")
    assert [patterns.fit(path) for path in ("a.ts", "notes/a", "a")] == [True, True, False]


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", "a/../b"])
def test_no_patterns(pattern):
    """What leads out of the folder, or is nothing, is no pattern."""
    with pytest.raises(ValueError, match="is no pattern for files in a folder"):
        Patterns(pattern)


@pytest.mark.parametrize(
    "path", ["..", "../a", "a/../../b", "/etc/passwd", "//a", "a/..", "a/../b"]
)
def test_what_leads_out(path):
    """It is refused, however it is written, and even where it would come back in."""
    with pytest.raises(FileError, match="leads out of the folder and is not written"):
        parts_inside(path)


@pytest.mark.parametrize("path", ["", ".", "a/", "a\0b", "x/" * 3000 + "x"])
def test_what_is_no_name(path):
    """Nothing, a folder, a zero and a name without end are no names of files; none is shown at length."""
    with pytest.raises(FileError) as raised:
        parts_inside(path)
    assert len(str(raised.value)) < 200


@given(st.text(alphabet="ab./\\\0", max_size=12))
def test_whatever_is_let_through_stays_inside(text):
    """What is given has no way up, none from the root, and stands below the folder."""
    try:
        parts = parts_inside(text)
    except FileError:
        return
    assert parts
    assert not {"", ".", ".."} & set(parts)
    assert not any("/" in part or "\0" in part for part in parts)
    assert PurePosixPath("/root", *parts).is_relative_to("/root")


def test_paths_and_text_are_the_same():
    """A path will do as well as text."""
    assert parts_inside(PurePosixPath("a/b")) == parts_inside("a//./b") == ("a", "b")
