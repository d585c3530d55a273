"""Transport stream to fragmented MP4: cut at key frames, complete, and playable from any of them."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from kamesh import ComponentFailed, Graphline
from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media import RemuxMP4, StreamHeader
from kamesh.components.media.core.fragments import FragmentCutter
from kamesh.components.media.core.mpegts import TransportMuxer
from kamesh.components.media.core.settings import EncodeSettings
from kamesh.components.media.engine.card import read_number
from kamesh.components.media.engine.cardframes import CardFrames
from kamesh.components.media.engine.encoding import ProgrammeEncoder
from kamesh.components.media.engine.remuxing import remux
from kamesh.testing import Collector, Feeder


def transport(frames=100, **settings):
    """Chunks of MPEG-TS of the card."""
    card = CardFrames((320, 180), Fraction(25), tone=440, sample_rate=48000)
    encoder, muxer = ProgrammeEncoder(EncodeSettings(**settings)), TransportMuxer()
    messages = []
    for number in range(frames):
        messages += encoder.picture(card.picture(number))
        messages += encoder.sound(card.sound(number))
    messages += encoder.finish()
    muxer.begin(messages[0])
    return [muxer.mux(m) for m in messages if not isinstance(m, StreamHeader)]


@pytest.fixture(scope="module")
def chunks():
    """Four seconds of the card as MPEG-TS."""
    return transport()


@pytest.fixture(scope="module")
def pieces(chunks):
    """The same as fragmented MP4."""
    return list(remux(io.BytesIO(b"".join(c.data for c in chunks)).read))


def numbers(data):
    """The card's numbers in the pictures of a file."""
    found = []
    with av.open(io.BytesIO(data)) as media:
        for frame in media.decode(video=0):
            plane = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
            found.append(read_number(plane[: frame.height, : frame.width]))
    return found


def boxes(data):
    """The kinds of the boxes at the top of MP4 bytes."""
    kinds, at = [], 0
    while at < len(data):
        kinds.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


def test_the_head_comes_first_then_whole_fragments(pieces):
    """`ftyp` and `moov`, once; then pairs of `moof` and `mdat`."""
    assert isinstance(pieces[0], Preamble)
    assert boxes(pieces[0].data) == ["ftyp", "moov"]
    assert len(pieces) == 1 + 4
    for number, fragment in enumerate(pieces[1:]):
        assert isinstance(fragment, Chunk)
        assert boxes(fragment.data) == ["moof", "mdat"]
        assert (fragment.keyframe, fragment.sequence) == (True, number)


def test_nothing_is_lost_in_the_copy(pieces):
    """Each picture once, in order; and all the sound."""
    whole = b"".join(piece.data for piece in pieces)
    assert numbers(whole) == list(range(100))
    with av.open(io.BytesIO(whole)) as media:
        assert sum(f.samples for f in media.decode(audio=0)) >= 4 * 48000


def test_a_viewer_may_begin_with_any_fragment(pieces):
    """The head and what follows from there are a film of their own."""
    for first in range(1, 5):
        data = pieces[0].data + b"".join(piece.data for piece in pieces[first:])
        assert numbers(data) == list(range((first - 1) * 25, 100))


def test_fragments_come_while_the_stream_goes_on(chunks):
    """Each goes out when the next key frame has come, not at the end."""
    given = iter(chunks)
    taken = []

    def read(size):
        for chunk in given:
            taken.append(chunk)
            return chunk.data
        return b""

    for piece in remux(read):
        if isinstance(piece, Chunk) and piece.sequence == 0:
            break
    assert sum(chunk.keyframe for chunk in taken) <= 3
    assert len(taken) < len(chunks)


def test_pictures_alone_are_copied_too():
    """A stream without sound."""
    data = b"".join(c.data for c in transport(30, audio=""))
    pieces = list(remux(io.BytesIO(data).read))
    assert numbers(b"".join(p.data for p in pieces)) == list(range(30))


def test_what_is_no_transport_stream_is_refused():
    """In a sentence."""
    with pytest.raises(ValueError, match="not an MPEG transport stream"):
        list(remux(io.BytesIO(b"\x00no stream\x00" * 5000).read))


def test_a_stream_in_which_nothing_is_found_is_given_up():
    """Packets that never say what is in them: FFmpeg would look for ever, this does not."""
    given = 0

    def read(size):
        nonlocal given
        given += 188 * 100
        return (b"\x47\x1f\xff\x10" + bytes(184)) * 100

    with pytest.raises(ValueError, match=r"transport stream"):
        list(remux(lambda size: read(size)[: size // 188 * 188]))
    assert given < 50_000_000


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_the_cutter_takes_bytes_in_pieces_of_any_size(pieces, step):
    """The same comes out, byte for byte, as from one piece."""
    data = b"".join(piece.data for piece in pieces[:3])
    cutter = FragmentCutter()
    out = [item for at in range(0, len(data), step) for item in cutter.feed(data[at : at + step])]
    assert [item.data for item in out] == [piece.data for piece in pieces[:3]]


def test_the_cutter_refuses_what_is_no_box():
    """A size that cannot be, or is larger than a live stream's fragments are."""
    with pytest.raises(ValueError, match="no fragmented MP4"):
        FragmentCutter().feed(b"\x00\x00\x00\x02moof")
    with pytest.raises(ValueError, match="no fragmented MP4"):
        FragmentCutter().feed(b"\x7f\xff\xff\xffmdat")


def test_the_component_begins_at_a_key_frame(chunks):
    """What it is given in the middle of a picture group is left out."""
    got = Collector()
    component = RemuxMP4()
    Graphline(
        FEED=Feeder(chunks[10:]), REMUX=component, GOT=got,
        linkages={("FEED", "outbox"): ("REMUX", "inbox"), ("REMUX", "outbox"): ("GOT", "inbox")},
    ).run()  # fmt: skip
    assert numbers(b"".join(p.data for p in got.messages)) == list(range(25, 100))
    assert component.details() == {"fragments": 3}


def test_the_component_fails_with_a_sentence():
    """When what comes is no transport stream; a stream that never begins is no failure."""
    with pytest.raises(ComponentFailed, match="not an MPEG transport stream"):
        Graphline(
            FEED=Feeder([b"nothing of the kind" * 1000]), REMUX=RemuxMP4(),
            linkages={("FEED", "outbox"): ("REMUX", "inbox")},
        ).run()  # fmt: skip
    Graphline(
        FEED=Feeder([]), REMUX=RemuxMP4(), linkages={("FEED", "outbox"): ("REMUX", "inbox")}
    ).run()
