"""Encryption: what comes out was put in, in its place, or there is a sentence."""

import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from kamesh import ComponentFailed, Pipeline
from kamesh.components.framing import (
    BadFrame,
    CutShort,
    Decrypt,
    Decryptor,
    Encrypt,
    Encryptor,
    WrongKey,
)
from kamesh.components.sources import DataSink, DataSource

KEY = bytes(range(32))
CIPHERS = ["chacha20-poly1305", "aes-256-gcm"]


def sealed(messages, **options):
    """Encrypt messages; give the stream's parts: the head, a chunk for each, the last chunk."""
    encryptor = Encryptor(KEY, **options) if "passphrase" not in options else Encryptor(**options)
    head, first = (encryptor.feed(messages[0])) if messages else (encryptor.finish())
    chunks = [part for message in messages[1:] for part in encryptor.feed(message)]
    return [head, first, *chunks, *(encryptor.finish() if messages else [])]


def opened(stream, key=KEY):
    """Decrypt a stream that is here as a whole; give its messages."""
    decryptor = Decryptor(key)
    return decryptor.feed(stream) + decryptor.finish()


@pytest.mark.parametrize("cipher", CIPHERS)
@settings(max_examples=30, deadline=None)
@given(messages=st.lists(st.binary(max_size=50), max_size=5), step=st.integers(1, 60))
def test_there_and_back(cipher, messages, step):
    """Every message comes out as it was, however the stream was cut."""
    stream = b"".join(sealed(messages, cipher=cipher))
    decryptor = Decryptor(KEY)
    got = [m for at in range(0, len(stream), step) for m in decryptor.feed(stream[at : at + step])]
    assert got + decryptor.finish() == messages


def test_large_messages_are_cut():
    """A message of more than 64 KiB comes in pieces of that, in order."""
    message = secrets.token_bytes(150_000)
    encryptor = Encryptor(KEY)
    got = opened(b"".join(encryptor.feed(message) + encryptor.finish()))
    assert [len(piece) for piece in got] == [65536, 65536, 18928]
    assert b"".join(got) == message


def test_golden_bytes():
    """The form is what the docstring says, made here by the library's own hands."""
    head, chunk, last = sealed([b"meet me"], random=lambda size: b"s" * size)
    info = b"kamesh-e\1\0"
    made = HKDF(SHA256(), 64, b"s" * 32, info).derive(KEY)
    assert head == info + b"s" * 32 + made[32:]
    aead = ChaCha20Poly1305(made[:32])
    assert chunk == b"\0\0\0\7" + aead.encrypt(bytes(12), b"meet me", b"\0\0\0\7")
    assert last == b"\x80\0\0\0" + aead.encrypt(bytes(10) + b"\1\1", b"", b"\x80\0\0\0")


def test_the_same_never_looks_the_same():
    """Two streams of the same bytes have nothing in common but the first ten bytes."""
    one, two = (b"".join(sealed([b"meet me"])) for _ in range(2))
    assert one[:10] == two[:10]
    assert one[10:42] != two[10:42]
    assert one[42:] != two[42:]


def decryptor_gives(decryptor, stream):
    """Feed a stream that is not genuine byte by byte; give what comes before that is said."""
    got = []
    try:
        for byte in stream:
            got += decryptor.feed(bytes([byte]))
        decryptor.finish()
    except (BadFrame, CutShort, WrongKey):
        return got
    raise AssertionError("nothing was said")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_any_bit_changed(cipher):
    """Whichever bit is changed, nothing from that chunk on comes out, and it is said."""
    parts = sealed([b"one", b"two"], cipher=cipher)
    stream = b"".join(parts)
    for at in range(len(stream)):
        changed = bytearray(stream)
        changed[at] ^= 1 << at % 8
        decryptor = Decryptor(KEY)
        got = decryptor_gives(decryptor, changed)
        assert got == [b"one", b"two"][: len(got)]
        if at < len(parts[0]) + len(parts[1]):
            assert got == []


def test_chunks_out_of_place():
    """One left out, twice, in another order, from another stream, or after the end: all are said."""
    head, one, two, last = sealed([b"one", b"two"])
    _, other, _, _ = sealed([b"one", b"two"])
    for parts in ([two, one, last], [one, one, two, last], [two, last], [other, two, last], [last]):
        with pytest.raises(
            BadFrame, match="is not what was sent: it was changed on its way, or one"
        ):
            opened(head + b"".join(parts))
    decryptor = Decryptor(KEY)
    assert decryptor.feed(head + one + two + last + b"more") == [b"one", b"two"]
    with pytest.raises(BadFrame, match="something comes after the end"):
        decryptor.finish()


def test_cut_off_anywhere():
    """A stream without its last chunk is said, wherever it ends; one of which nothing came too."""
    stream = b"".join(sealed([b"one", b"two"]))
    for end in range(len(stream)):
        with pytest.raises(CutShort, match="its last chunk never came"):
            opened(stream[:end])
    assert opened(b"".join(sealed([]))) == []


def test_another_key():
    """Another key is told from a damaged stream; a passphrase from a key."""
    stream = b"".join(sealed([b"one"]))
    with pytest.raises(WrongKey, match="encrypted with another key, or its head was changed"):
        opened(stream, bytes(32))
    with pytest.raises(WrongKey, match="encrypted with a key, and not with a passphrase"):
        Decryptor(passphrase="sesame").feed(stream)


def test_a_passphrase():
    """Words will do, however their accents are written; other words are told."""
    stream = b"".join(sealed([b"one"], passphrase="caf\u00e9", cost=10))
    decryptor = Decryptor(passphrase="cafe\u0301")
    assert decryptor.feed(stream) + decryptor.finish() == [b"one"]
    with pytest.raises(WrongKey, match="another passphrase"):
        Decryptor(passphrase="tea").feed(stream)
    with pytest.raises(WrongKey, match="encrypted with a passphrase, and not with a key"):
        opened(stream)


def test_nobody_is_made_to_work_for_hours():
    """A head that asks for more work or memory than is sensible is refused unread."""
    stream = b"kamesh-e\1\x1f" + bytes(64)
    with pytest.raises(BadFrame, match="a head that is not known here"):
        Decryptor(passphrase="sesame").feed(stream)


def test_a_chunk_that_claims_much():
    """A length that no chunk has is refused when it is read: nothing is kept for it."""
    head, *_ = sealed([b"one"])
    with pytest.raises(BadFrame, match="chunk 1 of the encrypted stream is not what was sent"):
        Decryptor(KEY).feed(head + b"\x7f\xff\xff\xff")


def test_something_else():
    """What Encrypt did not make is said as soon as it differs."""
    with pytest.raises(BadFrame, match="no stream that Encrypt has made"):
        opened(b"\x1f\x8b")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "a key of 32 bytes or a passphrase, one of the two"),
        ({"key": KEY, "passphrase": "x"}, "one of the two"),
        ({"key": b"short"}, "a key is 32 bytes"),
        ({"key": "p" * 32}, "for words, write passphrase="),
        ({"passphrase": ""}, "protects nothing"),
        ({"passphrase": 1234}, "digits stand in quotes"),
        ({"passphrase": b"short"}, "a passphrase is text"),
        ({"passphrase": "short\udcff"}, "no form in UTF-8"),
    ],
)
def test_what_is_no_key(options, words):
    """It is refused when the component is made, and not repeated in the sentence."""
    for kind in (Encrypt, Decrypt):
        with pytest.raises(ValueError, match=words) as raised:
            kind(**options)
        assert "short" not in str(raised.value)
        assert "pppp" not in str(raised.value)
        assert "1234" not in str(raised.value)


def test_refused_at_once():
    """A cipher or a cost there is not."""
    with pytest.raises(ValueError, match="chacha20-poly1305 or aes-256-gcm"):
        Encrypt(KEY, cipher="rot13")
    with pytest.raises(ValueError, match="10 to 20, and not 30"):
        Encrypt(passphrase="x", cost=30)


def test_a_key_is_never_shown():
    """Neither the components, their cores nor their figures tell it."""
    for each in (Encrypt(KEY), Decrypt(KEY), Encryptor(KEY), Decryptor(passphrase="sesame")):
        shown = f"{each!r} {each} {getattr(each, 'statistics', str)()}"
        assert repr(KEY)[2:-1] not in shown
        assert "sesame" not in shown


def test_what_was_genuine_before_a_mistake_is_sent():
    """The messages before a damaged chunk arrive, and the sentence has the stream's name."""
    head, one, two, _last = sealed([b"one", b"two"])
    got = []
    with pytest.raises(ComponentFailed) as raised:
        Pipeline(
            DataSource([head + one + two[:-1] + b"!"]), Decrypt(KEY, source="a.bin"), DataSink(got)
        ).run()
    assert got == [b"one"]
    assert raised.value.failure.message.startswith("a.bin: chunk 2 of the encrypted stream is not")
