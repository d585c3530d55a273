"""Limits and liveness: figures that contradict each other are refused, formulas are tables."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from kamesh.link import Health, LinkLimits
from kamesh.link.liveness import Liveness, Step, healed, health_of, raised, stretched

LIMITS = LinkLimits()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"window_messages": 0}, "window_messages must be above 0"),
        ({"dead_seconds": -1.0}, "dead_seconds must be above 0"),
        ({"suspect_seconds": 6.0}, "ping_seconds < suspect_seconds < dead_seconds"),
        ({"ping_seconds": 2.0}, "ping_seconds < suspect_seconds < dead_seconds"),
        ({"header_bytes": 1000}, "header_bytes must be at least"),
        ({"frames": 10}, "frames must be at least"),
        ({"pace_seconds": 0.8}, "pace_seconds must be at most"),
        ({"ack_fraction": 1}, "ack_fraction must be at least 2"),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], why: str) -> None:
    """A bad figure is a sentence at once, not a stall later."""
    with pytest.raises(ValueError, match=why):
        LinkLimits(**change)


def test_presets_differ_where_they_must() -> None:
    """Local favours large buffers, wan patience; lan is the default."""
    local, lan, wan = LinkLimits.local(), LinkLimits.lan(), LinkLimits.wan()
    assert lan == LinkLimits()
    assert local.window_bytes > lan.window_bytes
    assert wan.dead_seconds > lan.dead_seconds
    assert wan.message_bytes < lan.message_bytes
    assert LinkLimits(ack_seconds=0).ack_seconds == 0
    for name in ("largest_message", "header_bytes", "frames", "records"):
        assert len({getattr(limits, name) for limits in (local, lan, wan)}) == 1, name


def test_every_field_is_explained() -> None:
    """Each figure is followed by its formula and which way to turn it."""
    source = inspect.getsource(LinkLimits)
    for field in fields(LinkLimits):
        after = source.split(f"    {field.name}: ", 1)[1].split("\n", 2)[1]
        assert after.strip().startswith('"""'), field.name


@pytest.mark.parametrize(
    ("silence", "score", "expected"),
    [
        (0.0, 0, Health.ALIVE),
        (1.49, 0, Health.ALIVE),
        (1.5, 0, Health.SUSPECT),
        (4.99, 0, Health.SUSPECT),
        (5.0, 0, Health.DEAD),
        (1.5, 1, Health.ALIVE),
        (3.0, 1, Health.SUSPECT),
        (9.99, 1, Health.SUSPECT),
        (10.0, 1, Health.DEAD),
        (11.9, 7, Health.ALIVE),
        (40.0, 7, Health.DEAD),
    ],
)
def test_what_silence_means(silence: float, score: int, expected: Health) -> None:
    """Suspect at 1.5 s, dead at 5 s, both up to eight times later when we are unwell ourselves."""
    assert health_of(100.0, 100.0 + silence, score, LIMITS) is expected


@pytest.mark.parametrize(
    ("score", "lateness", "expected"),
    [(0, 0.1, 0), (0, 0.2, 1), (0, 0.5, 2), (3, 0.4, 5), (0, 60.0, 7), (7, 0.2, 7)],
)
def test_lateness_raises_the_score(score: int, lateness: float, expected: int) -> None:
    """One for each late_seconds, never above stretch - 1."""
    assert raised(score, lateness, LIMITS) == expected
    assert stretched(1.5, expected) <= 1.5 * LIMITS.stretch


def test_time_heals_the_score() -> None:
    """One less for each ping_seconds on time, never below nothing."""
    assert [healed(3, seconds, LIMITS) for seconds in (0.0, 0.49, 0.5, 1.2, 60.0)] == [
        3, 3, 2, 1, 0,
    ]  # fmt: skip


def run(liveness: Liveness, until: float, now: float = 0.0) -> list[tuple[float, Step]]:
    """Tick at every deadline up to `until`; return what was due and when."""
    steps: list[tuple[float, Step]] = []
    while (deadline := liveness.deadline()) is not None and deadline <= until:
        now = max(now, deadline)
        steps += [(round(now, 6), due) for due in liveness.tick(now)]
    return steps


def test_silence_is_asked_then_suspected_then_called_dead() -> None:
    """A ping every half second, suspicion at 1.5 s, death at 5 s, and nothing after it."""
    liveness = Liveness(LIMITS)
    assert liveness.deadline() is None
    assert liveness.tick(1000.0) == []
    liveness.begin(0.0)
    steps = run(liveness, 100.0)
    assert [at for at, due in steps if due is Step.PING] == [0.5 * n for n in range(1, 10)]
    assert [(at, due) for at, due in steps if due is not Step.PING] == [
        (1.5, Step.SUSPECT),
        (5.0, Step.DEAD),
    ]
    assert liveness.health is Health.DEAD
    assert liveness.deadline() is None


def test_a_sound_ends_the_suspicion() -> None:
    """Whatever is heard counts, and says so only when there was a suspicion."""
    liveness = Liveness(LIMITS)
    liveness.begin(0.0)
    assert liveness.heard(0.4) is False
    run(liveness, 2.0)
    thought = [liveness.health]
    assert liveness.heard(2.1) is True
    assert liveness.heard(2.2) is False
    thought.append(liveness.health)
    assert thought == [Health.SUSPECT, Health.ALIVE]


def test_a_busy_wire_is_never_asked() -> None:
    """While something is heard every 0.4 s there is no ping at all."""
    liveness = Liveness(LIMITS)
    liveness.begin(0.0)
    for n in range(1, 50):
        assert run(liveness, n * 0.4) == []
        liveness.heard(n * 0.4)


def test_nobody_is_asked_without_a_connection_but_the_silence_goes_on() -> None:
    """A peer that is cut off is suspected and called dead like any other."""
    liveness = Liveness(LIMITS)
    liveness.begin(0.0)
    liveness.heard(0.4)
    liveness.lost()
    assert run(liveness, 100.0) == [(1.9, Step.SUSPECT), (5.4, Step.DEAD)]
    assert liveness.begin(50.0) is True
    assert liveness.health is Health.ALIVE


@pytest.mark.parametrize("pause", [0.3, 2.0, 4.9, 5.0, 60.0, 3600.0])
@pytest.mark.parametrize("first", ["tick", "heard"])
def test_our_own_pause_is_never_held_against_the_peer(pause: float, first: str) -> None:
    """After a pause of ours, however long, nobody is suspected, and patience is longer."""
    liveness = Liveness(LIMITS)
    liveness.begin(0.0)
    now = 0.5 + pause
    if first == "tick":
        assert liveness.tick(now) in ([], [Step.PING])
    else:
        assert liveness.heard(now) is False
    assert liveness.health is Health.ALIVE
    assert liveness.score == raised(0, pause, LIMITS)
    suspected = [at for at, due in run(liveness, now + 100, now) if due is Step.SUSPECT]
    assert suspected[0] - now > 0.9
    assert suspected[0] - now <= 1.5 + 7 * LIMITS.ping_seconds


def test_a_hung_peer_is_found_within_three_seconds_though_we_paused_long_ago() -> None:
    """The score heals with time, so that old trouble of ours does not protect a dead peer."""
    liveness = Liveness(LIMITS)
    liveness.begin(0.0)
    liveness.tick(30.0)
    assert liveness.score == 7
    now = 30.0
    while now < 60.0:
        now += 0.1
        liveness.heard(now)
    found = [(at, due) for at, due in run(liveness, 200.0, now) if due is not Step.PING]
    assert found[0] == (round(now + 1.5, 6), Step.SUSPECT)


def test_a_deadline_that_is_kept_exactly_is_never_in_vain() -> None:
    """Ticking at the very deadline always does something or moves it: no shell spins."""
    liveness = Liveness(LIMITS)
    for start in (0.1, 1e3 + 1 / 3, 1e6 + 0.7, 1e9 + 1 / 7):
        liveness.begin(start)
        for _ in range(30):
            deadline = liveness.deadline()
            if deadline is None:
                break
            due = liveness.tick(deadline)
            after = liveness.deadline()
            assert due or after is None or after > deadline
