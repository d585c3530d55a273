"""The log: bounded for each origin, and exact about what it has let go of."""

from hypothesis import given
from hypothesis import strategies as st

from kamesh.components.coupling.log import MOST_JUMPS, Entry, Jump, Log, at_least

ORIGINS = st.lists(st.sampled_from("abc"), max_size=60)


@given(ORIGINS, st.integers(1, 5))
def test_floor_and_records_are_everything(origins, size):
    """Of each origin the last `size` are here, in the order of all; `floor` is what was before."""
    log, vector = Log(size), {}
    for origin in origins:
        vector[origin] = vector.get(origin, 0) + 1
        log.append(Entry(origin, vector[origin], None))
    for origin, count in vector.items():
        here = [one.seq for one in log if one.origin == origin]
        assert here == list(range(max(1, count - size + 1), count + 1))
        assert log.floor.get(origin, 0) == count - len(here)
    assert log.covers(log.floor)
    assert not any(log.covers({**log.floor, origin: n - 1}) for origin, n in log.floor.items())
    held = [position for position in range(log.head) if log.at(position) is not None]
    assert [log.at(position) for position in held] == list(log)
    assert held[:1] == ([log.base] if held else [])


def test_gaps_are_passed():
    """Behind a position that is not held any more comes the next that is."""
    log = Log(1)
    for seq in range(1, 6):
        log.append(Entry("a", seq, None))
    assert (log.at(0), log.after(0), log.base, log.head) == (None, 4, 4, 5)
    assert log.after(5) == 5


def test_jumps_are_few_and_origins_can_be_dropped():
    """Snapshots are held up to a number; what is dropped is in the floor."""
    log = Log(10)
    for count in range(1, MOST_JUMPS + 3):
        log.append(Jump({"b": count}, {}, 0, None))
    log.append(Entry("a", 1, None))
    assert len(log) == MOST_JUMPS + 1
    assert log.floor == {"b": 2}
    assert log.origins == ["a"]
    log.drop("a")
    assert log.floor == {"a": 1, "b": 2}
    log.restart({"c": 3})
    assert (len(log), log.floor, log.base) == (0, {"c": 3}, log.head)


def test_vectors():
    """What is not in a vector counts as none."""
    assert at_least({"a": 2}, {"a": 2, "b": 0})
    assert not at_least({"a": 2}, {"b": 1})
