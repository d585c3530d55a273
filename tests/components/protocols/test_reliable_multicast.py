"""The simple reliable multicast, over a medium that loses, doubles and reorders, and over a real one."""

import heapq
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import Component, ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.network import Datagram, MulticastTransceiver
from kamesh.components.plumbing.order import Gap
from kamesh.components.protocols.reliable_frames import Ask, Beat, Data, decoded, encoded
from kamesh.components.protocols.reliable_multicast import ReliableReceiver, ReliableSender
from kamesh.components.protocols.reliable_receiving import Recoverer
from kamesh.components.protocols.reliable_sending import Annotator
from kamesh.components.refusing import WrongFigure
from kamesh.components.sources import DataSink
from kamesh.testing import keeps_promises, run

DELAY = 0.01


class Paced(Component):
    """Sends numbers as bytes, one each so many seconds, beginning after a while."""

    def __init__(self, count, every=0.002, after=0.0):
        self.count, self.every, self.after = count, every, after

    def main(self):
        yield self.pause(self.after)
        for number in range(1, self.count + 1):
            self.send(b"%d" % number)
            yield self.pause(self.every)


class Medium(Component):
    """Brings each frame to everyone but who sent it: late, out of order, twice, or not at all."""

    inboxes = {"source": "", "control": ""}
    outboxes = {"to-source": "", "signal": ""}

    def __init__(self, members, loss, seed):
        self.loss, self.rng = loss, random.Random(seed)
        self.ends = ["source", *(self.add_inbox(f"{n}") for n in range(members))]
        for n in range(members):
            self.add_outbox(f"to-{n}")
        self.air = []
        self.frames = 0

    def main(self):
        source = self._strand.inboxes["source"]
        while not source.ended or self.air:
            for who in self.ends:
                for frame in self._strand.inboxes[who]:
                    self.frames += 1
                    for to in self.ends:
                        if to != who:
                            self.carry(frame, to)
            while self.air and self.air[0][0] <= self.now():
                _, _, to, frame = heapq.heappop(self.air)
                self.send(frame, f"to-{to}")
            yield self.pause(self.air[0][0] - self.now() if self.air else None)

    def carry(self, frame, to):
        copies = (self.rng.random() >= self.loss) + (self.rng.random() < 0.1)
        for _ in range(copies if self.rng.random() >= self.loss * 0.1 else 0):
            late = DELAY * (0.5 + self.rng.random())
            heapq.heappush(self.air, (self.now() + late, self.rng.random(), to, frame))


def over_medium(count, receivers, loss, seed, *, patience=10.0, keep=1024, late=0.0):
    """Send so many to several receivers; give what each got and lost, and the components."""
    medium = Medium(receivers, loss, seed)
    sender = ReliableSender(delay=DELAY, linger=20.0, keep=keep, session=seed)
    names = [f"{n}" for n in range(receivers)]
    parts = {f"R{n}": ReliableReceiver(delay=DELAY, patience=patience, seed=int(n)) for n in names}
    got = {n: [] for n in names}
    lost = {n: [] for n in names}
    links = {
        ("PACED", "outbox"): ("S", "inbox"),
        ("S", "outbox"): ("M", "source"), ("M", "to-source"): ("S", "network"),
    }  # fmt: skip
    for n in names:
        links[("M", f"to-{n}")] = (f"R{n}", "inbox")
        links[(f"R{n}", "network")] = ("M", n)
        links[(f"R{n}", "outbox")] = (f"G{n}", "inbox")
        links[(f"R{n}", "lost")] = (f"L{n}", "inbox")
        parts |= {f"G{n}": DataSink(got[n]), f"L{n}": DataSink(lost[n])}
    run(Graphline(links, PACED=Paced(count, after=late), S=sender, M=medium, **parts), limit=1e5)
    return got, lost, sender, medium, [parts[f"R{n}"] for n in names]


def missing_numbers(lost):
    """Give the numbers that were said to be lost."""
    return [n for one in lost for n in range(one.first, one.last + 1)]


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("seed", [1, 2])
def test_everyone_gets_everything_in_order_once(loss, seed):
    """Up to every second frame lost, some doubled, all reordered: each receiver has all, in order."""
    got, lost, *_ = over_medium(300, 4, loss, seed, patience=60.0)
    for name in got:
        assert got[name] == [b"%d" % n for n in range(1, 301)], f"seed {seed}, receiver {name}"
        assert lost[name] == []


@pytest.mark.parametrize("seed", range(4))
def test_what_cannot_be_had_is_reported_never_left_out(seed):
    """A sender that keeps little, and half of all lost: got and lost together are everything, once."""
    got, lost, *_ = over_medium(300, 3, 0.5, seed, patience=0.2, keep=8)
    gone = 0
    for name in got:
        numbers = [int(each) for each in got[name]]
        assert numbers == sorted(set(numbers))
        assert sorted(numbers + missing_numbers(lost[name])) == list(range(1, 301)), f"seed {seed}"
        gone += len(missing_numbers(lost[name]))
    assert gone > 0  # else this has tested nothing


def test_a_perfect_channel_costs_no_requests():
    """Nothing is asked for and nothing sent again where nothing is lost; the tail comes out too."""
    out = run(Pipeline(Paced(500), ReliableSender(linger=0.1)))["outbox"]
    receiver = ReliableReceiver()
    result = run(receiver, out)
    assert result["outbox"] == [b"%d" % n for n in range(1, 501)]
    assert result["network"] == result["lost"] == []


def test_requests_are_held_back_when_another_has_asked():
    """Eight receivers that all lost the same ask far less often than eight times."""
    recoverers = [Recoverer(0.0, delay=DELAY, rng=random.Random(n)) for n in range(8)]
    annotator = Annotator(7, 0.0, delay=DELAY)
    frames = [annotator.annotate(b"%d" % n, 0.0) for n in range(3)]
    for each in recoverers:
        assert each.heard(frames[0], 0.0) == [b"0"]
        assert each.heard(frames[2], 0.0) == []
    now, asks = 0.0, 0
    while any(each.next_due() is not None for each in recoverers):
        now = min(each.next_due() for each in recoverers if each.next_due() is not None)
        for each in recoverers:
            for ask in each.due(now)[0]:
                asks += 1
                annotator.heard(ask, now)
                for other in recoverers:
                    if other is not each:
                        other.heard(ask, now)
        for repair in list(annotator.repairs(now)):
            for each in recoverers:
                assert each.heard(repair, now) == [b"1", b"2"]
    assert asks == 1
    assert annotator.repaired == 1


def test_a_message_is_not_repaired_again_while_the_repair_is_under_way():
    """Two requests within three one-way delays are answered once; a later one is answered again."""
    annotator = Annotator(7, 0.0, delay=DELAY)
    annotator.annotate(b"x", 0.0)
    ask = encoded(Ask(7, ((1, 1),)))
    counts = []
    for now in (1.0, 1.0 + 2 * DELAY, 1.0 + 4 * DELAY):
        annotator.heard(ask, now)
        counts.append(len(list(annotator.repairs(now))))
    assert counts == [1, 0, 1]


def test_requests_back_off_and_come_to_an_end():
    """Asked in vain, the waits double; after the patience it is given up and nothing more is asked."""
    recoverer = Recoverer(0.0, delay=DELAY, patience=2.0, rng=random.Random(1))
    recoverer.heard(encoded(Data(1, 0.0, 1, b"a")), 0.0)
    recoverer.heard(encoded(Data(1, 0.0, 3, b"c")), 0.0)
    times, given_up = [], []
    while (due := recoverer.next_due()) is not None:
        asks, given = recoverer.due(due)
        times += [due] * len(asks)
        given_up += given
        assert due < 10
    waits = [b - a for a, b in pairwise(times)]
    assert given_up == [Gap(2, 2), b"c"]
    assert waits[2] > waits[0]
    assert 5 <= len(times) < 15


def test_a_lost_tail_is_noticed_by_the_heartbeat():
    """The last message is lost and nothing follows: the beat tells, and it is asked for."""
    recoverer = Recoverer(0.0, delay=DELAY)
    annotator = Annotator(3, 0.0, delay=DELAY)
    recoverer.heard(annotator.annotate(b"one", 0.0), 0.0)
    annotator.annotate(b"two", 0.0)  # lost
    assert recoverer.next_due() is None
    recoverer.heard(annotator.beat(0.1), 0.1)
    (ask,), _ = recoverer.due(recoverer.next_due())
    assert decoded(ask) == Ask(3, ((2, 2),))


def test_late_joiners_start_at_the_next_message():
    """Who comes when 100 have been sent is owed none of them, not even those that are repaired now."""
    annotator = Annotator(3, 0.0)
    old = [annotator.annotate(b"%d" % n, n * 0.1) for n in range(100)]
    recoverer = Recoverer(10.0)
    annotator.heard(encoded(Ask(3, ((50, 60),))), 10.0)
    for repair in annotator.repairs(10.0):
        assert recoverer.heard(repair, 10.0) == []
    assert recoverer.heard(annotator.annotate(b"new", 10.1), 10.1) == [b"new"]
    assert recoverer.next_due() is None
    assert recoverer.heard(old[5], 10.2) == []  # a very late copy


def test_who_was_there_before_misses_the_first_message_aloud():
    """The first message of a stream is lost to one who listened already: it is asked for."""
    annotator = Annotator(3, 5.0)
    annotator.annotate(b"one", 5.0)
    recoverer = Recoverer(1.0)
    assert recoverer.heard(annotator.annotate(b"two", 5.1), 5.1) == []
    asks, _ = recoverer.due(recoverer.next_due())
    assert decoded(asks[0]) == Ask(3, ((1, 1),))


def test_a_sender_told_shutdown_ends_at_once_and_so_does_a_receiver():
    """Shutdown waits for no linger and no patience."""
    for part in (ReliableSender(linger=1e6), ReliableReceiver(patience=1e6)):
        run(part, {"control": [Shutdown()]}, limit=1.0)


def test_they_keep_what_every_component_promises():
    """Ends, stops and back-pressure, as of any component."""
    frames = run(ReliableSender(session=5), [b"a", b"b", b"c"])["outbox"]
    assert keeps_promises(ReliableReceiver, frames) == [b"a", b"b", b"c"]
    keeps_promises(lambda: ReliableSender(session=5), [b"a", b"b", b"c"])


def test_a_sender_that_is_never_let_go_ends_all_the_same():
    """Somebody asks for ever: it stays a hundred lingers, and no longer."""

    class Nagger(Component):
        def main(self):
            while not self.stopping():
                self.send(encoded(Ask(5, ((1, 1),))))
                yield self.pause(0.05)

    sender = ReliableSender(session=5, linger=0.2)
    graph = Graphline(
        {("P", "outbox"): ("S", "inbox"), ("N", "outbox"): ("S", "network"),
         ("S", "signal"): ("N", "control")},
        P=Paced(1), S=sender, N=Nagger(),
    )  # fmt: skip
    run(graph, limit=30.0)
    assert sender.details()["repaired"] > 100


def test_memory_is_bounded_whatever_comes():
    """Far-off numbers, many sessions and endless runs make nobody hold more than the window."""
    recoverer = Recoverer(0.0, window=16)
    for session in range(1000):
        recoverer.heard(encoded(Data(session, 0.0, 1 << 60, b"x")), 0.0)
    assert len(recoverer.streams) == 256
    assert recoverer.refused == 744
    one = recoverer.streams[0]
    for number in range(2, 200, 2):
        recoverer.heard(encoded(Data(0, 0.0, number, b"x")), 0.0)
        assert len(one.order) <= 17
        assert len(one.wanted) <= 16
    annotator = Annotator(1, 0.0, keep=8)
    for _ in range(100):
        annotator.annotate(b"x", 0.0)
    annotator.heard(encoded(Ask(1, ((1, 1 << 61),))), 0.0)
    assert len(list(annotator.repairs(0.0))) == 8


sessions = st.integers(0, 2**64 - 1)
numbers = st.integers(1, 2**61)
frames = st.one_of(
    st.builds(Data, sessions, st.just(1.5), numbers, st.binary(), st.booleans()),
    st.builds(
        lambda session, highest, lowest, last: Beat(
            session, 0.25, highest, min(lowest, highest + 1), last
        ),
        sessions, st.integers(0, 2**61), numbers, st.booleans(),
    ),
    st.builds(
        lambda session, runs: Ask(session, tuple((first, first + more) for first, more in runs)),
        sessions, st.lists(st.tuples(numbers, st.integers(0, 99)), min_size=1, max_size=64),
    ),
)  # fmt: skip
cut = st.tuples(frames.map(encoded), st.integers(0, 99)).map(lambda pair: pair[0][: pair[1]])


@settings(deadline=None)
@given(frames)
def test_frames_are_on_the_other_side_what_they_were(frame):
    """Encoded and decoded they are equal."""
    assert decoded(encoded(frame)) == frame


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64) | cut)
def test_whatever_comes_is_taken_or_left(data):
    """Garbage and cut frames raise nothing, here or there."""
    recoverer, annotator = Recoverer(0.0), Annotator(1, 0.0)
    recoverer.heard(data, 0.0)
    annotator.heard(data, 0.0)
    recoverer.due(1.0)
    recoverer.flush()


def test_golden_bytes():
    """The bytes of each kind stay what they are."""
    session, two, three = "0000000000000001", "0000000000000002", "0000000000000003"
    golden = {
        "0101" + session + "00000002" + three + "6869": Data(1, 0.002, 3, b"hi"),
        "0102" + session + "00000000" + three: Data(1, 0.0, 3, b"", True),
        "0103" + session + "00000000" + three + two: Beat(1, 0.0, 3, 2),
        "0104" + session + "00000000" + three + two: Beat(1, 0.0, 3, 2, True),
        "0105" + session + "00000000" + two + three: Ask(1, ((2, 3),)),
    }
    assert {encoded(frame).hex(): frame for frame in golden.values()} == golden


@pytest.mark.parametrize("wrong", ["text", 17, None])
def test_what_is_no_bytes_is_refused(wrong):
    """A number would otherwise become so many zeros; the sentence says what was sent."""
    with pytest.raises(ComponentFailed, match="it sends bytes"):
        run(ReliableSender(), [wrong])
    with pytest.raises(ComponentFailed, match="bytes and Datagrams do"):
        run(ReliableReceiver(), [wrong])


@pytest.mark.parametrize(
    "bad",
    [
        {"delay": 0}, {"delay": None}, {"delay": float("inf")}, {"keep": 0}, {"keep": 2.5},
        {"linger": -1}, {"linger": "1"}, {"session": -1}, {"session": "me"}, {"session": 1 << 64},
    ],
)  # fmt: skip
def test_settings_that_cannot_be(bad):
    """A mistake is refused when the component is made."""
    with pytest.raises(WrongFigure, match=r"cannot be|has 64 bits at most"):
        ReliableSender(**bad)


@pytest.mark.parametrize("bad", [{"delay": "1"}, {"patience": -1}, {"window": 0}, {"window": None}])
def test_settings_of_a_receiver_that_cannot_be(bad):
    """A mistake is refused when the component is made."""
    with pytest.raises(WrongFigure, match="cannot be"):
        ReliableReceiver(**bad)


def test_a_datagram_without_bytes():
    """A Datagram that holds something else is no frame, and that is said."""
    with pytest.raises(ComponentFailed, match="bytes and Datagrams do"):
        run(ReliableReceiver(), [Datagram("text")])


def test_over_real_multicast_with_a_lossy_wire():
    """Over sockets on loopback, with a third of what comes in thrown away: everything arrives."""
    count, rng = 200, random.Random(4)

    class Thin(Component):
        def main(self):
            while not self.stopping():
                self.send_all([d for d in self.inbox if rng.random() >= 0.33])
                yield self.pause()

    def member():
        return MulticastTransceiver("239.255.77.9", 15009, "lo", ttl=0)

    left = Graphline(
        {("P", "outbox"): ("S", "inbox"), ("S", "outbox"): ("N", "inbox"),
         ("N", "outbox"): ("S", "network")},
        P=Paced(count, every=0.0005, after=0.2), S=ReliableSender(delay=0.002, linger=30.0), N=member(),
    )  # fmt: skip
    right = Graphline(
        {("N", "outbox"): ("T", "inbox"), ("T", "outbox"): ("R", "inbox"),
         ("R", "network"): ("N", "inbox"), ("R", "outbox"): ("", "outbox")},
        N=member(), T=Thin(), R=ReliableReceiver(delay=0.002, patience=20.0),
    )  # fmt: skip
    with right.background() as receiving, left.background() as sending:
        got = [receiving.get(timeout=20) for _ in range(count)]
        sending.stop()
        receiving.stop()
    assert got == [b"%d" % n for n in range(1, count + 1)]
