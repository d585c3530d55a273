"""Lines of a TOML file: every key that tomllib reads is found on the line where it is written."""

import random
import tomllib

import pytest

from kamesh.deploy.topology.tomllines import lines_of, nearest

TEXT = '''\
# a comment = 1
title = "[not.a.table]"   # with "quotes"
[owner]
name = 'x = 1'
"quoted key" = { a = 1, b = { c = [1,
  2, { d = 3 }] } }
long = """
[fake]
key = 1
"""
raw = \'\'\'
"""
[fake2]\'\'\'
last = 1
[ a . "b c" ]
x.y.z = 2024-01-01 07:32:00
list = [  # [no]
  "one", "two", # three = 3
  [ "four",
    5 ],
]
[[items]]
n = 1
  [items.more]
  n = 2
[[items]]
n = 3
[[items.deep]]
n = 4
[[items.deep]]
n = 5
'''


def test_lines_of_everything():
    """Tables, keys, list elements and what is in inline tables have their lines."""
    lines = lines_of(TEXT)
    expected = {
        ("title",): 2,
        ("owner",): 3,
        ("owner", "name"): 4,
        ("owner", "quoted key"): 5,
        ("owner", "quoted key", "a"): 5,
        ("owner", "quoted key", "b", "c"): 5,
        ("owner", "quoted key", "b", "c", 1): 6,
        ("owner", "quoted key", "b", "c", 2, "d"): 6,
        ("owner", "long"): 7,
        ("owner", "raw"): 11,
        ("owner", "last"): 14,
        ("a", "b c"): 15,
        ("a", "b c", "x"): 16,
        ("a", "b c", "x", "y", "z"): 16,
        ("a", "b c", "list"): 17,
        ("a", "b c", "list", 0): 18,
        ("a", "b c", "list", 1): 18,
        ("a", "b c", "list", 2): 19,
        ("a", "b c", "list", 2, 1): 20,
        ("items",): 22,
        ("items", 0): 22,
        ("items", 0, "n"): 23,
        ("items", 0, "more"): 24,
        ("items", 0, "more", "n"): 25,
        ("items", 1): 26,
        ("items", 1, "n"): 27,
        ("items", 1, "deep", 0, "n"): 29,
        ("items", 1, "deep", 1): 30,
        ("items", 1, "deep", 1, "n"): 31,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("fake",) not in lines
    assert ("fake2",) not in lines


def paths(value, path=()):
    """Every path of what tomllib has read."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in pairs:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from paths(one, (*path, key))


def test_every_path_of_a_file_has_a_line():
    """What tomllib knows by name is known by line."""
    assert set(paths(tomllib.loads(TEXT))) <= set(lines_of(TEXT))


def written(rng):
    """A random TOML text, and the line of every key and element in it, by its own account."""
    rows, lines = [], {}
    pending = []  # ends of lines within the value that is being written

    def key():
        word = "".join(rng.choices("abkxyz_-9", k=rng.randint(1, 6))) + str(len(rows))
        return word, word if rng.random() < 0.6 else f'"{word}"'

    def value(path, depth):
        kind = rng.randrange(7 if depth < 3 else 4)
        here = len(rows) + 1
        if kind == 0:
            return str(rng.randint(-9, 9))
        if kind == 1:
            return rng.choice(['"a # b = [1] \\" \\\\"', "'[x] = {'", "true", "1e3", "07:32:00"])
        if kind == 2:
            inside = rng.choices(["[t]\n", "k = 1\n", '\\"\n'], k=rng.randint(0, 2))
            pending.append(len(inside))
            return f'"""{"".join(inside)}"""'
        if kind == 3:
            return "[]"
        if kind in (4, 5):
            items = []
            for number in range(rng.randint(1, 3)):
                broke = rng.random() < 0.4
                if broke:
                    pending.append(1)
                lines[(*path, number)] = here + sum(pending)
                before = rng.choice(["# [c]\n", "\n"]) if broke else " "
                items.append(before + value((*path, number), depth + 1))
            return "[" + ",".join(items) + "]"
        items = []
        for number in range(rng.randint(1, 2)):
            word = f"i{number}"
            lines[(*path, word)] = here + sum(pending)
            items.append(f" {word} = " + value((*path, word), depth + 1))
        return "{" + ",".join(items) + " }"

    table = ()
    counts = {}
    for _ in range(rng.randint(3, 12)):
        pending.clear()
        if rng.random() < 0.3:
            word, shown = key()
            table = (word,)
            lines[table] = len(rows) + 1
            rows.append(f"[{shown}]  # [z]")
        elif rng.random() < 0.2:
            name = rng.choice(["many", "more"])
            number = counts[name] = counts.get(name, -1) + 1
            table = (name, number)
            lines[table] = len(rows) + 1
            rows.append(f"[[ {name} ]]")
        else:
            word, shown = key()
            path = (*table, word)
            lines[path] = len(rows) + 1
            text = f"{shown} = {value(path, 0)}"
            rows.extend(text.split("\n"))
    return "\n".join(rows), lines


@pytest.mark.parametrize("seed", range(150))
def test_random_files(seed):
    """In a random file each key and element is found on the line where it was put."""
    text, lines = written(random.Random(seed))
    read = set(paths(tomllib.loads(text)))
    found = lines_of(text)
    assert read <= set(found)
    assert {path: found.get(path) for path in lines} == lines


@pytest.mark.parametrize("seed", range(200))
def test_garbage_is_skipped(seed):
    """Text that is not TOML raises nothing, and what is right after it is found."""
    rng = random.Random(seed)
    text = list(TEXT)
    for _ in range(rng.randint(1, 30)):
        text[rng.randrange(len(text))] = rng.choice("[]{}\"=.,\n\\#'x")
    lines_of("".join(text))
    rubbish = "".join(rng.choices("[]{}=.,\\ #x\n", k=40))
    assert lines_of(f"{rubbish}\n[sound]\nkey = 1")[("sound", "key")] == rubbish.count("\n") + 3


def test_the_nearest_line():
    """A path that has no line of its own has that of what is round it, at last line 1."""
    lines = {("a",): 4, ("a", "b"): 5}
    assert [nearest(lines, path) for path in [("a", "b", "c"), ("a", "x"), ("z",), ()]] == [
        5,
        4,
        1,
        1,
    ]


def test_very_deep_lists_end():
    """Lists within lists beyond all reason are given up, not followed."""
    assert lines_of("a = " + "[" * 100_000)[("a",)] == 1
