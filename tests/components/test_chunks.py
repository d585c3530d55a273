"""The fan-out of a live stream: what newcomers are given, and what slow viewers miss."""

from kamesh.codec import decode, encode
from kamesh.components.chunks import Chunk, Fanout, Preamble, Viewer


def chunk(number: int, size: int = 10, keyframe: bool = False) -> Chunk:
    """Make a chunk that bears its number."""
    return Chunk(bytes([number % 256]) * size, keyframe, number / 25, number)


def taken(viewer: Viewer) -> list[int]:
    """The numbers of the chunks that wait, taken."""
    numbers = []
    while (data := viewer.take()) is not None:
        numbers.append(data[0])
    return numbers


def join(fanout: Fanout) -> Viewer:
    """Join without being woken."""
    return fanout.join(lambda: None)


def test_a_viewer_gets_every_chunk_in_order():
    """Whoever keeps up misses nothing."""
    fanout = Fanout()
    viewer = join(fanout)
    for number in range(100):
        fanout.put(chunk(number, keyframe=number % 10 == 0))
    assert taken(viewer) == list(range(100))
    assert viewer.skipped == 0


def test_a_newcomer_begins_at_the_latest_key_frame():
    """The first thing it gets is a key frame, and then all that has followed it."""
    fanout = Fanout()
    for number in range(27):
        fanout.put(chunk(number, keyframe=number % 10 == 0))
    newcomer = join(fanout)
    fanout.put(chunk(27))
    assert taken(newcomer) == list(range(20, 28))


def test_before_the_first_key_frame_there_is_nothing_to_see():
    """A stream joined in the middle of a picture group is of no use until the next begins."""
    fanout = Fanout()
    early = join(fanout)
    fanout.put(chunk(1))
    assert not fanout.ready
    assert taken(early) == []
    assert early.skipped == 0  # it has not begun, so it has missed nothing
    fanout.put(chunk(2, keyframe=True))
    assert fanout.ready
    assert taken(early) == [2]


def test_a_slow_viewer_skips_to_a_later_key_frame_and_holds_nobody():
    """What waits is bounded; the gap ends at a key frame; the other viewer notices nothing."""
    fanout = Fanout(viewer_bytes=100)
    slow, quick = join(fanout), join(fanout)
    seen_by_quick = []
    for number in range(40):
        fanout.put(chunk(number, keyframe=number % 10 == 0))
        assert slow.waiting <= 100
        seen_by_quick += taken(quick)
    assert seen_by_quick == list(range(40))
    first = taken(slow)
    assert first == list(range(10))
    for number in range(40, 60):
        fanout.put(chunk(number, keyframe=number % 10 == 0))
        taken(quick)
    after = taken(slow)
    assert after[0] == 40  # a key frame
    assert after == list(range(40, 50))
    assert slow.skipped == 60 - 10 - 10
    assert fanout.statistics().skipped == slow.skipped


def test_one_chunk_larger_than_the_bound_still_passes_to_an_empty_queue():
    """A bound that is too small for one picture slows a viewer; it does not starve it for ever."""
    fanout = Fanout(viewer_bytes=10)
    viewer = join(fanout)
    fanout.put(chunk(1, size=500, keyframe=True))
    assert taken(viewer) == [1]


def test_what_is_kept_for_newcomers_is_bounded():
    """A stream without key frames does not fill the memory; newcomers then wait for the next."""
    fanout = Fanout(recent_bytes=100)
    fanout.put(chunk(0, keyframe=True))
    for number in range(1, 50):
        fanout.put(chunk(number))
    assert fanout.statistics().recent_bytes <= 100
    newcomer = join(fanout)
    assert taken(newcomer) == []
    fanout.put(chunk(50, keyframe=True))
    assert taken(newcomer) == [50]


def test_a_preamble_comes_first_for_everyone():
    """A fragmented MP4 is nothing without its head."""
    fanout = Fanout()
    present = join(fanout)
    fanout.put(Preamble(b"\xf0"))
    fanout.put(chunk(1, keyframe=True))
    late = join(fanout)
    assert taken(present) == taken(late) == [0xF0, 1]


def test_a_second_preamble_begins_a_new_stream():
    """Nothing of the old stream is given to those who come after, and nobody is left in its middle."""
    fanout = Fanout()
    fanout.put(Preamble(b"\xf0"))
    fanout.put(chunk(1, keyframe=True))
    present = join(fanout)
    fanout.put(Preamble(b"\xf1"))
    late = join(fanout)
    fanout.put(chunk(2))
    fanout.put(chunk(3, keyframe=True))
    assert taken(present) == [0xF0, 1, 0xF1, 3]
    assert taken(late) == [0xF1, 3]


def test_plain_bytes_may_be_joined_anywhere():
    """A stream of bytes without key frames is dealt out as it is."""
    fanout = Fanout()
    fanout.put(b"\x01")
    viewer = join(fanout)
    fanout.put(b"\x02")
    assert taken(viewer) == [1, 2]


def test_the_end_reaches_those_present_and_those_to_come():
    """What waits can still be taken, then the viewer knows that it is over."""
    woken = []
    fanout = Fanout()
    viewer = fanout.join(lambda: woken.append(1))
    fanout.put(chunk(1, keyframe=True))
    fanout.end()
    assert viewer.ended
    assert taken(viewer) == [1]
    assert len(woken) == 2
    assert join(fanout).ended


def test_one_who_leaves_is_forgotten():
    """Nothing is kept for a viewer that has gone, and to leave twice is to leave once."""
    fanout = Fanout()
    viewer = join(fanout)
    fanout.leave(viewer)
    fanout.leave(viewer)
    fanout.put(chunk(1, keyframe=True))
    assert taken(viewer) == []
    figures = fanout.statistics()
    assert (figures.viewers, figures.viewers_ever, figures.bytes_in) == (0, 1, 10)


def test_chunks_travel_between_processes():
    """They arrive as they were sent."""
    sent = [chunk(3, size=70_000, keyframe=True), Preamble(b"head")]
    encoded = encode(sent)
    assert decode(encoded.payload, encoded.buffers) == sent
