"""Promises of the merge rule and of the directory it fills."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh.membership.directory import Directory, Outcome, adds, holder, merged
from kamesh.membership.member import Member, Part, State, verdict

RUN = b"a" * 16
OTHER = b"b" * 16


def record(revision: int, state: State, declared: int, address: str = "tcp://h:1") -> Member:
    """Make a record of one run."""
    if declared < 0:
        return verdict("n", RUN, revision, state)
    return Member("n", RUN, revision, state, 5, (address,), declared=min(declared, revision))


RECORDS = st.builds(
    record,
    st.integers(0, 4),
    st.sampled_from(State),
    st.integers(-1, 4),
    st.sampled_from(["tcp://h:1", "tcp://h:2"]),
)


@settings(derandomize=True, max_examples=300)
@given(RECORDS, RECORDS, RECORDS)
def test_merging_is_commutative_associative_and_idempotent(a: Member, b: Member, c: Member) -> None:
    """Whatever order news arrives in, however often, the belief is the same."""
    assert merged(a, b) == merged(b, a)
    assert merged(a, merged(b, c)) == merged(merged(a, b), c)
    assert merged(a, a) == a


@settings(derandomize=True, max_examples=300)
@given(RECORDS, RECORDS)
def test_adds_says_whether_merging_changes_anything(a: Member, b: Member) -> None:
    """The cheap question has the answer the merge would give."""
    assert adds(a, b) == (merged(a, b) != a)


@pytest.mark.parametrize(
    ("ours", "theirs", "believed"),
    [
        ((3, State.ALIVE), (3, State.SUSPECT), (3, State.SUSPECT)),
        ((3, State.SUSPECT), (4, State.ALIVE), (4, State.ALIVE)),
        ((3, State.SUSPECT), (2, State.DEAD), (3, State.SUSPECT)),
        ((3, State.DEAD), (4, State.ALIVE), (4, State.ALIVE)),
        ((3, State.DEAD), (3, State.LEFT), (3, State.LEFT)),
        ((3, State.ALIVE), (3, State.ALIVE), (3, State.ALIVE)),
    ],
)
def test_the_table_of_judgements(
    ours: tuple[int, State], theirs: tuple[int, State], believed: tuple[int, State]
) -> None:
    """The higher revision decides; at one revision the worse judgement; only the run recovers."""
    both = merged(record(*ours, 0), record(*theirs, -1))
    assert (both.revision, both.state) == believed


def test_the_latest_facts_survive_a_judgement_that_came_first() -> None:
    """A judgement heard before the facts is kept, and joined to them when they come."""
    facts = record(7, State.ALIVE, 7)
    both = merged(record(7, State.DEAD, -1), facts)
    assert both.state is State.DEAD
    assert both.addresses == facts.addresses


def run(incarnation: bytes, since: int, state: State = State.ALIVE) -> Member:
    """Make one of several runs of a name."""
    return Member("n", incarnation, state=state, since=since)


def test_the_elder_of_two_live_runs_holds_the_name() -> None:
    """Among the living the eldest; a suspect yields to one alive; of the ended the last."""
    old, new = run(RUN, 1), run(OTHER, 2)
    assert holder((new, old)) == old
    assert holder((old.judged(State.SUSPECT), new)) == new
    assert holder((old.judged(State.DEAD), new.judged(State.DEAD))) == new.judged(State.DEAD)
    assert holder((verdict("n", RUN, 1, State.ALIVE),)) is None


def test_the_directory_ends_the_same_in_every_order() -> None:
    """All orders of the same news give the same members and the same fingerprint."""
    news = [
        run(RUN, 1),
        run(OTHER, 2),
        verdict("n", RUN, 0, State.DEAD),
        Member("m", RUN, parts=(Part("C"),)),
    ]
    ends = []
    for order in permutations(news):
        directory = Directory(most_names=8, most_runs=4)
        for item in order:
            directory.merge(item)
        ends.append((dict(directory.members), directory.fingerprint, directory.locate("C")))
    assert all(end == ends[0] for end in ends)
    assert ends[0][0]["n"].incarnation == OTHER
    assert ends[0][2] == "m"


def test_components_are_located_while_their_node_lives() -> None:
    """A component is found where it is hosted, moves with its node's word, and dies with it."""
    directory = Directory(most_names=8, most_runs=4)
    directory.merge(Member("a", RUN, parts=(Part("X"), Part("Y"))))
    directory.merge(Member("b", RUN, parts=(Part("Y"),)))
    assert (directory.locate("X"), directory.locate("Y"), directory.locate("Z")) == ("a", "a", None)
    directory.merge(Member("a", RUN, 1, parts=(Part("Z"),), declared=1))
    assert (directory.locate("X"), directory.locate("Y"), directory.locate("Z")) == (None, "b", "a")
    directory.merge(verdict("a", RUN, 1, State.DEAD))
    assert directory.locate("Z") is None
    assert directory.present == {"b"}


def test_names_and_runs_are_bounded() -> None:
    """A full directory refuses a newcomer, unless one of the dead can make room; so do the runs."""
    directory = Directory(most_names=2, most_runs=2)
    for name in ("a", "b"):
        directory.merge(Member(name, RUN))
    assert directory.merge(Member("c", RUN)) is Outcome.FULL
    directory.merge(verdict("a", RUN, 0, State.DEAD))
    assert directory.merge(Member("c", RUN)) is Outcome.NEWS
    assert set(directory.members) == {"b", "c"}
    assert directory.merge(Member("b", OTHER, since=1)) is Outcome.NEWS
    assert directory.merge(Member("b", b"c" * 16, since=2)) is Outcome.FULL
    assert len(directory.runs("b")) == 2
