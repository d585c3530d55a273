"""MediaClock and Sync: everything at its time, in step, whatever comes late, early or not at all."""

from fractions import Fraction
from math import inf
from random import Random

import pytest
from films import grey, keeps_promises, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import Component, ComponentFailed, Graphline
from kamesh.components.media import Sync
from kamesh.components.media.core.clock import MediaClock
from kamesh.components.media.core.instep import AUDIO, VIDEO, InStep, Move
from kamesh.components.refusing import WrongFigure
from kamesh.testing import run

# the clock


def test_a_clock_says_when_what_bears_a_time_is_due():
    """From where it was started, in a straight line."""
    clock = MediaClock()
    assert (clock.started, clock.due(5), clock.time(99)) == (False, inf, 0)
    clock.start(Fraction(10), now=100.0)
    assert (clock.due(Fraction(10)), clock.due(Fraction(25, 2)), clock.due(9)) == (100.0, 102.5, 99.0)
    assert clock.time(102.5) == 12.5


def test_while_it_is_held_nothing_is_due():
    """And afterwards all is as much later as it was held."""
    clock = MediaClock()
    clock.start(0, now=0.0)
    clock.hold(4.0)
    clock.hold(5.0)
    assert (clock.held, clock.due(10), clock.time(7.0)) == (True, inf, 4.0)
    clock.go_on(9.0)
    assert (clock.held, clock.due(10), clock.time(9.0)) == (False, 15.0, 4.0)


def test_its_rate_may_change_without_a_jump():
    """Twice as fast from where it is."""
    clock = MediaClock()
    clock.start(0, now=0.0)
    clock.set_rate(2.0, now=10.0)
    assert (clock.rate, clock.time(10.0), clock.due(30), clock.time(15.0)) == (2.0, 10.0, 20.0, 20.0)
    with pytest.raises(ValueError, match="more than 0"):
        MediaClock(0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-1000, 1000), st.floats(0.1, 10), st.floats(-100, 100))
def test_due_and_time_are_each_other_s_inverse(at, rate, later):
    """At any rate."""
    clock = MediaClock(rate)
    clock.start(at, now=50.0)
    assert clock.time(clock.due(at + later)) == pytest.approx(at + later, abs=1e-6)


@pytest.mark.parametrize("drift", [0.0, 50e-6, -300e-6, 0.002])
def test_it_is_drawn_to_a_device_whose_reports_jitter(drift):
    """Within two milliseconds after two minutes, its drift known to 100 ppm; no jump on the way."""
    clock, chance = MediaClock(), Random(7)
    clock.start(0, now=0.0)
    clock.follow(0.0, 0.0)
    before, steps = 0.0, []
    for n in range(1, 6000):
        now = n * 0.02
        clock.follow(now * (1 + drift) + chance.uniform(-0.005, 0.005), now)
        steps.append(clock.time(now + 0.02) - before)
        before = clock.time(now + 0.02)
    assert clock.time(120.0) == pytest.approx(120.0 * (1 + drift), abs=0.002)
    assert clock.drift == pytest.approx(drift, abs=1e-4)
    assert all(0.015 < step < 0.025 for step in steps[1:])
    assert clock.steps == 0


def test_a_device_that_is_far_off_moves_it_at_once():
    """As after it ran dry; that is counted."""
    clock = MediaClock()
    clock.start(0, now=0.0)
    clock.follow(0.0, 0.0)
    clock.follow(3.0, 5.0)
    assert (clock.time(5.0), clock.steps) == (3.0, 1)


# what is next


def test_it_begins_when_both_have_shown_themselves_or_have_had_the_time():
    """Two seconds here."""
    step = InStep(delay=0.1, late=0.1, wait=2.0, after_gap="skip")
    assert step.next((None, None), (True, True), 0.0) == Move("wait")
    assert step.next((Fraction(5), None), (False, True), 1.0) == Move("wait", until=3.0)
    assert step.next((Fraction(5), Fraction(4)), (False, False), 1.5) == Move("wait", until=1.6)
    assert step.next((Fraction(5), Fraction(4)), (False, False), 1.6) == Move("send", AUDIO)
    alone = InStep(delay=0.1, late=0.1, wait=2.0, after_gap="skip")
    alone.next((Fraction(5), None), (False, True), 1.0)
    assert alone.next((Fraction(5), None), (False, True), 3.0) == Move("wait", until=3.1)


def test_of_what_is_due_at_one_time_sound_goes_first():
    """And what is due earlier before it."""
    step = InStep(0.0, 0.1, 2.0, "skip")
    assert step.next((Fraction(1), Fraction(1)), (False, False), 0.0) == Move("send", AUDIO)
    assert step.next((Fraction(1), Fraction(2)), (False, False), 0.0) == Move("send", VIDEO)
    assert step.next((Fraction(2), Fraction(2)), (False, False), 0.5) == Move("wait", until=1.0)


# the component


class Paced(Component):
    """Sends each frame when it says: `times`, or as soon as there is room."""

    def __init__(self, frames, times=None):
        self.frames, self.times = frames, times

    def main(self):
        for number, frame in enumerate(self.frames):
            while self.times is not None and self.now() < self.times[number]:
                yield self.pause(self.times[number] - self.now())
            self.send(frame)
            yield


class When(Component):
    """Notes when each frame came, and the time it bears."""

    def __init__(self):
        self.seen = []

    def main(self):
        while not self.stopping():
            for frame in self.inbox:
                self.seen.append((self.now(), float(frame.pts * frame.time_base)))
            yield self.pause()


def in_step(sync, pictures=None, sounds=None, **others):
    """Run a Sync; give when each picture and each piece of sound came, with the time it bears."""
    seen, heard = When(), When()
    linkages = {("SYNC", "outbox"): ("SEEN", "inbox"), ("SYNC", "sound"): ("HEARD", "inbox")}
    parts = {"SYNC": sync, "SEEN": seen, "HEARD": heard}
    sources = {"inbox": pictures, "audio": sounds, **others}
    for box, source in sources.items():
        if source is not None:
            parts[f"FEED_{box}"] = source
            linkages[f"FEED_{box}", "outbox"] = ("SYNC", box)
    run(Graphline(**parts, linkages=linkages))
    return seen.seen, heard.seen


def pictures(count, first=0):
    """Make pictures at 25 a second."""
    return [grey(n) for n in range(first, first + count)]


def sounds(count, first=0):
    """Make pieces of sound of 10 ms."""
    return [tone(n) for n in range(first, first + count)]


def delays(came):
    """Give, of each frame, how much later it came than it bears."""
    return [when - time for when, time in came]


def test_each_leaves_at_its_time():
    """All are offered at once; each comes out when it is due, to the microsecond."""
    sync = Sync(delay=0.1)
    seen, heard = in_step(sync, Paced(pictures(50)), Paced(sounds(200)))
    assert delays(seen) == pytest.approx([0.1] * 50, abs=2e-6)
    assert delays(heard) == pytest.approx([0.1] * 200, abs=2e-6)
    assert sync.details()["worst_skew"] <= 2e-6


def test_jitter_up_to_the_delay_is_not_seen():
    """Frames that come up to 90 ms late leave at their time all the same."""
    chance = Random(3)
    late = [n / 25 + chance.uniform(0, 0.09) for n in range(100)]
    later = [n / 100 + chance.uniform(0, 0.09) for n in range(400)]
    late[0] = later[0] = 0.0
    sync = Sync(delay=0.1)
    seen, heard = in_step(sync, Paced(pictures(100), late), Paced(sounds(400), later))
    assert delays(seen) == pytest.approx([0.1] * 100, abs=2e-6)
    assert delays(heard) == pytest.approx([0.1] * 400, abs=2e-6)
    assert sync.details()["pictures_dropped"] == sync.details()["sounds_dropped"] == 0


def test_a_stream_that_is_slow_to_start_is_waited_for():
    """Sound comes 0.7 s after the pictures: nothing is lost, and both are in step."""
    sync = Sync()
    seen, heard = in_step(sync, Paced(pictures(50)), Paced(sounds(200), [0.7 + n / 100 for n in range(200)]))
    assert delays(seen) == pytest.approx([0.8] * 50, abs=2e-6)
    assert delays(heard) == pytest.approx([0.8] * 200, abs=2e-6)


def test_a_stream_that_never_comes_is_waited_for_no_longer_than_said():
    """Then the other begins alone."""

    class Silent(Component):
        def main(self):
            yield self.pause(60)

    seen, _ = in_step(Sync(wait=1.5), Paced(pictures(5)), Silent())
    assert delays(seen) == pytest.approx([1.6] * 5, abs=2e-6)


def test_a_picture_that_is_too_late_is_dropped_and_counted():
    """Sound goes on; the pictures after it are in time again."""
    times = [n / 25 for n in range(50)]
    times[20:25] = [1.3] * 5
    sync = Sync(delay=0.1, late=0.1)
    seen, heard = in_step(sync, Paced(pictures(50), times), Paced(sounds(200), [n / 100 for n in range(200)]))
    missing = sorted({n / 25 for n in range(50)} - {time for _, time in seen})
    assert missing == [n / 25 for n in range(20, 28)]  # due at 0.9 to 1.18, and here at 1.3
    assert sync.details()["pictures_dropped"] == 8
    assert len(heard) == 200
    assert max(delays(seen)) <= 0.2 + 2e-6


@pytest.mark.parametrize("after", ["skip", "wait"])
def test_after_a_gap_sound_is_skipped_or_waited_for(after):
    """The source stalls for two seconds: what is past is left out, or all is later by as much."""
    picture_times = [n / 25 + (2.0 if n >= 25 else 0) for n in range(100)]
    sound_times = [n / 100 + (2.0 if n >= 100 else 0) for n in range(400)]
    sync = Sync(delay=0.1, late=0.1, after_gap=after)
    catching_up = after == "skip"
    if catching_up:  # what was held up comes at once
        picture_times = [max(n / 25, 3.0 if n >= 25 else 0) for n in range(100)]
        sound_times = [max(n / 100, 3.0 if n >= 100 else 0) for n in range(400)]
    seen, heard = in_step(sync, Paced(pictures(100), picture_times), Paced(sounds(400), sound_times))
    details = sync.details()
    if catching_up:
        assert delays(heard)[-1] == pytest.approx(0.1, abs=2e-6)
        assert details["sounds_dropped"] == pytest.approx(180, abs=3)
        assert details["beginnings"] == 1
    else:
        assert len(heard) == 400
        assert delays(heard)[-1] == pytest.approx(2.1, abs=2e-3)
        assert details["sounds_dropped"] == 0
    assert delays(seen)[-1] == pytest.approx(delays(heard)[-1], abs=2e-6)
    assert abs(details["skew"]) <= 2e-6


def test_a_source_that_stays_late_is_followed_in_the_end():
    """Nothing is dropped for more than a second on end."""
    times = [n / 25 + (5.0 if n >= 10 else 0) for n in range(100)]
    sync = Sync()
    seen, _ = in_step(sync, Paced(pictures(100), times))
    assert sync.details()["beginnings"] == 2
    assert 24 <= sync.details()["pictures_dropped"] <= 27
    assert delays(seen)[-1] == pytest.approx(5.1, abs=0.1)


def test_pictures_that_are_always_late_are_shown_now_and_then():
    """One a second, as sound is in time and leads."""
    sync = Sync()
    seen, heard = in_step(
        sync,
        Paced(pictures(100), [n / 25 + (0.5 if n >= 5 else 0) for n in range(100)]),
        Paced(sounds(400), [n / 100 for n in range(400)]),
    )
    assert (len(heard), sync.details()["beginnings"]) == (400, 1)
    assert 2 <= sync.details()["shown_late"] <= 4
    assert len(seen) == 5 + sync.details()["shown_late"]


def test_a_source_that_begins_anew_goes_on_in_step():
    """Its times begin at 0 again, for both streams, twice."""
    seen, heard = in_step(Sync(), Paced(pictures(25) * 3), Paced(sounds(100) * 3))
    assert [when for when, _ in seen] == pytest.approx([0.1 + n / 25 for n in range(75)], abs=2e-6)
    assert [when for when, _ in heard] == pytest.approx([0.1 + n / 100 for n in range(300)], abs=2e-6)


def test_a_leap_of_an_hour_is_not_waited_for():
    """Where both streams make it."""
    seen, heard = in_step(
        Sync(), Paced(pictures(25) + pictures(25, 90_000)), Paced(sounds(100) + sounds(100, 360_000))
    )
    assert (len(seen), len(heard)) == (50, 200)
    assert seen[-1][0] < 2.5
    assert seen[-1][0] - seen[-1][1] == pytest.approx(heard[-1][0] - heard[-1][1], abs=2e-6)


def test_it_stands_still_while_it_is_held():
    """All that follows is as much later."""
    seen, _ = in_step(Sync(), Paced(pictures(50)), hold=Paced([True, False], [1.0, 4.0]))
    whens = [when for when, _ in seen]
    assert not [when for when in whens if 1.0 < when < 4.0]
    assert whens[-1] == pytest.approx(0.1 + 49 / 25 + 3.0, abs=1e-5)


class Loudspeaker(Component):
    """Plays sound by a clock of its own that is off by `drift`, once it holds 50 ms; says how far it is."""

    def __init__(self, drift):
        self.drift, self.dry, self.most = drift, 0, 0.0

    def main(self):
        held = got = 0.0
        before = None
        while not (self.stopping() and held <= 0):
            now = self.now()
            if before is not None:
                played = (now - before) * (1 + self.drift)
                self.dry += held < played - 1e-9 and got < 59.9
                held = max(0.0, held - played)
                self.send(got - held)
            for frame in self.inbox:
                held += 0.01
                got = float(frame.pts * frame.time_base) + 0.01
            before = None if before is None and held < 0.05 else now
            self.most = max(self.most, held)
            yield self.pause(0.02)


@pytest.mark.parametrize("drift", [-0.003, 0.003])
def test_pictures_follow_the_sound_device(drift):
    """A device three permille off: after a minute the pictures are where the sound is; it never runs dry."""
    sync, device, seen = Sync(delay=0.2), Loudspeaker(drift), When()
    run(Graphline(
        P=Paced(pictures(1500)), A=Paced(sounds(6000)), SYNC=sync, DEVICE=device, SEEN=seen,
        linkages={
            ("P", "outbox"): ("SYNC", "inbox"), ("A", "outbox"): ("SYNC", "audio"),
            ("SYNC", "outbox"): ("SEEN", "inbox"), ("SYNC", "sound"): ("DEVICE", "inbox"),
            ("DEVICE", "outbox"): ("SYNC", "played"),
        },
    ))  # fmt: skip
    whole = seen.seen[-1][0] - seen.seen[250][0]
    assert whole * (1 + drift) == pytest.approx(49.96, abs=0.03)
    assert sync.details()["drift"] == pytest.approx(drift, abs=3e-4)
    assert device.dry == 0
    assert device.most < 0.4


# how it ends, and what is refused


@pytest.mark.parametrize(
    ("inbox", "outbox", "frames"), [("inbox", "outbox", pictures(4)), ("audio", "sound", sounds(4))]
)
def test_a_sync_ends_and_waits_as_every_component(inbox, outbox, frames):
    """With its streams, when told to, and behind a reader that does not read."""
    assert len(keeps_promises(Sync, frames, inbox=inbox, outbox=outbox)) == 4


@pytest.mark.parametrize("words", [{"delay": -1}, {"late": -1}, {"wait": inf}, {"after_gap": "stop"}])
def test_what_cannot_be_meant_is_refused_at_once(words):
    """In words."""
    with pytest.raises(WrongFigure):
        Sync(**words)


def test_what_does_not_belong_is_refused():
    """Sound among the pictures, pictures among the sound, and a picture without a time."""
    untimed = grey(0)
    untimed.pts = None
    for box, frame, why in (
        ("inbox", tone(0), "av.VideoFrame on its inbox"),
        ("audio", grey(0), "av.AudioFrame on its box"),
        ("inbox", untimed, "bears none"),
    ):
        with pytest.raises(ComponentFailed, match=why):
            run(Sync(), {box: [frame]})
