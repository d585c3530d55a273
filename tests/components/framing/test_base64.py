"""Base64: the same as Python's and the system's own, in pieces."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh import ComponentFailed, Pipeline
from kamesh.components.framing import (
    BadFrame,
    Base64Decoder,
    Base64Encoder,
    CutShort,
    DecodeBase64,
    EncodeBase64,
)
from kamesh.components.sources import DataSink, DataSource


def all_of(core, pieces):
    """Feed pieces; give all that comes, as one."""
    return b"".join([part for piece in pieces for part in core.feed(piece)] + core.finish())


@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(1, 9))
def test_it_is_pythons_own(pieces, step):
    """In one line and in lines of 76, for any pieces; and it decodes to the same, for any cuts."""
    data = b"".join(pieces)
    assert all_of(Base64Encoder(), pieces) == base64.b64encode(data)
    assert all_of(Base64Encoder(76), pieces) == base64.encodebytes(data)
    url = all_of(Base64Encoder(alphabet="url"), pieces)
    assert url == base64.urlsafe_b64encode(data).rstrip(b"=")
    for alphabet, text in (("standard", base64.encodebytes(data)), ("url", url)):
        cut = [text[at : at + step] for at in range(0, len(text), step)]
        assert all_of(Base64Decoder(alphabet), cut) == data


@pytest.mark.parametrize(
    "text",
    [
        b"b25l*AAA",
        b"b2=l",
        b"====",
        b"b25=l",
        b"bw==bw==",
        b"b25l-_==",
        b"b===",
        b"\xff\xff\xff\xff",
    ],
)
@pytest.mark.parametrize("step", [1, 2, 100])
def test_what_is_not_base64(text, step):
    """Other characters, and anything after the end, are refused, however they are cut."""
    with pytest.raises(BadFrame, match="this is not Base64, after"):
        all_of(Base64Decoder(), [text[at : at + step] for at in range(0, len(text), step)])


@pytest.mark.parametrize(
    ("text", "good", "words"),
    [
        (b"b25lb25l*AAA", b"oneone", "after 8 characters: Only base64 data is allowed"),
        (b"b25lb25l====", b"oneone", "after 8 characters: "),
        (b"b25lbw==b25l", b"oneo", "after 8 characters: something comes after its end"),
    ],
)
def test_what_comes_before_a_mistake(text, good, words):
    """It is given, and the mistake is the same, however they are cut."""
    for step in (1, 3, 4, 100):
        got = []
        cut = [text[at : at + step] for at in range(0, len(text), step)]
        with pytest.raises(ComponentFailed, match=words):
            Pipeline(DataSource(cut), DecodeBase64(), DataSink(got)).run()
        assert b"".join(got) == good


@pytest.mark.parametrize(
    ("text", "alphabet"), [(b"b", "url"), (b"b2", "standard"), (b"b25ldHd", "standard")]
)
def test_cut_off(text, alphabet):
    """What ends within four characters is said, unless the alphabet lets the = be left out."""
    with pytest.raises(CutShort, match=f"after {len(text)} characters: it comes in fours"):
        all_of(Base64Decoder(alphabet), [text])


def test_the_other_alphabet():
    """What is written for URLs is not read as the standard one, nor the other way round."""
    data = os.urandom(3) + b"\xfb\xff\xbf"
    with pytest.raises(BadFrame):
        all_of(Base64Decoder(), [base64.urlsafe_b64encode(data)])
    with pytest.raises(BadFrame):
        all_of(Base64Decoder("url"), [base64.b64encode(data)])


def test_refused_at_once():
    """A width that four does not divide, and an alphabet there is not."""
    with pytest.raises(ValueError, match="not 75"):
        EncodeBase64(75)
    with pytest.raises(ValueError, match="'standard' or 'url', not 'crockford'"):
        DecodeBase64("crockford")
