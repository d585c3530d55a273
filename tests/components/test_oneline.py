"""One-line pipelines: parsed, checked, made and run."""

import sys
from types import ModuleType

import pytest

from kamesh import Component
from kamesh.components.oneline import PipelineMistake, Step, parse_pipeline, pipeline_of
from kamesh.testing import run_coroutine

CONSOLE = Step("console", "kamesh.components.console:ConsoleEchoer")


class Twice(Component):
    """A component of the user's own: says everything `times` times."""

    def __init__(self, times=2, shout=False):
        self.times = times
        self.shout = shout

    def main(self):
        while not self.stopping():
            for message in self.inbox:
                self.send_all([f"{message}{'!' if self.shout else ''}"] * self.times)
            yield self.pause()


def halved(number):
    """Give half of a number."""
    return number / 2


def printed(line, capsys):
    """Run a line under the virtual clock; give what it printed."""
    run_coroutine(pipeline_of(line).run_async())
    return capsys.readouterr().out.splitlines()


def mistake(line):
    """Give the sentence with which a line is refused."""
    with pytest.raises(PipelineMistake) as raised:
        pipeline_of(line)
    return str(raised.value)


class TestParsing:
    def test_steps(self):
        """Each word becomes a step: what makes it, and its arguments, converted."""
        assert parse_pipeline("ticker 0.5 count=3 ! head 2 ! console") == [
            Step("ticker", "kamesh.components.ticker:Ticker", (0.5,), {"count": 3}),
            Step("head", "kamesh.components.plumbing.transforms:FirstOnly", (2,)),
            CONSOLE,
        ]

    def test_what_can_be_read_is_printed(self):
        """The console may be left out at the end."""
        assert parse_pipeline("read a ! upper") == parse_pipeline("read a ! upper ! console")

    def test_packets_are_multiplexed_where_a_stream_is_taken(self):
        """Between packets and what takes a transport stream the multiplexer need not be named."""
        short = parse_pipeline("testcard ! encode ! http")
        assert short == parse_pipeline("testcard ! encode ! mux ! http")
        assert [step.word for step in short][:4] == ["testcard", "encode", "mux", "http"]

    @pytest.mark.parametrize(
        ("line", "made_by"),
        [
            ("read a ! save b", "oneline.making:save"),
            ("ticker 1 ! save b", "oneline.making:save"),
            ("read-bytes a ! save b", "oneline.making:save"),
            ("testcard ! encode ! mux ! save b", "media.record:Record"),
            ("testcard ! encode ! save b.webm", "media.record:Record"),
        ],
    )
    def test_one_word_for_all_that_can_be_saved(self, line, made_by):
        """What "save" is made by depends on what comes."""
        assert parse_pipeline(line)[-1].use == f"kamesh.components.{made_by}"

    @pytest.mark.parametrize("word", ["save", "append", "tee"])
    def test_what_is_saved_is_what_came(self, word, tmp_path):
        """Bytes as they are, whatever word they come from; anything else on a line of its own."""
        (tmp_path / "in").write_bytes(b"one\xff\n" * 1000)
        sent = f"{word} '{tmp_path}/out'" + (" ! null" if word == "tee" else "")
        pipeline_of(f"read-bytes '{tmp_path}/in' ! rechunk 7 ! {sent}").run()
        assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
        (tmp_path / "out").unlink()
        pipeline_of(f"data-source abc ! batch 2 ! {sent}").run()
        assert (tmp_path / "out").read_text() == "('a', 'b')\n('c',)\n"

    def test_an_equals_sign_in_text(self):
        """A word that takes text takes one with '=' in it, quoted or not."""
        assert parse_pipeline("read a ! grep x=1")[1].arguments == ("x=1",)
        assert parse_pipeline("read a ! grep 'pattern=1'")[1].arguments == ("pattern=1",)
        assert parse_pipeline("read a ! grep pattern=1")[1].options == {"pattern": "1"}

    def test_arguments_of_a_class_of_ones_own(self):
        """They are numbers, true, false or none where they look like it, and text otherwise."""
        line = "my.module:Class 1 2.5 true x a=3 b=none c='4 5' '6'"
        (step, console) = parse_pipeline(line)
        assert step.use == "my.module:Class"
        assert step.arguments == (1, 2.5, True, "x", "6")
        assert step.options == {"a": 3, "b": None, "c": "4 5"}
        assert console == CONSOLE

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("uper", "there is no word 'uper' (did you mean 'upper'?); `kamesh components --words` lists"),
            ("upper", "'upper' has nothing to work on: begin with console-reader, read, "),
            ("read a ! ticker 1", "'ticker' takes nothing in, so it can only come first"),
            ("read a ! save b ! upper", "'save' sends nothing on, so nothing can come after it"),
            ("testcard", "what 'testcard' gives (frames) goes nowhere: go on with encode or null"),
            (
                "testcard ! save a",
                "'save' takes text, numbers, reports, bytes, a transport stream or packets, and 'testcard' "
                "gives frames: put 'encode' between them",
            ),
            ("ticker 1 ! upper", "'upper' takes text, and 'ticker' gives numbers"),
            ("ticker", "'ticker' needs interval: it is used as 'ticker INTERVAL [count=...]'"),
            ("ticker 1 2 3", "'ticker' has no place for '3': it is used as 'ticker INTERVAL "),
            (
                "ticker 1 cuont=2",
                "'ticker' has no argument 'cuont' (did you mean 'count'?): it is ",
            ),
            ("ticker 1 interval=2", "'ticker' is given interval twice"),
            ("ticker 1 count=2 count=3", "'ticker' is given count twice"),
            ("ticker soon", "interval of 'ticker' is a number, not 'soon'"),
            (
                "testcard size=big ! null",
                "size of 'testcard' is a width and a height in pixels, such as 1280x720, not 'big'",
            ),
        ],
    )
    def test_mistakes(self, line, sentence):
        """What makes no sense is refused before anything is imported, with the way out."""
        with pytest.raises(PipelineMistake) as raised:
            parse_pipeline(line)
        assert str(raised.value).startswith(sentence)


class TestMaking:
    def test_lines_through_words(self, tmp_path, capsys):
        """Text from a file, filtered, counted, copied and printed."""
        (tmp_path / "a").write_text("one\n two \nthree\n")
        line = f"read {tmp_path / 'a'} ! grep t ! strip ! upper ! tee {tmp_path / 'b'} ! head 5"
        pipeline_of(line).run()
        assert capsys.readouterr().out == "TWO\nTHREE\n"
        assert (tmp_path / "b").read_text() == "TWO\nTHREE\n"

    def test_a_ticker_and_a_count(self, capsys):
        """Numbers are printed, and counted."""
        assert printed("ticker 0.5 3", capsys) == ["1", "2", "3"]
        assert printed("ticker 0.5 count=3 ! count", capsys) == ["3"]

    def test_bytes_are_copied_as_they_are(self, tmp_path):
        """A file that is not text comes out of read-bytes and save unchanged."""
        (tmp_path / "a").write_bytes(bytes(range(256)) * 1000)
        pipeline_of(f"read-bytes {tmp_path / 'a'} ! save {tmp_path / 'b'}").run()
        assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()

    def test_append(self, tmp_path):
        """Each run adds to the file."""
        for _ in range(2):
            run_coroutine(pipeline_of("ticker 1 1 ! null").run_async())
            pipeline_of(f"ticker 0.001 1 ! append {tmp_path / 'a'}").run()
        assert (tmp_path / "a").read_text() == "1\n1\n"

    def test_parts_have_the_names_of_their_words(self):
        """They are known by their words, numbered where one is used twice."""
        pipeline = pipeline_of("read a ! upper ! lower ! upper")
        assert list(pipeline.parts) == ["read", "upper", "lower", "upper-2", "console"]

    def test_boxes_of_the_same_name_are_linked(self):
        """Sound goes beside the pictures: an outbox meets the inbox that has its name."""
        parts = pipeline_of("testcard ! encode ! null").parts
        (feed,) = parts["testcard"].audio.feeds
        assert feed.sink is parts["encode"].audio

    def test_components_and_functions_of_ones_own(self, monkeypatch, capsys):
        """A class is made with its arguments, a function is applied to each message."""
        module = ModuleType("mine")
        module.__dict__.update(Twice=Twice, halved=halved)
        monkeypatch.setitem(sys.modules, "mine", module)
        assert printed("ticker 1 2 ! mine:Twice shout=true", capsys) == ["1!", "1!", "2!", "2!"]
        assert printed("ticker 1 2 ! mine:halved ! mine:Twice 1", capsys) == ["0.5", "1.0"]

    def test_a_sink_or_a_source_of_ones_own(self):
        """What it lacks a box for is refused; the console is only implied where there is an outbox."""
        sink = "kamesh.components.sources:NullSink"
        assert list(pipeline_of(f"ticker 1 ! {sink}").parts) == ["ticker", sink]
        assert mistake(f"ticker 1 ! {sink} ! console").endswith("so nothing can come after it")
        source = "kamesh.components.sources:OneShot hello"
        assert mistake(f"ticker 1 ! {source}").endswith("so it can only come first")
        assert list(pipeline_of(source).parts)[1] == "console"

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("nowhere:X", "'nowhere:X' cannot be made: No module named 'nowhere'"),
            ("os:Nothing", "'os:Nothing' cannot be made: module 'os' has no attribute 'Nothing'"),
            ("read a ! grep [", "'grep' cannot be made: '[' is not a regular expression: unterm"),
            ("ticker -1", "'ticker' cannot be made: the seconds between two ticks cannot be -1.0"),
        ],
    )
    def test_what_cannot_be_made(self, line, sentence):
        """It is refused with the word and the reason."""
        assert mistake(line).startswith(sentence)

    def test_a_broadcast(self, tmp_path, capsys):
        """The test card goes through encoder and multiplexer into a file, and is counted again."""
        pytest.importorskip("av", reason="PyAV is not installed")
        line = f"testcard 320x180 25 1 realtime=no ! encode ! record {tmp_path / 'a.ts'} ! probe"
        pipeline_of(line).run()
        assert "25 frames of h264 320 x 180" in capsys.readouterr().out


class TestEveryComponentIsAWord:
    def test_by_its_name(self):
        """A component that has no row in the table is a word all the same."""
        assert parse_pipeline("ticker 1 count=2 ! pass-through ! null")[1] == Step(
            "pass-through", "kamesh.components.plumbing:PassThrough"
        )
        assert parse_pipeline("OneShot hello ! console")[0].arguments == ("hello",)

    def test_what_it_cannot_do_is_refused(self):
        """A source takes nothing in, a sink gives nothing."""
        with pytest.raises(PipelineMistake, match="takes nothing in"):
            parse_pipeline("read a ! one-shot hello")
        with pytest.raises(PipelineMistake, match="sends nothing on"):
            parse_pipeline("read a ! null-sink ! console")

    def test_what_is_none(self):
        """The likely one is suggested, of the table and of the library."""
        with pytest.raises(PipelineMistake, match="did you mean 'pass-through'"):
            parse_pipeline("read a ! pass-thru ! console")


def test_who_wants_no_more_ends_an_endless_source(capsys):
    """As in any Pipeline, when a part ends, those before it are told to stop."""
    pipeline = pipeline_of("ticker 0.01 ! kamesh.components.plumbing:FirstOnly 3 ! console")
    run_coroutine(pipeline.run_async())
    assert capsys.readouterr().out.split() == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("one-shot x ! batch sise=2", "it has no argument 'sise' (did you mean 'size'?)"),
        ("one-shot", "it needs message"),
        ("one-shot a b c", "it has no place for 'b'; it takes message"),
        ("echo x", "it has no place for 'x'; it takes no arguments"),
        ("one-shot a message=b", "it is given message twice"),
    ],
)
def test_arguments_that_a_component_does_not_take(line, sentence):
    """They are named in the words of the line."""
    with pytest.raises(PipelineMistake) as raised:
        pipeline_of(line)
    assert str(raised.value).endswith(f"cannot be made: {sentence}")


def test_lists_and_tables_are_arguments():
    """In the form of JSON, without blanks or quoted."""
    assert parse_pipeline("data-source [1,2] ! console")[0].arguments == ([1, 2],)
    assert parse_pipeline("data-source '[1, 2]' ! console")[0].arguments == ("[1, 2]",)
