"""Every framing component keeps a component's promises, and names the sender's mistakes."""

import gzip
import re

import pytest

from kamesh import Component, ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components import framing
from kamesh.components.framing import (
    BytesToMessages,
    Compress,
    DataChunker,
    DataDeChunker,
    DecodeBase64,
    Decompress,
    Decrypt,
    Digest,
    EncodeBase64,
    Encrypt,
    JoinDelimited,
    JoinJSON,
    JoinLines,
    JoinMessagePack,
    JoinNetstrings,
    JoinPrefixed,
    JoinRecords,
    MessagesToBytes,
    Rechunk,
    SplitDelimited,
    SplitJSON,
    SplitLines,
    SplitMessagePack,
    SplitNetstrings,
    SplitPrefixed,
    SplitRecords,
    frame_messages,
)
from kamesh.components.sources import DataSink, DataSource
from kamesh.testing import keeps_promises, run

KEY = bytes(range(32))
MADE = {  # what makes the component, messages for it, and what comes of them
    "SplitLines": (SplitLines, [b"one\ntw", b"o\n"], ["one", "two"]),
    "JoinLines": (JoinLines, ["one", 2], b"one\n2\n"),
    "SplitPrefixed": (lambda: SplitPrefixed(1), [b"\3one\2t", b"w"], [b"one", b"tw"]),
    "JoinPrefixed": (lambda: JoinPrefixed(1), [b"one", b"two"], b"\3one\3two"),
    "SplitNetstrings": (SplitNetstrings, [b"3:one,3:t", b"wo,"], [b"one", b"two"]),
    "JoinNetstrings": (JoinNetstrings, [b"one", b"two"], b"3:one,3:two,"),
    "SplitRecords": (lambda: SplitRecords(2), [b"abc", b"d"], [b"ab", b"cd"]),
    "JoinRecords": (lambda: JoinRecords(2), [b"ab", b"cd"], b"abcd"),
    "Rechunk": (lambda: Rechunk(2), [b"abc", b"d"], [b"ab", b"cd"]),
    "SplitDelimited": (lambda: SplitDelimited(b"; "), [b"one; two;", b" "], [b"one", b"two"]),
    "JoinDelimited": (lambda: JoinDelimited(b";"), [b"one", b"two"], b"one;two;"),
    "DataChunker": (lambda: DataChunker(b"<>"), [b"one", b"two"], b"<>one<>two"),
    "DataDeChunker": (lambda: DataDeChunker(b"<>"), [b"<>one<", b">two"], [b"one", b"two"]),
    "SplitJSON": (SplitJSON, [b'1\n"tw', b'o"\n'], [1, "two"]),
    "JoinJSON": (JoinJSON, [1, "two"], b'1\n"two"\n'),
    "SplitMessagePack": (SplitMessagePack, [b"\1\xa3tw", b"o"], [1, "two"]),
    "JoinMessagePack": (JoinMessagePack, [1, "two"], b"\1\xa3two"),
    "MessagesToBytes": (MessagesToBytes, [1, "two"], None),
    "BytesToMessages": (BytesToMessages, [frame_messages([1, (2,)])], [1, (2,)]),
    "EncodeBase64": (EncodeBase64, [b"one", b"two"], b"b25ldHdv"),
    "DecodeBase64": (DecodeBase64, [b"b25l", b"dHdv"], [b"one", b"two"]),
    "Compress": (Compress, [b"one", b"two"], None),
    "Decompress": (Decompress, [gzip.compress(b"one")], [b"one"]),
    "Encrypt": (lambda: Encrypt(KEY), [b"one", b"two"], None),
    "Digest": (lambda: Digest("md5"), [b"one", b"two"], ["5b9164ad6f496d9dee12ec7634ce253f"]),
}
TAKE_ANYTHING = ("JoinLines", "JoinJSON", "JoinMessagePack", "MessagesToBytes")


@pytest.mark.parametrize("name", MADE)
def test_it_keeps_its_promises(name):
    """It ends with its stream and when told, takes no more than it can hand on, and does its work."""
    make, messages, expected = MADE[name]
    sent = keeps_promises(make, messages) if name != "Encrypt" else run(make(), messages)["outbox"]
    if isinstance(expected, bytes):
        assert b"".join(sent) == expected
    elif expected is not None:
        assert sent == expected


def test_none_is_forgotten():
    """Each component that the package has is among those tested here, or has tests of its own."""
    there_are = {
        name
        for name in framing.__all__
        if isinstance(getattr(framing, name), type)
        and issubclass(getattr(framing, name), Component)
    }
    assert there_are == {*MADE, "Decrypt"}


class Breaking(Component):
    """Sends its messages, and breaks."""

    inboxes = {"control": "not read"}

    def __init__(self, messages):
        self.messages = messages

    def main(self):
        self.send_all(self.messages)
        yield
        raise RuntimeError("the disk broke")


@pytest.mark.parametrize(
    ("make", "message", "sent"),
    [
        (SplitLines, b"one\ntwo", ["one"]),
        (lambda: Rechunk(2), b"one", [b"on"]),
        (lambda: DataDeChunker(b"<>"), b"<>one<>two", [b"one"]),
        (EncodeBase64, b"onetw", [b"b25l"]),
        (Digest, b"one", []),
        (lambda: Pipeline(Compress(live=True), Decompress()), b"one", [b"one"]),
        (lambda: Pipeline(Encrypt(KEY), Decrypt(KEY)), b"one", [b"one"]),
    ],
)
def test_a_stream_that_breaks_off_has_no_end(make, message, sent):
    """What was whole before that is sent on, and nothing else: no last frame, no seal and no hash."""
    made, sink = make(), DataSink()
    Graphline(
        SOURCE=Breaking([message]), MADE=made, SINK=sink,
        linkages={("SOURCE", "outbox"): ("MADE", "inbox"), ("MADE", "outbox"): ("SINK", "inbox")},
        on_failure="continue",
    ).run()  # fmt: skip
    assert sink.messages == sent
    assert sink.inbox.failure.message == "the disk broke"


@pytest.mark.parametrize("make", [lambda: Encrypt(KEY), Compress])
def test_what_was_made_of_a_broken_stream_is_seen_to_be_cut(make):
    """It goes through a file or a network, and whoever opens it there is told."""
    sink = DataSink()
    Graphline(
        SOURCE=Breaking([b"one"]), MADE=make(), SINK=sink,
        linkages={("SOURCE", "outbox"): ("MADE", "inbox"), ("MADE", "outbox"): ("SINK", "inbox")},
        on_failure="continue",
    ).run()  # fmt: skip
    opener = Decompress() if make is Compress else Decrypt(KEY)
    with pytest.raises(ComponentFailed) as raised:
        run(opener, sink.messages)
    assert raised.value.failure.error == "CutShort"


@pytest.mark.parametrize("name", [each for each in MADE if each not in TAKE_ANYTHING])
def test_what_is_not_bytes(name):
    """Whoever takes bytes refuses anything else by its type, with the way out for a str."""
    make, _, _ = MADE[name]
    with pytest.raises(ComponentFailed) as raised:
        run(make(), ["text"])
    assert raised.value.failure.error == "NotBytes"
    assert raised.value.failure.message == (
        f"{name} takes bytes, and was sent a message of the type str; str.encode makes bytes of it"
    )


@pytest.mark.parametrize(
    ("make", "message", "whole", "words"),
    [
        (lambda: SplitPrefixed(1, source="a.bin"), b"\3one\3tw", b"one",
         "a.bin: the stream ended in the middle of frame 2: it has 3 bytes, and 2 of them came"),
        (lambda: SplitNetstrings(source="a.bin"), b"3:one,3:tw", b"one",
         "a.bin: the stream ended in the middle of netstring 2: it has 3 bytes, and 2 of them came"),
        (lambda: SplitRecords(3, source="a.bin"), b"onetw", b"one",
         "a.bin: the stream ended in the middle of record 2: 2 of its 3 bytes came"),
        (lambda: SplitDelimited(b";", last="refuse", source="a.bin"), b"one;tw", b"one",
         "a.bin: the stream ended in the middle of frame 2: 2 bytes of it came, and not its b';'"),
        (lambda: SplitJSON(source="a.bin"), b'1\n"tw', 1,
         "a.bin: line 2 is not JSON: Unterminated string starting at at character 1; the stream "
         "ended in it, after 3 bytes"),
        (lambda: SplitMessagePack(source="a.bin"), b"\1\xa3tw", 1,
         "a.bin: the stream ended in the middle of value 2: 3 bytes of it came"),
        (lambda: BytesToMessages(source="a.bin"), frame_messages([1]) + b"\1\0\0", 1,
         "a.bin: the stream ended in the middle of frame 2: 3 bytes of it came, and at least 8 were "
         "to"),
        (lambda: DecodeBase64(source="a.bin"), b"b25ldH", b"one",
         "a.bin: the Base64 ended in the middle, after 6 characters: it comes in fours, and 2 were "
         "left"),
        (lambda: Decompress(source="a.bin"), gzip.compress(b"one")[:-1], b"one",
         "a.bin: the gzip stream ended too soon: 22 bytes of it came, and not its end"),
    ],
)  # fmt: skip
def test_a_stream_cut_in_mid_frame(make, message, whole, words):
    """What came whole is sent, then it fails with a sentence that says how much was left."""
    got = []
    with pytest.raises(ComponentFailed) as raised:
        Pipeline(DataSource([message]), make(), DataSink(got)).run()
    assert got == [whole]
    assert raised.value.failure.error in ("CutShort", "BadFrame")
    assert raised.value.failure.message == words


@pytest.mark.parametrize("make", [lambda: SplitPrefixed(1), SplitNetstrings, Decompress])
def test_a_shutdown_in_mid_frame_is_no_mistake(make):
    """Told to stop at once it says nothing of the frame that it did not see to its end."""
    component = make()
    component.inbox.deliver(b"\x1f" if isinstance(component, Decompress) else b"3")
    component.control.deliver(Shutdown())
    assert run(component, {})["outbox"] == []


def test_frames_before_a_mistake_in_one_message_are_sent():
    """A thousand good lines and a bad one in the same message: the thousand arrive."""
    got = []
    with pytest.raises(ComponentFailed, match="line 1001 is not JSON"):
        Pipeline(DataSource([b"1\n" * 1000 + b"oops\n2\n"]), SplitJSON(), DataSink(got)).run()
    assert got == [1] * 1000
    with pytest.raises(ComponentFailed, match="does not go into JSON"):
        Pipeline(DataSource([1, 2, {3}]), JoinJSON(), written := DataSink()).run()
    assert b"".join(written.messages) == b"1\n2\n"


def test_decrypt_keeps_its_promises():
    """Ended, told to finish, told to stop: as any other, though a stream fits it only once."""
    sealed = run(Encrypt(KEY), [b"one", b"two"])["outbox"]
    assert run(Decrypt(KEY), sealed)["outbox"] == [b"one", b"two"]
    with pytest.raises(ComponentFailed, match="was cut off after chunk 0"):
        run(Decrypt(KEY), [])
    stopped = Decrypt(KEY)
    stopped.inbox.deliver(sealed[0])
    stopped.control.deliver(Shutdown())
    assert run(stopped, {})["outbox"] == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SplitDelimited(5), "a delimiter is bytes, or text for UTF-8, and not 5"),
        (lambda: JoinDelimited(""), "a delimiter has at least one byte"),
        (lambda: SplitRecords("3"), "a whole number of bytes, and not '3'"),
        (lambda: Rechunk(2.5), "a whole number of bytes, and not 2.5"),
        (lambda: JoinRecords(4, fill=32), "what fills a record up is bytes, or text for UTF-8"),
        (lambda: JoinRecords(4, fill="\u00e9"), "filled up with one byte"),
        (lambda: SplitPrefixed(2.0), "a length of size 2.0 there is not"),
        (lambda: SplitPrefixed(2, longest=None), "a whole number, and not None"),
        (lambda: SplitMessagePack(1 << 63), "so many bytes at most: a whole number"),
        (lambda: SplitJSON("x"), "a whole number, and not 'x'"),
        (lambda: DataChunker(None), "a marker is bytes, or text for UTF-8, and not None"),
        (lambda: EncodeBase64("8"), "4, 8, 12 ... characters (mostly 76), not '8'"),
        (lambda: Encrypt(passphrase="x", cost=17.0), "a cost is 10 to 20, and not 17.0"),
        (lambda: Compress("gzip", 9.0), "levels 0 to 9, and not 9.0"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make, words):
    """An argument of another type is said in a sentence where the component is made."""
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_text_stands_for_bytes_in_arguments():
    """As a one-line pipeline has nothing else to give; bytes of a command line that are no text too."""
    assert run(SplitDelimited(";"), [b"one;two"])["outbox"] == [b"one", b"two"]
    assert run(JoinDelimited("\udcff"), [b"one"])["outbox"] == [b"one\xff"]
    assert run(JoinRecords(5, fill=" "), [b"one"])["outbox"] == [b"one  "]
    assert run(DataChunker("<>"), [b"one"])["outbox"] == [b"<>one"]
    assert run(DataDeChunker("<>"), [b"<>one"])["outbox"] == [b"one"]
