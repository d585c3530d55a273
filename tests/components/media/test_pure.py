"""What media components decide without PyAV: streams chosen, words read, ticks, subtitles, addresses."""

import shlex
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.media.core.addresses import check_address, shown_address
from kamesh.components.media.core.captions import caption, caption_head
from kamesh.components.media.core.filterwords import filter_words, open_labels
from kamesh.components.media.core.selection import Known, check_choice, choose
from kamesh.components.media.core.showing import MOST, Showing
from kamesh.components.media.core.startcodes import byte_stream_head, has_lengths
from kamesh.components.media.core.styling import plain_text
from kamesh.components.media.core.ticks import LONGEST, Ticks, checked_rate
from kamesh.components.media.engine.drawing import place
from kamesh.components.media.images import numbered
from kamesh.components.media.messages import Subtitle
from kamesh.components.media.reading import MediaInput
from kamesh.components.media.trouble import MediaError, because

# which stream

TRACKS = [Known("eng"), Known("deu", default=True), Known("ger")]


@pytest.mark.parametrize(
    ("choice", "place"), [(None, 1), (False, None), (0, 0), (2, 2), ("eng", 0), ("de", 1), ("EN", 0)]
)
def test_streams_are_chosen_by_number_and_by_language(choice, place):
    """None is what the container says is the usual one; two letters mean what three mean."""
    assert choose("film", "audio", TRACKS, choice) == place


def test_a_stream_that_is_not_there_is_refused_with_those_that_are():
    """By number and by language."""
    with pytest.raises(MediaError, match=r"film has no audio in 'fra': it has 0 \(eng\), 1 \(deu\)"):
        choose("film", "audio", TRACKS, "fra")
    with pytest.raises(MediaError, match="film has no video stream 0: it has none"):
        choose("film", "video", [], 0)


def test_a_cover_is_never_the_best():
    """Not even where there is nothing else; asked for by its number it is had."""
    assert choose("song", "video", [Known(cover=True)], None) is None
    assert choose("song", "video", [Known(cover=True)], 0) == 0
    assert choose("film", "video", [Known(playable=False), Known()], None) == 1


@pytest.mark.parametrize("wrong", [True, -1])
def test_a_choice_that_cannot_be_meant_is_refused(wrong):
    """At once."""
    with pytest.raises(ValueError, match="write a number from 0"):
        check_choice("audio", wrong)


# filter graphs


def test_a_chain_and_its_labels_are_read():
    """Names, arguments, labels, chains; blanks mean nothing."""
    words = filter_words(" [a] scale = 640:-1 , hflip [b] ; [b][c]overlay=10:10[out] ")
    assert [(w.name, w.arguments, w.inputs, w.outputs, w.chain) for w in words] == [
        ("scale", "640:-1", ("a",), (), 0),
        ("hflip", "", (), ("b",), 0),
        ("overlay", "10:10", ("b", "c"), ("out",), 1),
    ]
    assert open_labels(words) == (["a", "c"], ["out"])


@given(some.text(alphabet="ab,;[]=\\' :", max_size=12))
def test_an_argument_that_is_quoted_comes_through_as_it_is(text):
    """Whatever is in it."""
    quoted = "".join(f"\\{each}" for each in text)
    (word,) = filter_words(f"volume={quoted}x")
    assert word.arguments == (text + "x").strip()


@given(some.text(alphabet="ab,;[]='\\@ ", max_size=20))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    """Nothing else is ever raised."""
    with suppress(MediaError):
        open_labels(filter_words(text))


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "has one filter at least"), ("hflip,,vflip", "a filter is missing, at character 7"),
     ("[a", "a label is"), ("volume='1", "a quote is never closed"), ("a]b", "out of place"),
     ("split[a][a]", "given twice")],
)  # fmt: skip
def test_a_graph_that_cannot_be_read_is_refused_with_the_place(text, why):
    """In a sentence."""
    with pytest.raises(MediaError, match=why):
        open_labels(filter_words(text))


# ticks


@pytest.mark.parametrize(
    ("rate", "onto", "expected"),
    [
        (25, 50, [0, 0, 1, 1, 2, 2, 3, 3]),
        (50, 25, [0, 2]),
        (25, 25, [0, 1, 2, 3]),
        (24, 30, [0, 1, 1, 2, 3]),
    ],
)
def test_pictures_are_repeated_and_left_out_by_their_times(rate, onto, expected):
    """Four pictures of one rate on the ticks of another."""
    ticks = Ticks(Fraction(onto))
    shown = [each for n in range(4) for each in ticks.place(Fraction(n, rate), n)] + ticks.finish()
    assert [item for _, item in shown] == expected
    assert [tick for tick, _ in shown] == list(range(len(expected)))


@given(
    some.fractions(min_value=1, max_value=120, max_denominator=1001),
    some.fractions(min_value=1, max_value=120, max_denominator=1001),
    some.integers(1, 60),
)
def test_ticks_never_drift(rate, onto, count):
    """Ticks come without a gap, and as many as the time that the pictures cover holds."""
    ticks = Ticks(onto)
    shown = [each for n in range(count) for each in ticks.place(n / rate, n, 1 / rate)]
    shown += ticks.finish()
    assert [tick for tick, _ in shown] == list(range(len(shown)))
    assert abs(len(shown) - count / rate * onto) <= Fraction(1, 2)
    assert ticks.repeated - ticks.dropped == len(shown) - count


def test_a_long_gap_stays_a_gap_and_a_step_back_is_followed():
    """A camera that slept does not make thousands of copies."""
    ticks = Ticks(Fraction(25))
    ticks.place(Fraction(0), "a")
    assert ticks.place(Fraction(LONGEST + 1), "b") == [(0, "a")]
    assert ticks.place(Fraction(0), "c") == [(25 * (LONGEST + 1), "b")]
    assert ticks.finish() == [(0, "c")]


@pytest.mark.parametrize("wrong", ["fast", 0, -1, 5000, "1/0"])
def test_a_rate_that_is_none_is_refused(wrong):
    """In words."""
    with pytest.raises(ValueError, match=r"rate|pictures come"):
        checked_rate(wrong)


# subtitles


def test_what_is_seen_is_what_has_begun_and_not_ended():
    """Two at a time are seen below one another; an empty one takes all away."""
    showing = Showing()
    for subtitle in (Subtitle("A", 1, 3), Subtitle("B", 2, 4), Subtitle("", 3.5, 3.5)):
        assert not showing.knows(subtitle.start)
        showing.add(subtitle)
    assert [showing.at(t) for t in (0.5, 1, 2, 3, 3.4, 3.5, 9)] == ["", "A", "A\nB", "B", "B", "", ""]
    assert showing.knows(3.4)
    assert not showing.knows(3.5)
    showing.end()
    assert showing.knows(1e9)


def test_no_more_subtitles_are_kept_than_can_be():
    """Whoever sends a day's worth at once costs no more than a bounded list."""
    showing = Showing()
    for n in range(MOST + 10):
        showing.add(Subtitle("x", n + 1.0, n + 2.0))
    assert showing.forgotten == 10


def test_styling_is_taken_off():
    """Of ASS, SRT and WebVTT."""
    assert plain_text(r"{\an8}<i>Good</i> evening,\Nand <c.red>welcome</c> &amp; hello") == (
        "Good evening,\nand welcome & hello"
    )
    assert plain_text("1 < 2 and 3 > 2\r\n") == "1 < 2 and 3 > 2"


def test_captions_are_written_as_their_forms_ask():
    """SRT with a comma, WebVTT with a point and a head."""
    one = Subtitle("A --> B\n & C", 3661.5, 3662.0004)
    assert caption("srt", 7, one) == "7\n01:01:01,500 --> 01:01:02,000\nA --> B\n& C\n\n"
    assert caption("webvtt", 7, one) == (
        "7\n01:01:01.500 --> 01:01:02.000\nA --&gt; B\n&amp; C\n\n"
    )
    assert caption("srt", 1, Subtitle(" \n ")) == ""
    assert "00:00:05,000" in caption("srt", 1, Subtitle("for ever"))
    assert (caption_head("srt"), caption_head("webvtt")) == ("", "WEBVTT\n\n")


# addresses


@pytest.mark.parametrize("wrong", ["film.mp4", "file:///etc/passwd", "pipe://0", "rtsp://", "concat://a"])
def test_an_address_that_leads_to_this_host_is_refused(wrong):
    """And what is no address at all."""
    with pytest.raises(ValueError, match=r"address|no protocol|names no host"):
        check_address(wrong)


def test_a_password_is_never_shown():
    """Nor the name."""
    assert shown_address("rtsp://me:secret@camera:554/1?x=2") == "rtsp://camera:554/1?x=2"


# bytes


def pieces_of(*pieces):
    """Give what takes one after the other, then None for ever."""
    waiting = list(pieces)
    return lambda: waiting.pop(0) if waiting else None


def all_of(source):
    """Read one container to its end, three bytes at a time."""
    out = b""
    while data := source.read(3):
        out += data
    return out


def test_reading_begins_where_a_newcomer_may():
    """Chunks before the first that may be begun with are left out."""
    source = MediaInput(pieces_of(Chunk(b"no", False), Chunk(b"yes"), Chunk(b"and", False)))
    assert source.begin()
    assert all_of(source) == b"yesand"
    assert not source.begin()


def test_a_preamble_begins_a_new_container():
    """What is left of the one before is skipped if nobody read it."""
    source = MediaInput(
        pieces_of(Preamble(b"A"), Chunk(b"aa"), Preamble(b"B"), Chunk(b"bb"), Preamble(b"C"))
    )
    assert source.begin()
    assert all_of(source) == b"Aaa"
    assert source.begin()
    assert source.read(1) == b"B"
    assert source.begin()
    assert all_of(source) == b"C"
    assert not source.begin()
    assert not MediaInput(pieces_of()).begin()


def test_parameter_sets_are_given_start_codes():
    """Of avcC, also one that is cut; a byte stream is left as it is."""
    avcc = b"\x01\x64\x00\x1f\xff\xe1\x00\x03\x67AB\x01\x00\x02\x68C"
    assert byte_stream_head("h264", avcc) == b"\0\0\0\1\x67AB\0\0\0\1\x68C"
    assert byte_stream_head("h264", avcc[:-1]) == b"\0\0\0\1\x67AB"
    assert byte_stream_head("h264", b"\0\0\0\1\x67") == b"\0\0\0\1\x67"
    assert not has_lengths("aac", b"\x01\x02")


@given(some.binary(max_size=60), some.sampled_from(["h264", "hevc"]))
def test_damaged_parameter_sets_raise_nothing(data, codec):
    """Whatever the bytes."""
    byte_stream_head(codec, b"\x01" + data)


# other words


def test_numbers_are_put_into_names():
    """As printf would."""
    assert numbered("shot%04d.png", 7) == "shot0007.png"
    assert numbered("shot%d.png", 12) == "shot12.png"
    assert numbered("100%.png", 7) == "100%.png"


@pytest.mark.parametrize(
    ("position", "corner"),
    [("center", (40, 20)), ("top left", (2, 2)), ("bottom right", (78, 38)), ("bottom", (40, 38)),
     ((5, 6), (5, 6)), ((-1, -1), (80, 40))],
)  # fmt: skip
def test_a_layer_has_its_place(position, corner):
    """20 x 10 in a picture of 100 x 50."""
    assert place(position, (20, 10), (100, 50)) == corner


def test_a_place_that_is_none_is_refused():
    """With those there are."""
    with pytest.raises(ValueError, match="no place in a picture"):
        place("upstairs", (1, 1), (10, 10))


def test_errors_are_told_in_plain_words():
    """By number; what is not known, in FFmpeg's own."""
    assert because(ConnectionRefusedError(111, "refused")) == "nothing listens there"
    assert because(OSError(5, "Input/output error")) == "FFmpeg says only 'Input/output error'"
    assert because(OSError(16, "busy")) == "it is in use by another program"
    assert shlex.split(because(ValueError("odd"))) == ["odd"]
