"""The law of framing: what comes out, and what is found wrong, is the same however bytes were cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh.components.framing import (
    Chunker,
    CutShort,
    DeChunker,
    DelimiterJoiner,
    DelimiterSplitter,
    FramingError,
    JSONJoiner,
    JSONSplitter,
    LineSplitter,
    MessagePackJoiner,
    MessagePackSplitter,
    MessageSplitter,
    NetstringJoiner,
    NetstringSplitter,
    PrefixJoiner,
    PrefixSplitter,
    Rechunker,
    RecordJoiner,
    RecordSplitter,
    frame_messages,
)

SOME = st.lists(st.binary(max_size=20), max_size=8)
SIZED = st.lists(st.binary(min_size=3, max_size=3), max_size=8)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
JSON = st.lists(PLAIN, max_size=5)
PAIRS = {
    "prefixes of 1": (lambda: PrefixJoiner(1), lambda: PrefixSplitter(1, longest=19), SOME),
    "prefixes of 2": (
        lambda: PrefixJoiner(2, "little"),
        lambda: PrefixSplitter(2, "little", longest=19),
        SOME,
    ),
    "prefixes of 4": (PrefixJoiner, lambda: PrefixSplitter(longest=19), SOME),
    "prefixes of 8": (lambda: PrefixJoiner(8), lambda: PrefixSplitter(8, longest=19), SOME),
    "varints": (
        lambda: PrefixJoiner("varint"),
        lambda: PrefixSplitter("varint", longest=300),
        st.lists(st.binary(max_size=20) | st.just(b"x" * 299), max_size=5),
    ),
    "netstrings": (NetstringJoiner, lambda: NetstringSplitter(19), SOME),
    "records": (lambda: RecordJoiner(3), lambda: RecordSplitter(3), SIZED),
    "pieces": (lambda: RecordJoiner(3), lambda: Rechunker(3), SIZED),
    "delimiters": (
        lambda: DelimiterJoiner(b"\r\n"),
        lambda: DelimiterSplitter(b"\r\n", longest=19, last="refuse"),
        st.lists(st.binary(max_size=20).filter(lambda frame: b"\r" not in frame), max_size=8),
    ),
    "chunks": (Chunker, lambda: DeChunker(longest=40), SOME),
    "chunks of Xs": (
        lambda: Chunker(b"XX"),
        lambda: DeChunker(b"XX", longest=40),
        st.lists(st.text("X%5a", max_size=9).map(str.encode), max_size=8),
    ),
    "JSON": (JSONJoiner, JSONSplitter, JSON),
    "MessagePack": (
        MessagePackJoiner,
        lambda: MessagePackSplitter(200),
        st.lists(PLAIN, max_size=5),
    ),
}


def pieces(data, stream):
    """Cut a stream anywhere."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def outcome(core, parts):
    """Give what comes out of a stream in parts, and the mistake that ends it."""
    made = []
    try:
        for part in parts:
            made += core.feed(part)
        made += core.finish()
    except FramingError as error:
        return made, type(error), str(error)
    except UnicodeDecodeError as error:  # says where in the piece, which is not the same
        return made, type(error), error.reason
    return made, None, None


@pytest.mark.parametrize("kind", PAIRS)
@settings(max_examples=40)
@given(st.data())
def test_what_was_joined_comes_out_again(kind, data):
    """A splitter gives what the joiner was given, up to a frame that is too long, for any cuts."""
    joiner, splitter, messages = PAIRS[kind]
    given_ = data.draw(messages)
    join = joiner()
    stream = b"".join(part for message in given_ for part in join.feed(message))
    stream += b"".join(join.finish())
    made, kind_of_mistake, text = outcome(splitter(), pieces(data, stream))
    assert (made, kind_of_mistake, text) == outcome(splitter(), [stream])
    assert repr(made) == repr(given_[: len(made)])  # 1, 1.0 and True are not the same here
    if kind_of_mistake is None:
        assert len(made) == len(given_)
    else:
        assert kind_of_mistake.__name__ == "FrameTooLong"


@pytest.mark.parametrize("kind", [*PAIRS, "lines", "messages"])
@settings(max_examples=40)
@given(st.data())
def test_any_bytes_come_to_the_same(kind, data):
    """For bytes that nobody joined too, what comes before the mistake and its words are the same."""
    if kind == "lines":
        splitter, whole = lambda: LineSplitter(longest=6), b"one\nt\xc3\xa4wo\r\nthree\n"
    elif kind == "messages":
        splitter, whole = MessageSplitter, frame_messages([1, "two", b"3" * 20])
    else:
        joiner, splitter, messages = PAIRS[kind]
        join = joiner()
        whole = b"".join(part for m in data.draw(messages) for part in join.feed(m))
    at = data.draw(st.integers(0, len(whole)))
    stream = (
        whole[:at] + data.draw(st.binary(max_size=6)) + whole[at + data.draw(st.integers(0, 2)) :]
    )
    assert repr(outcome(splitter(), pieces(data, stream))) == repr(outcome(splitter(), [stream]))


@pytest.mark.parametrize("kind", [each for each in PAIRS if each not in ("pieces", "JSON")])
@settings(max_examples=40)
@given(st.data())
def test_a_cut_stream_is_said_or_seen(kind, data):
    """A stream that ends in mid-frame is CutShort, with every whole frame before it given."""
    joiner, splitter, messages = PAIRS[kind]
    join = joiner()
    frames = [b"".join(join.feed(message)) for message in data.draw(messages.filter(len))]
    stream = b"".join(frames)
    end = data.draw(st.integers(0, len(stream)))
    _, mistake, text = outcome(splitter(), [stream[:end]])
    boundaries = {0}
    for frame in frames:
        boundaries.add(max(boundaries) + len(frame))
    if mistake is CutShort:
        assert end not in boundaries
        assert "the stream ended in the middle of" in text
    elif mistake is None and not kind.startswith("chunks"):  # of those, the marker ends any
        assert end in boundaries
