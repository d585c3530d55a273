"""PyAV: pictures, sound and packets arrive as they were sent; forged ones cost nothing."""

from __future__ import annotations

import itertools
import random
import struct
import subprocess
import sys
from fractions import Fraction
from typing import Any

import msgpack
import pytest
from same import same

from kamesh.codec import LARGE, Undecodable, Unsendable, decode, encode
from kamesh.codec.wire import Code

av = pytest.importorskip("av")

FORMATS = [
    "yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv410p", "yuva444p16le", "yuv420p10le", "nv12",
    "p010le", "rgb24", "bgra", "rgb48be", "gray", "gray16le", "ya8", "gbrp", "gbrapf32le", "pal8",
    "monow", "yuyv422", "uyyvyy411", "rgb565le", "bayer_rggb8", "rgb4",
]  # fmt: skip
QUARTER = struct.pack("=9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def trip(message: Any) -> Any:
    """Send one message to ourselves; buffers arrive as they do from a socket."""
    encoded = encode([message])
    (arrived,) = decode(encoded.payload, [memoryview(bytes(buffer)) for buffer in encoded.buffers])
    return arrived


def picture(width: int, height: int, form: str) -> Any:
    """Draw noise."""
    frame = av.VideoFrame(width, height, form)
    noise = random.Random(width)
    for plane in frame.planes:
        plane.update(noise.randbytes(plane.buffer_size))
    return frame


def planes_of(frame: Any) -> list[Any]:
    """Give the planes of sound: `frame.planes` goes wrong where there are eight or more."""
    from av.audio.plane import AudioPlane

    count = (frame.layout.nb_channels if frame.format.is_planar else 1) if frame.samples else 0
    return [AudioPlane(frame, index) for index in range(count)]


def filtered(form: str, *stages: tuple[str, str]) -> Any:
    """Give a picture of 54 x 38 as a chain of FFmpeg's own filters leaves it."""
    graph = av.filter.Graph()
    source = f"video_size=54x38:pix_fmt={form}:time_base=1/25:pixel_aspect=1/1"
    chain = [
        graph.add("buffer", source),
        *(graph.add(*stage) for stage in stages),
        graph.add("buffersink"),
    ]
    for one, other in itertools.pairwise(chain):
        one.link_to(other)
    graph.configure()
    frame = picture(54, 38, form)
    frame.pts = 0
    chain[0].push(frame)
    return chain[-1].pull()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [(54, 38), (64, 32), (321, 201)], ids=str)
def test_pictures_arrive_in_every_kind_of_format(form: str, size: tuple[int, int]) -> None:
    """Planar, packed, half, high, with alpha or a palette; of odd sizes too."""
    frame = picture(*size, form)
    assert same(frame, trip(frame))
    assert same(("video", {"frame": frame}), trip(("video", {"frame": frame})))


def test_a_picture_keeps_its_times_colours_and_flags() -> None:
    """All that PyAV lets one set is set, and nothing more."""
    frame = picture(64, 32, "yuv420p")
    assert same(frame, trip(frame))
    frame.pts, frame.dts, frame.duration, frame.time_base = (
        -(2**40),
        2**40,
        3600,
        Fraction(1, 90_000),
    )
    frame.key_frame, frame.pict_type, frame.color_range, frame.colorspace = True, 1, 2, 1
    frame.color_trc, frame.color_primaries = 13, 9
    arrived = trip(frame)
    assert same(frame, arrived)
    assert (arrived.pts, arrived.time_base, arrived.color_range) == (
        -(2**40),
        Fraction(1, 90_000),
        2,
    )


def test_a_picture_keeps_its_rotation() -> None:
    """The display matrix travels, to the bit, though PyAV cannot set it."""
    packet = av.Packet(bytes(54 * 38 * 3))
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    side_data: Any = PacketSideData
    matrix = side_data(packet_sidedata_type_from_literal("display_matrix"), 36)
    matrix.update(QUARTER)
    packet.set_sidedata(matrix)
    decoder = av.CodecContext.create("rawvideo", "r")
    decoder.width, decoder.height, decoder.pix_fmt = 54, 38, "rgb24"
    (frame,) = decoder.decode(packet)
    frame.pts, frame.time_base, frame.key_frame = 7, Fraction(1, 25), False
    assert frame.rotation == -90
    arrived = trip(frame)
    assert same(frame, arrived)
    assert bytes(arrived.side_data["DISPLAYMATRIX"]) == QUARTER
    assert same(frame, trip(arrived))


def test_a_picture_stays_interlaced() -> None:
    """A deinterlacer on another node knows what to do."""
    frame = filtered("yuv422p", ("setfield", "tff"))
    assert frame.interlaced_frame
    assert trip(frame).interlaced_frame
    assert same(frame, trip(frame))


def test_a_picture_that_lies_upside_down_in_memory_arrives_upright() -> None:
    """A negative line size is turned into lines in order."""
    frame = filtered("yuv420p", ("vflip", ""))
    assert frame.planes[0].line_size < 0
    arrived = trip(frame)
    assert arrived.planes[0].line_size > 0
    assert same(frame, arrived)
    upright = bytes(picture(54, 38, "gray").planes[0])
    turned = bytes(trip(filtered("gray", ("vflip", ""))).planes[0])
    assert [turned[64 * row : 64 * row + 54] for row in range(38)] == [
        upright[64 * row : 64 * row + 54] for row in reversed(range(38))
    ]


def test_planes_are_sent_in_place() -> None:
    """What is handed over is the memory of the plane, each plane a buffer."""
    frame = picture(320, 240, "yuv420p")
    encoded = encode([{"frame": frame}])
    assert len(encoded.buffers) == 3
    assert len(encoded.payload) < 150
    memoryview(frame.planes[0])[0:2] = b"\xaa\x55"
    assert bytes(encoded.buffers[0][:2]) == b"\xaa\x55"


def test_lines_of_another_length_are_copied_one_by_one() -> None:
    """Two builds of FFmpeg pad lines differently."""
    frame = picture(54, 38, "rgb24")
    data = bytes(frame.planes[0])
    narrow = b"".join(data[192 * row : 192 * row + 162] for row in range(38))
    wide = b"".join(data[192 * row : 192 * row + 162] + bytes(94) for row in range(38))
    for line, content in ((162, narrow), (256, wide)):
        payload = forged(Code.VIDEO_FRAME, 54, 38, "rgb24", [], [line], [content], b"", False)
        (arrived,) = decode(payload)
        assert same(frame, arrived)
        if line == 162:
            assert bytes(arrived.planes[0])[162:192] == bytes(30)  # nothing is left uninitialised


@pytest.mark.parametrize("form", ["u8", "s16", "s16p", "s32", "flt", "fltp", "dblp", "s64p"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1", "22.2", "3 channels", "FL+LFE"])
def test_sound_arrives_in_every_format_and_layout(form: str, layout: str) -> None:
    """Planar and packed, padded or not, also with eight channels and more."""
    for samples, align in ((0, 1), (1, 0), (1023, 0), (1024, 1)):
        frame = av.AudioFrame(form, layout, samples, align)
        noise = random.Random(samples)
        for plane in planes_of(frame):
            plane.update(noise.randbytes(plane.buffer_size))
        frame.pts, frame.sample_rate, frame.time_base = 960, 48_000, Fraction(1, 48_000)
        arrived = trip([frame])[0]
        assert same(frame, arrived)
        assert arrived.layout.channels == frame.layout.channels


@pytest.mark.parametrize("size", [0, 1, 188, LARGE, 300_000])
def test_packets_arrive(size: int) -> None:
    """Data, times and flags; large data is sent in place."""
    packet = av.Packet(random.Random(1).randbytes(size)) if size else av.Packet()
    assert same(packet, trip(packet))
    packet.pts, packet.dts, packet.duration = 2**33, -1, 1920
    packet.time_base, packet.is_keyframe, packet.is_corrupt = Fraction(1, 90_000), True, True
    assert same((packet,), trip((packet,)))
    packet.duration = None
    assert trip(packet).duration is None
    assert len(encode([packet]).buffers) == (size >= LARGE)


def test_a_packet_keeps_the_side_data_that_means_the_same_elsewhere() -> None:
    """Samples to skip and a turned picture travel; structures in memory do not."""
    from av.packet import PacketSideData, packet_sidedata_type_from_literal

    side_data: Any = PacketSideData
    packet = av.Packet(b"data")
    for kind, value in (("skip_samples", bytes(range(10))), ("display_matrix", QUARTER),
                        ("cpb_properties", bytes(40)), ("webvtt_settings", b"line:0")):  # fmt: skip
        side = side_data(packet_sidedata_type_from_literal(kind), len(value))
        side.update(value)
        packet.set_sidedata(side)
    arrived = {side.data_type: bytes(side) for side in trip(packet).iter_sidedata()}
    assert arrived == {
        "skip_samples": bytes(range(10)), "display_matrix": QUARTER, "webvtt_settings": b"line:0",
    }  # fmt: skip


def test_frames_that_came_out_of_a_decoder_arrive() -> None:
    """Frames with FFmpeg's own padding and times, decoded from encoded ones that travelled too."""
    encoder = av.CodecContext.create("mpeg2video", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 162, 90, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    packets = []
    for number in range(5):
        frame = picture(162, 90, "yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        packets += [trip(packet) for packet in encoder.encode(frame)]
    packets += [trip(packet) for packet in encoder.encode(None)]
    decoder = av.CodecContext.create("mpeg2video", "r")
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert len(frames) == 5
    assert all(same(frame, trip(frame)) for frame in frames)


def test_a_turned_picture_with_a_palette_is_refused_with_a_way_out() -> None:
    """It cannot be made on the other side; the sentence says what can."""
    frame = filtered("pal8", ("setfield", "tff"))
    with pytest.raises(Unsendable, match=r"reformat\(format='rgb24'\)") as caught:
        encode([{"frame": frame}])
    assert caught.value.path == "['frame']"


def forged(code: int, *fields: Any) -> bytes:
    """Pack an extension from fields nobody would send."""
    return b"\0" + msgpack.packb([msgpack.ExtType(code, msgpack.packb(list(fields)))])


GRAY = [16, 2, "gray", [], [16], [bytes(32)], b"", False]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 30_000), (0, -16), (0, 2**31), (0, "16"), (0, None), (1, 2**20), (1, 3), (1, 0), (2, "cuda"),
        (2, "no such"), (2, 5), (2, "yuv420p"), (2, "pal8"), (3, 5), (3, [2**64 - 1]), (3, ["x"]),
        (3, [1, 1, 1, "1/25"]), (3, [None] * 4 + [99]), (3, [None] * 5 + [-1]), (4, []), (4, [16, 16]),
        (4, [0]), (4, [-1]), (4, [2**31]), (4, [8]), (4, [None]), (5, []), (5, [bytes(31)]), (5, [b""]),
        (5, [0]), (5, [bytes(32)] * 2), (5, bytes(32)), (6, b"x"), (6, bytes(35)), (6, "x"), (6, 1),
    ],
    ids=lambda it: str(it)[:20],
)  # fmt: skip
def test_forged_pictures_are_refused(place: int, value: Any) -> None:
    """No more is allocated than came, and nothing is read past it."""
    assert decode(forged(Code.VIDEO_FRAME, *GRAY))
    with pytest.raises(Undecodable):
        decode(forged(Code.VIDEO_FRAME, *GRAY[:place], value, *GRAY[place + 1 :]))


SOUND = ["s16p", "stereo", 8, [], [bytes(16)] * 2]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "s17"), (0, "s16"), (0, "fltp"), (0, None), (1, "mono"), (1, "no such"), (1, 2),
        (1, "8 channels"),
        (1, "100000 channels"), (2, 9), (2, -1), (2, 2**31), (2, 2**24 + 1), (2, None), (3, "x"),
        (3, [2**64 - 1]), (3, [None] * 4 + [-1]), (4, []), (4, [bytes(16)]), (4, [bytes(16)] * 3),
        (4, [b""] * 2),
    ],
    ids=lambda it: str(it)[:20],
)  # fmt: skip
def test_forged_sound_is_refused(place: int, value: Any) -> None:
    """Planes fit the samples, or there is no frame."""
    assert decode(forged(Code.AUDIO_FRAME, *SOUND))
    with pytest.raises(Undecodable):
        decode(forged(Code.AUDIO_FRAME, *SOUND[:place], value, *SOUND[place + 1 :]))


@pytest.mark.parametrize(
    "fields",
    [
        [[], [["display_matrix", bytes(4)]], b"x"], [[], [["skip_samples", bytes(9)]], b"x"],
        [[], [["cpb_properties", bytes(40)]], b"x"], [[], [["no such", b"x"]], b"x"], [[], [[1, 2]], b"x"],
        [[], [["a53_cc", b""]], b"x"], [[2**64 - 1], [], b"x"], [[None] * 3 + [1], [], 0],
        [[], [], 5], [5, [], b""],
    ],
    ids=lambda it: str(it)[:30],
)  # fmt: skip
def test_forged_packets_are_refused(fields: list[Any]) -> None:
    """Side data of the wrong size would be read past its end by FFmpeg."""
    with pytest.raises(Undecodable):
        decode(forged(Code.PACKET, *fields))


def test_a_receiver_without_pyav_says_so() -> None:
    """It is Undecodable, not an ImportError, and costs the receiver nothing else."""
    payload = encode([av.Packet(b"x")]).payload
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from kamesh.codec import decode, Undecodable\n"
        f"try: decode({payload!r})\n"
        "except Undecodable as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "av" in run.stdout, run.stderr
