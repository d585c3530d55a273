"""MPEG transport streams as written here: read again by eye, by libavformat and by ffprobe."""

import io
from fractions import Fraction
from itertools import pairwise

import av
import pytest

from kamesh.components.media import AudioInfo, MediaPacket, MuxMPEGTS, StreamHeader, VideoInfo
from kamesh.components.media.core.adts import adts_config, adts_header
from kamesh.components.media.core.mpegts import (
    CLOCK,
    PACKET,
    TransportMuxer,
    crc32_mpeg,
    is_transport_stream,
)
from kamesh.testing import run

TICK = Fraction(1, CLOCK)
HEADER = StreamHeader(
    (VideoInfo("h264", TICK, 64, 48, Fraction(25)), AudioInfo("aac", TICK, 48000, 2))
)
SLICE = b"\x00\x00\x00\x01\x65"


def picture(number, size=1000, keyframe=False, stream=0):
    """Make a packet of picture."""
    return MediaPacket(stream, SLICE + bytes(size), number * 3600, number * 3600, 3600, keyframe)


def sound(number, size=300):
    """Make a packet of sound."""
    return MediaPacket(1, bytes([1]) * size, number * 1920, number * 1920, 1920, True)


def muxed(packets, muxer=None):
    """Multiplex packets under HEADER."""
    muxer = muxer or TransportMuxer()
    muxer.begin(HEADER)
    return [muxer.mux(packet) for packet in packets]


def packets_of(data):
    """Cut a chunk into transport packets."""
    assert len(data) % PACKET == 0
    return [data[i : i + PACKET] for i in range(0, len(data), PACKET)]


def pid(packet):
    """Read the identifier of a packet."""
    return (packet[1] & 0x1F) << 8 | packet[2]


def payload(packet):
    """Give what a packet carries."""
    assert packet[3] & 0x10, "a packet without payload"
    return packet[4 + (packet[4] + 1 if packet[3] & 0x20 else 0) :]


def clock(packet):
    """The programme clock reference in ticks, or None."""
    if not packet[3] & 0x20 or not packet[4] or not packet[5] & 0x10:
        return None
    return int.from_bytes(packet[6:12], "big") >> 15


def test_every_chunk_is_whole_packets_with_the_sync_byte():
    """Law 1: 188 bytes each, whatever the sizes of what is in them."""
    sizes = [*range(400), 1000, 5000, 100_000]
    for chunk in muxed([picture(n, size) for n, size in enumerate(sizes)]):
        for packet in packets_of(chunk.data):
            assert packet[0] == 0x47


@pytest.mark.parametrize(
    "size", [0, 1, 150, 151, 152, 153, 154, 155, 156, 157, 158, 340, 341, 70_000]
)
def test_what_is_put_in_comes_out(size):
    """At every size around the edge of a packet, where stuffing begins."""
    chunk = muxed([picture(0, size)])[0]
    stream = b"".join(payload(p) for p in packets_of(chunk.data) if pid(p) == 0x100)
    assert stream[:4] == b"\x00\x00\x01\xe0"
    assert stream[9 + stream[8] :] == b"\x00\x00\x00\x01\x09\xf0" + SLICE + bytes(size)


def test_a_key_frame_can_be_the_first_thing_seen():
    """Law 2: PAT, PMT, then the picture, marked for random access and carrying the clock."""
    for chunk in muxed([picture(n, keyframe=n % 5 == 0) for n in range(20)]):
        if not chunk.keyframe:
            continue
        first = packets_of(chunk.data)[:3]
        assert [pid(p) for p in first] == [0x0000, 0x1000, 0x0100]
        assert first[2][5] & 0x40, "not marked for random access"
        assert clock(first[2]) is not None


def test_only_key_frames_of_the_picture_are_places_to_begin():
    """Sound alone is no place to begin where there are pictures."""
    chunks = muxed([picture(0, keyframe=True), sound(0), picture(1), sound(1)])
    assert [chunk.keyframe for chunk in chunks] == [True, False, False, False]


def test_sound_alone_may_be_joined_at_any_piece():
    """Radio: each piece of sound is a place to begin, and carries the clock."""
    muxer = TransportMuxer()
    muxer.begin(StreamHeader((AudioInfo("mp2", TICK, 48000),)))
    chunks = [muxer.mux(MediaPacket(0, bytes(200), n * 2160, n * 2160)) for n in range(5)]
    assert all(chunk.keyframe for chunk in chunks)
    assert all(clock(packets_of(chunk.data)[2]) is not None for chunk in chunks)


def test_the_tables_come_again_within_a_tenth_of_a_second():
    """Also between key frames, for receivers that join by the packet."""
    at = [
        chunk.pts
        for chunk in muxed([picture(n, keyframe=n == 0) for n in range(50)])
        if pid(packets_of(chunk.data)[0]) == 0
    ]
    assert max(b - a for a, b in pairwise(at)) <= 0.1


def test_continuity_counters_never_miss_a_step():
    """Law 3: on every PID, over every chunk, also when the sender begins anew."""
    muxer = TransportMuxer()
    items = [picture(n, 700 * n, n % 4 == 0) for n in range(12)] + [sound(n) for n in range(30)]
    data = b"".join(chunk.data for _ in range(2) for chunk in muxed(items, muxer))
    counters = {}
    for packet in packets_of(data):
        counter = packet[3] & 0x0F
        if pid(packet) in counters:
            assert counter == (counters[pid(packet)] + 1) & 0x0F
        counters[pid(packet)] = counter
    assert set(counters) == {0, 0x1000, 0x100, 0x101}


def test_the_clock_runs_before_the_pictures_and_never_backwards():
    """A receiver has the time to decode; also when the sender was restarted and counts from 0 again."""
    muxer = TransportMuxer()
    chunks = [
        chunk
        for _ in range(3)
        for chunk in muxed([picture(n, keyframe=n == 0) for n in range(10)], muxer)
    ]
    clocks = [c for chunk in chunks for p in packets_of(chunk.data) if (c := clock(p)) is not None]
    assert clocks == sorted(clocks)
    assert len(clocks) == len(chunks)
    times = [chunk.pts for chunk in chunks]
    assert times == pytest.approx([n / 25 for n in range(30)])
    assert all(
        reference < (time + 1) * CLOCK for reference, time in zip(clocks, times, strict=True)
    )
    assert [chunk.sequence for chunk in chunks] == list(range(30))


def test_pictures_that_are_shown_in_another_order_keep_both_times():
    """B-frames: decoding time and showing time are both written, as libavformat reads them."""
    order = [(0, 0), (3, 1), (1, 2), (2, 3)]
    items = [
        MediaPacket(0, SLICE + bytes(50), pts * 3600, (dts - 1) * 3600, 3600, pts == 0)
        for pts, dts in order
    ]
    data = b"".join(chunk.data for chunk in muxed(items))
    with av.open(io.BytesIO(data), format="mpegts", options={"probesize": "5000"}) as read:
        found = [(p.pts, p.dts) for p in read.demux(video=0) if p.pts is not None]
    base = found[0][0]
    assert [(pts - base, dts - base) for pts, dts in found] == [
        (pts * 3600, (dts - 1) * 3600) for pts, dts in order
    ]


def test_times_pass_the_33_bits():
    """After 26.5 hours the counters wrap; the chunks' own times do not."""
    last = (1 << 33) // 3600 - 30
    chunks = muxed([picture(0, keyframe=True), picture(last), picture(last + 60)])
    assert chunks[2].pts == pytest.approx((last + 60) / 25)
    wrapped = [clock(p) for p in packets_of(chunks[2].data) if clock(p) is not None]
    assert wrapped[0] < CLOCK * 10


def test_the_check_of_the_tables_is_the_one_of_the_standard():
    """A section with its check behind it gives a check of 0; 123456789 gives the catalogue's figure."""
    assert crc32_mpeg(b"123456789") == 0x0376E6E7
    first = packets_of(muxed([picture(0, keyframe=True)])[0].data)
    for table in first[:2]:
        section = payload(table)[1:]
        assert crc32_mpeg(section[: 3 + ((section[1] & 0x0F) << 8 | section[2])]) == 0


def test_a_transport_stream_is_known_by_its_sync_bytes():
    """Wherever the piece begins; and nothing else is taken for one."""
    data = b"".join(chunk.data for chunk in muxed([picture(n, 3000) for n in range(5)]))
    assert all(is_transport_stream(data[start : start + 6 * PACKET]) for start in range(PACKET))
    assert not is_transport_stream(b"")
    assert not is_transport_stream(data[:PACKET])
    assert not is_transport_stream(bytes(5000))
    assert not is_transport_stream(b"GGA" * 2000)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_an_adts_head_says_what_it_was_told(rate, channels):
    """To and fro; and its length covers the whole."""
    head = adts_header(b"", rate, channels, 1000)
    config = adts_config(head + bytes(1000))
    assert adts_header(config, 0, 0, 1000) == head
    assert adts_config(head + bytes(999)) == b""
    assert adts_config(bytes(1007)) == b""


def test_sound_that_adts_cannot_say_is_refused():
    """With the figures that are wrong."""
    with pytest.raises(ValueError, match="12345 Hz"):
        adts_header(b"", 12345, 2, 10)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (StreamHeader(()), "names no stream"),
        (StreamHeader((VideoInfo("vp9", TICK, 64, 48),)), "no place for vp9"),
        (StreamHeader((VideoInfo("h264", TICK, 64, 48, extradata=b"\x01d"),)), "laid out for MP4"),
    ],
)
def test_streams_that_do_not_fit_are_refused(header, why):
    """In a sentence that says what would."""
    with pytest.raises(ValueError, match=why):
        TransportMuxer().begin(header)


def test_a_packet_of_a_stream_nobody_announced_is_refused():
    """With the numbers."""
    with pytest.raises(ValueError, match="stream 2 came; the header named 2"):
        muxed([picture(0, stream=2)])


def test_the_component_gives_a_chunk_for_each_packet():
    """And ends with its stream."""
    component = MuxMPEGTS()
    sent = run(component, [HEADER, *(picture(n, keyframe=n == 0) for n in range(10))])["outbox"]
    assert [chunk.sequence for chunk in sent] == list(range(10))
    assert component.details() == {"chunks": 10, "bytes": sum(len(c.data) for c in sent)}
