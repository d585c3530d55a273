"""Mix: what comes out is the sum of what came in, sample for sample, however and whenever it came."""

import asyncio
from fractions import Fraction

import av
import numpy as np
import pytest
from films import keeps_promises, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import Component, ComponentFailed, Graphline, Pipeline
from kamesh.codec import decode, encode
from kamesh.components.media import Encode, GainError, Mix, SetGain
from kamesh.components.media.core.gains import GainMatrix
from kamesh.components.media.engine.lanes import LiveLane, TimedLane
from kamesh.components.media.engine.mixing import Limiter, mixed, spread
from kamesh.components.media.engine.samples import SampleReader, sound_frame
from kamesh.components.refusing import WrongFigure
from kamesh.errors import LinkageRefused, NameTaken
from kamesh.runtime import current_runtime, run_strand
from kamesh.testing import Collector, run, run_coroutine
from kamesh.wiring import link

RATE = 8000


def sound(values, place=0, rate=RATE, channels=1):
    """Make a piece of sound of whole numbers."""
    frame = av.AudioFrame.from_ndarray(
        np.repeat(np.array(values, np.int16), channels)[None, :], "s16", {1: "mono", 2: "stereo"}[channels]
    )
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), place
    return frame


def pieces(values, cuts, place=0):
    """Cut a sound into pieces of these lengths, and the rest."""
    found, at = [], 0
    for cut in [*cuts, len(values)]:
        if at < len(values) and cut:
            found.append(sound(values[at : at + cut], place + at))
            at += cut
    return found


def heard(frames):
    """Give all samples, one channel of whole numbers, with silence where there is a gap."""
    if not frames:
        return np.zeros(0, int), 0
    first = frames[0].pts
    last = frames[-1]
    whole = np.zeros(last.pts + last.samples - first, int)
    for frame in frames:
        whole[frame.pts - first : frame.pts - first + frame.samples] = frame.to_ndarray()[0]
    return whole, first


def mix(inputs=2, *args, **words):
    """Make a mix of one channel at 8 kHz."""
    return Mix(inputs, *args, **{"rate": RATE, "channels": 1, "block": 0.01, **words})


# sums

QUIET = st.lists(st.integers(-8000, 8000), min_size=1, max_size=400)
CUTS = st.lists(st.integers(1, 150), max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(QUIET, CUTS, st.integers(0, 300)), min_size=1, max_size=4))
def test_a_mix_is_the_sum_of_its_inputs_sample_for_sample(sounds):
    """Whatever their lengths, beginnings, and however they are cut into pieces."""
    part = mix(len(sounds))
    out = run(part, {
        str(n + 1): pieces(values, cuts, place) for n, (values, cuts, place) in enumerate(sounds)
    })["outbox"]  # fmt: skip
    first = min(place for _, _, place in sounds)
    last = max(place + len(values) for values, _, place in sounds)
    expected = np.zeros(last - first, int)
    for values, _, place in sounds:
        expected[place - first : place - first + len(values)] += values
    samples, start = heard(out)
    assert start == first
    assert samples.tolist() == expected.tolist()


@settings(max_examples=30, deadline=None)
@given(QUIET, QUIET, st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), min_size=4, max_size=4))
def test_each_output_has_gains_of_its_own(one, other, gains):
    """A matrix: two inputs, two outputs."""
    pairs = [("1", "hall"), ("2", "hall"), ("1", "radio"), ("2", "radio")]
    part = mix(2, ["hall", "radio"], gains=dict(zip(pairs, gains, strict=True)), format="flt")
    out = run(part, {"1": [sound(one)], "2": [sound(other)]})
    longest = max(len(one), len(other))
    a, b = (np.pad(np.array(each, np.float32), (0, longest - len(each))) for each in (one, other))
    for output, (first, second) in (("hall", gains[:2]), ("radio", gains[2:])):
        got = np.concatenate([frame.to_ndarray()[0] for frame in out[output]])
        assert (got * 32768).tolist() == (first * a + second * b).tolist()


def test_in_a_mix_minus_nobody_hears_himself():
    """Each output is all the others; an output for all may be beside them."""
    part = mix(["ann", "bob", "cy"], ["all"], mix_minus=True)
    out = run(part, {"ann": [sound([1] * 80)], "bob": [sound([20] * 80)], "cy": [sound([300] * 80)]})
    assert {box: set(heard(out[box])[0].tolist()) for box in ("to_ann", "to_bob", "to_cy", "all")} == {
        "to_ann": {320}, "to_bob": {301}, "to_cy": {21}, "all": {321},
    }  # fmt: skip


def test_inputs_of_any_form_are_brought_to_one():
    """44.1 kHz, one channel, planar floats: as loud, as long, and in place."""
    odd = [tone(n, 441, 44100, hertz=500, layout="mono", level=0.25) for n in range(100)]
    even = [tone(n, 480, 48000, hertz=500, level=0.25) for n in range(100)]
    floats = []
    for n in range(100):
        both = even[n].to_ndarray().reshape(-1, 2).T / np.float32(32768)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(both), "fltp", "stereo")
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), n * 480
        floats.append(frame)
    out = run(Mix(3), {"1": odd, "2": even, "3": floats})["outbox"]
    whole = np.concatenate([f.to_ndarray().reshape(-1, 2) for f in out]) / 32768
    assert len(whole) == pytest.approx(48000, abs=2)
    assert out[0].layout.name == "stereo"
    assert np.abs(whole[1000:47000]).max() == pytest.approx(0.75, abs=0.01)
    at = np.arange(1000, 47000)
    assert np.abs(whole[1000:47000, 0] - 0.75 * np.sin(2 * np.pi * 500 * at / 48000)).max() < 0.01


# loudness


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=60), min_size=1, max_size=8))
def test_nothing_is_ever_louder_than_full_scale(blocks):
    """And what need not be turned down is not touched, bit for bit."""
    limiter, given_out = Limiter(0.04), []
    loud = [np.array(block, np.float32)[:, None] for block in blocks]
    for block in loud:
        given_out += [out] if (out := limiter.push(block)) is not None else []
    given_out.append(limiter.finish())
    assert [len(out) for out in given_out] == [len(block) for block in loud]
    assert all(np.abs(out).max() <= 1 for out in given_out)
    if all(np.abs(block).max() <= 1 for block in loud):
        assert all((out == block).all() for out, block in zip(given_out, loud, strict=True))
        assert limiter.limited == 0


def test_the_limiter_turns_down_before_it_is_loud_and_comes_back_slowly():
    """In straight lines, without a step: the gain of neighbouring samples hardly differs."""
    limiter = Limiter(0.04)
    levels = [0.5, 0.5, 2.0, *[0.5] * 20]
    out = [limiter.push(np.full((100, 1), level, np.float32)) for level in levels] + [limiter.finish()]
    gains = np.concatenate([o[:, 0] / v for o, v in zip(out[1:], levels, strict=True)])
    assert gains[:100].min() == 1.0  # it knows one block ahead, no more
    assert gains[199] == 0.5
    assert gains[-1] == 1.0
    assert np.abs(np.diff(gains)).max() < 0.006


def test_a_mix_that_would_clip_is_limited_and_counted():
    """Two full-scale tones: nothing wraps round."""
    part = Mix(2)
    out = run(part, {box: [tone(n, level=1.0) for n in range(20)] for box in ("1", "2")})
    whole = np.concatenate([f.to_ndarray()[0] for f in out["outbox"]]).astype(int)
    wave = np.concatenate([tone(n, level=1.0).to_ndarray()[0] for n in range(20)]).astype(int)
    assert part.details()["limited"] > 0
    assert np.abs(whole - wave).max() <= 2


# gains


def test_requests_and_their_replies():
    """Kamaelia's lines, SetGains, and what makes no sense: one reply each, in order."""
    asked = [
        "SWITCH hall music OFF", "QUERY hall music", "query hall dj", "SWITCH hall music ON",
        "GAIN hall dj 0.5", SetGain("music", "hall", 0.25), "SWITCH hall dj ONLY", "QUERY hall music",
        "SWITCH hall dj UP", "SWITCH cellar dj ON", SetGain("voice", "hall", 1), SetGain("dj", "hall", 1e9),
        "GAIN hall dj loud", "", 7,
    ]  # fmt: skip
    replies = run(mix(["dj", "music"], ["hall"]), {"gains": asked})["replies"]
    assert replies[:8] == ["OK", "OFF", "ON", "OK", "OK", "OK", "OK", "OFF"]
    assert all(reply.startswith("FAIL ") for reply in replies[8:])
    assert "no output 'cellar': there are hall" in replies[9]
    assert "no input 'voice': there are dj, music" in replies[10]
    assert len(replies) == len(asked)


def test_switched_on_again_it_is_as_loud_as_it_was():
    """OFF and ON, and ONLY."""
    matrix = GainMatrix(["a", "b"], ["o"], {("a", "o"): 0.3})
    for line, rows in (
        ("SWITCH o a OFF", ((0.0, 1.0),)), ("SWITCH o a ON", ((0.3, 1.0),)),
        ("SWITCH o a ONLY", ((0.3, 0.0),)), ("SWITCH o b ON", ((0.3, 1.0),)),
    ):  # fmt: skip
        assert (matrix.obey(line), matrix.rows) == ("OK", rows)


def test_what_fails_changes_nothing():
    """Also the second half of a request."""
    matrix = GainMatrix(["a", "b"], ["to_a"], without={"to_a": "a"})
    assert matrix.obey("SWITCH to_a a ONLY").startswith("FAIL 'to_a' is the mix without 'a'")
    assert matrix.rows == ((0.0, 1.0),)


def test_a_gain_changes_in_a_straight_line_over_one_block():
    """So it does not click: no step is larger than a share of the change."""
    ones = np.ones((100, 2), np.float32)
    (ramp,) = mixed([ones], ((1.0,),), ((0.0,),), ones.shape)
    assert ramp[:, 0].tolist() == pytest.approx([1 - (n + 1) / 100 for n in range(100)])
    assert (ramp[:, 0] == ramp[:, 1]).all()


def test_a_change_in_mid_stream_is_heard_from_there_on():
    """Before it as it was, after it as asked, and in between a ramp."""

    class Later(Component):
        """Asks once the first quarter second has come."""

        def main(self):
            count = 0
            while not self.stopping():
                for frame in self.inbox:
                    count += frame.samples
                    if count == RATE // 4:
                        self.send(SetGain("1", "outbox", 0.0))
                yield self.pause()

    part, kept = mix(1), Collector()
    source = Source([sound([1000] * 80, n * 80) for n in range(100)])
    run(Graphline(S=source, L=Later(), M=part, K=kept, linkages={
        ("S", "outbox"): ("M", "1"), ("M", "outbox"): [("K", "inbox"), ("L", "inbox")],
        ("L", "outbox"): ("M", "gains"),
    }))  # fmt: skip
    whole, _ = heard(kept.messages)
    assert (whole[: RATE // 4] == 1000).all()
    assert (whole[RATE // 2 :] == 0).all()
    assert np.abs(np.diff(whole)).max() <= 13
    assert len(whole) == RATE


class Source(Component):
    """Sends frames by the clock: (when, frame), or at once."""

    def __init__(self, frames, times=None):
        self.frames, self.times = frames, times

    def main(self):
        for number, frame in enumerate(self.frames):
            while self.times is not None and self.now() < self.times[number]:
                yield self.pause(self.times[number] - self.now())
            self.send(frame)
            yield


def test_a_request_crosses_processes():
    """As it was."""
    there = encode([SetGain("dj", "hall", 0.5)])
    assert decode(there.payload, there.buffers) == [SetGain("dj", "hall", 0.5)]


# sources that come and go


def mixed_by_the_clock(part, **sources):
    """Run a mix with sources; give what came, and when."""
    kept = Collector()
    linkages = {(f"S{name}", "outbox"): ("MIX", name) for name in sources}
    linkages |= {("MIX", "outbox"): ("KEPT", "inbox")}
    run(Graphline(MIX=part, KEPT=kept, **{f"S{n}": s for n, s in sources.items()}, linkages=linkages))
    return heard(kept.messages)[0]


def live(value, count, start=0.0, pace=0.01, gap=None):
    """Make a source of one level; `gap` (n, seconds) holds up all from the n-th piece on."""
    times = [start + n * pace + (gap[1] if gap and n >= gap[0] else 0) for n in range(count)]
    return Source([sound([value] * 80, n * 80) for n in range(count)], times)


def test_one_that_is_fed_and_silent_is_waited_for_and_then_not():
    """For `patience` seconds; the others go on, and when it comes it is heard."""
    part = mix(2, patience=3.0)
    whole = mixed_by_the_clock(part, **{"1": live(100, 50), "2": live(7, 10, start=10.0)})
    assert part.details()["underruns"] == 1
    assert part.details()["moved"] == 1
    assert whole.tolist() == [100] * 4000 + [7] * 800


def test_by_the_clock_a_late_source_is_silence_and_no_more():
    """The other is whole; what was missing is counted; it is heard again when it comes."""
    part = mix(2, realtime=True)
    whole = mixed_by_the_clock(part, **{"1": live(100, 100), "2": live(7, 50, gap=(20, 0.3))})
    assert part.details()["underruns"] >= 1
    assert part.details()["dropped"] == 0
    assert set(whole.tolist()) <= {0, 7, 100, 107}
    assert (whole >= 100).sum() == 100 * 80
    assert ((whole == 7) | (whole == 107)).sum() == 50 * 80


def test_by_the_clock_no_more_than_the_latency_waits():
    """A source twice as fast as it should be: the oldest is dropped and counted, the delay is bounded."""
    part = mix(1, realtime=True, latency=0.1)
    numbers = Source([sound([n] * 80, n * 80) for n in range(200)], [n * 0.005 for n in range(200)])
    whole = mixed_by_the_clock(part, **{"1": numbers})
    dropped = part.details()["dropped"]
    assert dropped == pytest.approx(8000 - 800, abs=240)
    assert (whole > 0).sum() + dropped >= 200 * 80 - 80 - 80
    after_half_a_second = whole[int(0.5 * RATE)]
    assert after_half_a_second >= 100 - 20 - 3


def test_by_the_clock_a_block_leaves_each_block():
    """Also when nothing at all is fed: silence, at its pace."""
    times = []

    class When(Component):
        def main(self):
            while not self.stopping():
                for _ in self.inbox:
                    times.append(self.now())
                yield self.pause()

    run(Graphline(M=mix(2, realtime=True), S=live(5, 20), W=When(), linkages={
        ("S", "outbox"): ("M", "1"), ("M", "outbox"): ("W", "inbox")}))  # fmt: skip
    assert times[:10] == pytest.approx([0.02 + 0.01 * n for n in range(10)])


def test_a_gap_stays_and_a_long_one_is_not_mixed():
    """Two seconds of silence are there as samples; an hour is a step of the times."""
    out = run(mix(1), {"1": [sound([5] * 80, 0), sound([6] * 80, 2 * RATE), sound([7] * 80, 3600 * RATE)]})
    whole = out["outbox"]
    assert sum(frame.samples for frame in whole) == 2 * RATE + 80 + 80
    assert (whole[-1].pts, whole[-1].samples) == (3600 * RATE, 80)


def test_a_source_that_begins_anew_goes_on():
    """Its film loops: times begin at 0 again, and nothing is lost."""
    twice = [sound([5] * 800, 0), sound([5] * 800, 800)] * 2
    part = mix(2)
    out = run(part, {"1": twice, "2": [sound([1] * 3200)]})
    assert set(heard(out["outbox"])[0].tolist()) == {6}
    assert part.details()["moved"] == 1


def with_another(part, first, second, third, after):
    """Mix `first` and `second`, and `third` where the second was, linked `after` seconds; give all."""

    async def main():
        runtime, kept = current_runtime(), Collector()
        link(part.outbox, kept.inbox)
        for source, box in ((first, "1"), (second, "2")):
            link(source.outbox, part._inbox(box))
        for one in (kept, first, second):
            one._strand.start(runtime)
        running = asyncio.ensure_future(run_strand(part._strand))
        await asyncio.sleep(after)
        link(third.outbox, part._inbox("2"))
        third._strand.start(runtime)
        await running
        return heard(kept.messages)[0]

    return run_coroutine(main())


@pytest.mark.parametrize("realtime", [False, True])
def test_a_source_may_vanish_and_another_appear_in_its_place(realtime):
    """The first goes on without a step; the new one, with times from 0, is heard where the mix is."""
    part = mix(2, realtime=realtime)
    whole = with_another(part, live(100, 300), live(7, 50), live(9, 50, start=2.0), after=2.0)
    assert (whole >= 100).sum() == 300 * 80
    at_seven, at_nine = np.flatnonzero(whole % 100 == 7), np.flatnonzero(whole % 100 == 9)
    assert (len(at_seven), len(at_nine)) == (50 * 80, 50 * 80)
    assert at_nine[0] == pytest.approx(2.0 * RATE, abs=0.05 * RATE)
    assert at_nine[-1] - at_nine[0] == 50 * 80 - 1
    assert part.details()["underruns"] == 0


# lanes


@settings(max_examples=60, deadline=None)
@given(CUTS, st.integers(1, 90))
def test_a_timed_lane_gives_back_what_it_was_given(cuts, block):
    """In blocks of any length."""
    values = np.arange(400, dtype=np.float32)[:, None]
    lane, at = TimedLane(RATE), 0
    for cut in [*cuts, 400]:
        lane.put(at, values[at : at + cut])
        at = min(at + cut, 400)
    blocks = [lane.take(start, block) for start in range(0, 400, block)]
    assert np.concatenate(blocks)[:400].tolist() == values.tolist()
    assert lane.end is None


def test_times_that_are_a_little_off_make_no_step():
    """As those of a container that counts in milliseconds."""
    lane = TimedLane(RATE)
    for n in range(10):
        lane.put(n * 80 + (-1) ** n * 3 + 3, np.ones((80, 1), np.float32))
    assert lane.take(6, 800).sum() == 800


def test_a_live_lane_that_ran_dry_begins_again_with_a_whole_block():
    """Not with each crumb."""
    lane = LiveLane(400)
    lane.put(np.ones((120, 1), np.float32))
    assert [None if b is None else b.sum() for b in (lane.take(80), lane.take(80))] == [80, 40]
    lane.put(np.ones((60, 1), np.float32))
    assert lane.take(80) is None
    lane.put(np.ones((60, 1), np.float32))
    assert lane.take(80).sum() == 80
    assert lane.underruns == 1


def test_one_channel_becomes_several_alike_and_several_their_mean():
    """So a voice is as loud as it was."""
    left_right = np.array([[0.5, 0.25]], np.float32)
    assert spread(left_right, 1).tolist() == [[0.375]]
    assert spread(np.array([[0.5]], np.float32), 2).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="by FFmpeg"):
        spread(left_right, 6)


@given(st.lists(st.integers(-32768, 32767), min_size=2, max_size=50))
@settings(max_examples=30, deadline=None)
def test_sixteen_bits_are_read_and_written_bit_for_bit(values):
    """There and back."""
    frame = sound(values, 99)
    ((place, samples),) = SampleReader(RATE, 1).push(frame)
    back = sound_frame(samples, place, RATE)
    assert (back.pts, back.to_ndarray()[0].tolist()) == (99, values)


# how it ends, and what is refused


@pytest.mark.parametrize("inbox", ["1", "2"])
def test_a_mix_ends_and_waits_as_every_component(inbox):
    """With its streams, when told to, and behind a reader that does not read."""
    frames = [sound([5] * 80, n * 80) for n in range(6)]
    assert len(keeps_promises(lambda: mix(2), frames, inbox=inbox)) == 6


@pytest.mark.parametrize(
    ("words", "error", "why"),
    [
        ({"inputs": []}, WrongFigure, "needs the names"),
        ({"inputs": ["a", "a"]}, NameTaken, "second box named 'a'"),
        ({"inputs": ["gains"]}, NameTaken, "'gains'"),
        ({"inputs": ["a"], "outputs": ["a"]}, NameTaken, "'a'"),
        ({"rate": 5}, WrongFigure, "8000 to 192000"),
        ({"format": "s24"}, WrongFigure, "'s16' or 'flt'"),
        ({"block": 5}, WrongFigure, "of a block|a block of"),
        ({"gains": {("9", "outbox"): 1}}, GainError, "no input '9'"),
        ({"gains": float("nan")}, GainError, "a gain is a number"),
    ],
)
def test_what_cannot_be_mixed_is_refused_at_once(words, error, why):
    """In words."""
    with pytest.raises(error, match=why):
        Mix(**{"inputs": 2, **words})


def test_what_is_no_sound_is_refused():
    """With what it takes."""
    with pytest.raises(ComponentFailed, match=r"Mix takes av.AudioFrame, not str"):
        run(mix(1), {"1": ["no sound"]})


def test_a_mix_says_what_it_gives():
    """So that a linkage that does not fit is refused."""

    class Mono(Collector):
        formats = {"inbox": Encode.formats["inbox"]}

    with pytest.raises(LinkageRefused):
        Pipeline(mix(1), Mono())
