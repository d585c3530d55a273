"""Encoding and decoding: what goes in comes out, in order, in time, and unchanged at the source."""

import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest

from kamesh.codec import decode, encode
from kamesh.components.media import AudioInfo, MediaPacket, StreamHeader, VideoInfo
from kamesh.components.media.core.interleave import Interleaver
from kamesh.components.media.core.settings import EncodeSettings
from kamesh.components.media.core.timeline import Timeline
from kamesh.components.media.engine.card import read_number
from kamesh.components.media.engine.cardframes import CardFrames
from kamesh.components.media.engine.decoders import ProgrammeDecoder
from kamesh.components.media.engine.encoders import choose_encoder
from kamesh.components.media.engine.encoding import AUDIO, VIDEO, ProgrammeEncoder

CARD = CardFrames((320, 180), Fraction(25), tone=440, sample_rate=48000)


def encoded(pictures=(), sounds=(), **settings):
    """Encode frames in step, and give the header, the packets and the encoder."""
    encoder = ProgrammeEncoder(EncodeSettings(**settings))
    out = []
    for number in range(max(len(pictures), len(sounds))):
        for frame in pictures[number : number + 1]:
            out += encoder.picture(frame)
        for frame in sounds[number : number + 1]:
            out += encoder.sound(frame)
    out += encoder.finish()
    assert isinstance(out[0], StreamHeader)
    assert all(isinstance(message, MediaPacket) for message in out[1:])
    return out[0], out[1:], encoder


def card(start, stop):
    """Make the pictures and the sound of some frames."""
    numbers = range(start, stop)
    return [CARD.picture(n) for n in numbers], [CARD.sound(n) for n in numbers]


def decoded(header, packets):
    """Decode all packets; give pictures, sound and the decoder."""
    decoder = ProgrammeDecoder()
    decoder.begin(header)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    frames += decoder.finish()
    pictures = [f for f in frames if isinstance(f, av.VideoFrame)]
    return pictures, [f for f in frames if isinstance(f, av.AudioFrame)], decoder


def number_of(frame):
    """Read the card's number off a picture."""
    plane = frame.planes[0]
    return read_number(
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : frame.width]
    )


def time_of(frame):
    """Give the time of a frame in seconds."""
    return frame.pts * frame.time_base


# encode, then decode


def test_every_frame_comes_back_with_its_number_and_its_time():
    """50 pictures in, 50 out, in order, each at its own time; the sound covers the same two seconds."""
    header, packets, encoder = encoded(*card(0, 50))
    pictures, sounds, _ = decoded(header, packets)
    assert [number_of(p) for p in pictures] == list(range(50))
    assert [time_of(p) for p in pictures] == [Fraction(n, 25) for n in range(50)]
    assert 96000 <= sum(s.samples for s in sounds) <= 96000 + 2 * 1024 + 1024
    assert encoder.dropped == 0


def test_the_header_says_what_a_decoder_needs():
    """Codec names that are FFmpeg's for both sides, sizes and rates."""
    header, _, _ = encoded(*card(0, 10))
    video, audio = header.streams
    assert (video.codec, video.width, video.height, video.rate) == ("h264", 320, 180, Fraction(25))
    assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", 48000, 2)
    assert audio.extradata


def test_packets_leave_in_order_of_decoding_time():
    """Across both streams, so that whoever multiplexes need not sort."""
    header, packets, _ = encoded(*card(0, 50))
    times = [packet.dts * header.streams[packet.stream].time_base for packet in packets]
    assert times == sorted(times)


def test_a_key_frame_comes_each_second_or_as_told():
    """And carries all that a decoder needs, so a stream can be taken up there."""
    header, packets, _ = encoded(*card(0, 60), gop=15)
    pictures = [p for p in packets if p.stream == 0]
    assert [n for n, p in enumerate(pictures) if p.keyframe] == [0, 15, 30, 45]
    again, _, _ = decoded(header, pictures[30:])
    assert [number_of(p) for p in again] == list(range(30, 60))
    _, packets, _ = encoded(*card(0, 60))
    keys = [n for n, p in enumerate(p for p in packets if p.stream == 0) if p.keyframe]
    assert keys == [0, 25, 50]


def test_frames_are_not_changed_by_being_encoded():
    """Another component may hold the very same frame: its times and its pixels stay as they were."""
    pictures, sounds = card(0, 10)
    for picture in pictures[5:]:  # of another unit of time, as from another source
        picture.pts, picture.time_base = picture.pts * 3600, Fraction(1, 90000)

    def state(frame):
        return frame.pts, frame.time_base, hashlib.sha256(bytes(frame.planes[0])).digest()

    before = [state(frame) for frame in (*pictures, *sounds)]
    encoded(pictures, sounds)
    assert [state(frame) for frame in (*pictures, *sounds)] == before


def test_pictures_of_another_size_or_format_are_brought_to_the_first_ones():
    """A source that changes does not end the stream."""
    pictures, _ = card(0, 4)
    larger = CardFrames((640, 360), Fraction(25), tone=0, sample_rate=48000).picture(4)
    other = CARD.picture(5).reformat(format="rgb24")
    other.pts, other.time_base = 5, Fraction(1, 25)
    header, packets, _ = encoded([*pictures, larger, other], audio="")
    found, _, _ = decoded(header, packets)
    assert [number_of(p) for p in found] == list(range(6))
    assert {(p.width, p.height) for p in found} == {(320, 180)}


def test_sound_of_another_form_is_resampled():
    """44.1 kHz mono floats become what was asked for, in the same time."""
    sounds = []
    for n in range(40):
        wave = np.sin(np.arange(n * 1024, (n + 1) * 1024) / 20).astype(np.float32)[None, :] * 0.3
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, n * 1024, Fraction(1, 44100)
        sounds.append(frame)
    header, packets, _ = encoded([], sounds, video="")
    _, found, _ = decoded(header, packets)
    assert header.streams[0].sample_rate == 48000
    assert sum(s.samples for s in found) / 48000 == pytest.approx(40 * 1024 / 44100, abs=0.07)


def test_a_packet_leaves_for_each_picture_at_once():
    """Live means that no picture waits inside the encoder for the next."""
    encoder = ProgrammeEncoder(EncodeSettings(audio=""))
    list(encoder.picture(CARD.picture(0)))  # the second settles the rate
    list(encoder.picture(CARD.picture(1)))
    for number in range(2, 12):
        out = list(encoder.picture(CARD.picture(number)))
        assert [p.pts for p in out] == [number]


# streams that are missing, late or begin anew


def test_pictures_alone_make_a_stream_when_sound_has_ended():
    """A film without sound: the header waits no longer than the end of its sound."""
    encoder = ProgrammeEncoder(EncodeSettings())
    out = list(encoder.picture(CARD.picture(0))) + list(encoder.picture(CARD.picture(1)))
    assert out == []
    out += encoder.end(AUDIO)
    assert [type(info) for info in out[0].streams] == [VideoInfo]
    assert len(out) == 3


def test_sound_alone_makes_a_stream():
    """Radio."""
    header, packets, _ = encoded([], card(0, 10)[1], video="")
    assert [type(info) for info in header.streams] == [AudioInfo]
    assert {packet.stream for packet in packets} == {0}


def test_sound_that_does_not_come_is_not_waited_for_for_ever():
    """After 50 pictures the header goes out without it; what comes later is refused and counted."""
    encoder = ProgrammeEncoder(EncodeSettings())
    pictures, sounds = card(0, 55)
    out = [message for picture in pictures for message in encoder.picture(picture)]
    assert len(out[0].streams) == 1
    assert len(out) == 1 + 55
    assert list(encoder.sound(sounds[0])) == []
    assert encoder.dropped == 1


def test_a_stream_that_falls_silent_does_not_stop_the_other():
    """Pictures go on when the sound stops coming without having ended, two seconds late at the most."""
    encoder = ProgrammeEncoder(EncodeSettings())
    out = []
    for number in range(100):
        out += encoder.picture(CARD.picture(number))
        if number < 10:
            out += encoder.sound(CARD.sound(number))
    sent = [m for m in out[1:] if m.stream == 0]
    assert len(sent) >= 100 - 51


def test_a_source_that_begins_anew_goes_on_where_the_stream_was():
    """Restarted at 0, its pictures and its sound follow what went before, in step."""
    pictures, sounds = card(0, 25)
    more_pictures, more_sounds = card(0, 25)
    header, packets, encoder = encoded(pictures + more_pictures, sounds + more_sounds)
    found, _, _ = decoded(header, packets)
    assert [number_of(p) for p in found] == [*range(25), *range(25)]
    assert [time_of(p) for p in found] == [Fraction(n, 25) for n in range(50)]
    assert encoder.dropped == 0


def test_a_gap_in_the_source_stays_a_gap_in_both_streams():
    """What was lost on the way is not closed up, or sound would come before its picture."""
    pictures, sounds = card(0, 20)
    late_pictures, late_sounds = card(120, 140)
    header, packets, _ = encoded(pictures + late_pictures, sounds + late_sounds)
    found, heard, _ = decoded(header, packets)
    assert time_of(found[20]) == Fraction(120, 25)
    after = [float(time_of(s)) for s in heard if time_of(s) > 2]
    assert after[0] == pytest.approx(120 / 25, abs=0.05)


def test_a_picture_that_is_not_later_is_dropped_and_counted():
    """No encoder takes two pictures for one moment."""
    pictures, _ = card(0, 5)
    _, packets, encoder = encoded([*pictures, CARD.picture(4), CARD.picture(5)], audio="")
    assert len(packets) == 6
    assert encoder.dropped == 1


# codecs


def test_a_missing_encoder_is_replaced_and_said_so(monkeypatch):
    """Without libx264 the stream is made by the nearest there is, and a sentence tells."""
    real = av.Codec

    def without(name, mode="r"):
        if name in ("libx264", "libopenh264"):
            raise av.codec.codec.UnknownCodecError(name)
        return real(name, mode)

    monkeypatch.setattr(av, "Codec", without)
    name, note = choose_encoder("libx264")
    assert name == "mpeg2video"
    assert "no libx264 encoder" in note
    header, packets, encoder = encoded(*card(0, 30))
    assert header.streams[0].codec == "mpeg2video"
    assert encoder.notes == [note]
    monkeypatch.undo()
    pictures, _, _ = decoded(header, packets)
    assert [number_of(p) for p in pictures] == list(range(30))


@pytest.mark.parametrize("codec", ["mpeg2video", "mpeg4"])
def test_the_replacements_lose_nothing(codec):
    """Every frame arrives through them as well."""
    header, packets, _ = encoded(*card(0, 30), video=codec, audio="mp2")
    pictures, _, _ = decoded(header, packets)
    assert [number_of(p) for p in pictures] == list(range(30))
    assert [info.codec for info in header.streams] == [codec, "mp2"]


def test_the_same_packets_give_the_same_pictures_each_time():
    """Decoding reads some bytes beyond a packet's end; what lies there must not matter."""
    header, packets, _ = encoded(card(0, 30)[0], video="mpeg4", audio="")
    outcomes = set()
    for _ in range(12):
        copies = [
            MediaPacket(0, bytes(bytearray(p.data)), p.pts, p.dts, 1, p.keyframe) for p in packets
        ]
        pictures, _, _ = decoded(header, copies)
        outcomes.add(hashlib.sha256(b"".join(bytes(p.planes[0]) for p in pictures)).hexdigest())
    assert len(outcomes) == 1


def test_a_packet_of_nothing_ends_nothing():
    """To FFmpeg an empty packet means the end of the stream; to a stream it is just empty."""
    header, packets, _ = encoded(card(0, 10)[0], audio="")
    packets.insert(5, MediaPacket(0, b"", 5, 5))
    pictures, _, _ = decoded(header, packets)
    assert [number_of(p) for p in pictures] == list(range(10))


def test_an_encoder_nobody_has_is_refused():
    """With its name, and where to look."""
    with pytest.raises(ValueError, match="no encoder 'libnothing'"):
        choose_encoder("libnothing")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"video": "", "audio": ""}, "at least one"),
        ({"bitrate": 5}, "bits a second"),
        ({"gop": -1}, "number of frames"),
        ({"channels": 3}, "1, 2 or 6"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong, why):
    """When they are said."""
    with pytest.raises(ValueError, match=why):
        EncodeSettings(**wrong)


# decoding what is damaged


def test_a_damaged_packet_costs_its_own_picture_and_is_counted():
    """Rubbish in the stream ends nothing."""
    header, packets, _ = encoded(card(0, 50)[0], audio="")
    packets[30] = MediaPacket(0, b"\x00\x00\x00\x01\x41" + b"\xff" * 40, 30, 30)
    pictures, _, decoder = decoded(header, packets)
    numbers = [number_of(p) for p in pictures]
    assert numbers[:30] == list(range(30))
    assert numbers[-1] == 49
    assert len(pictures) + decoder.damaged >= 49


def test_decoding_begins_at_a_key_frame():
    """What cannot be decoded before it is skipped and counted, not shown as grey."""
    header, packets, _ = encoded(card(0, 40)[0], audio="", gop=10)
    pictures, _, decoder = decoded(header, packets[7:])
    assert number_of(pictures[0]) == 10
    assert decoder.skipped == 3


def test_header_and_packets_travel_between_processes():
    """As they were sent, extradata and fractions included."""
    header, packets, _ = encoded(*card(0, 10))
    sent = [header, *packets]
    wire = encode(sent)
    assert decode(wire.payload, wire.buffers) == sent


# the parts


def test_the_interleaver_gives_order_of_time_and_of_arrival():
    """Nothing leaves while a live stream may still bring something earlier."""
    merged = Interleaver(2)
    merged.put(0, 0.0, "a0")
    assert list(merged.take()) == []
    merged.put(1, 0.0, "b0")
    assert list(merged.take()) == ["a0", "b0"]
    merged.put(1, 0.5, "b1")
    merged.put(0, 0.2, "a1")
    merged.put(0, 0.2, "a2")
    assert list(merged.take()) == ["a1", "a2"]
    merged.end(0)
    assert list(merged.take()) == ["b1"]


def test_the_interleaver_holds_no_more_than_its_span():
    """A stream that brings nothing holds the others back by so much and no more."""
    merged = Interleaver(2, span=1.0)
    held = []
    for n in range(100):
        merged.put(0, n / 10, n)
        list(merged.take())
        held.append(merged.held)
    assert max(held) <= 11


def test_the_timeline_leaves_times_alone_until_they_run_back():
    """Gaps stay; small steps back stay; a new beginning is moved to the end, both streams alike."""
    line = Timeline()
    step = Fraction(1, 25)
    assert line.place(VIDEO, Fraction(5), step) == 5
    assert line.place(AUDIO, Fraction(51, 10), step) == Fraction(51, 10)
    assert line.place(VIDEO, Fraction(9), step) == 9
    assert line.place(VIDEO, Fraction(89, 10), step) == Fraction(89, 10)
    assert line.place(VIDEO, Fraction(0), step) == 9 + step
    assert line.place(AUDIO, Fraction(1, 10), step) == 9 + step + Fraction(1, 10)
    assert line.beginnings == 1
