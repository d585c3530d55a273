"""What parts refuse when they are made, and what a part says that was given nonsense by its user."""

import signal

import pytest

from kamesh import ComponentFailed, KameshError
from kamesh.components.plumbing import (
    AddSink,
    Annotator,
    Batch,
    Comparator,
    Debounce,
    Delay,
    Filter,
    FirstOnly,
    ForEach,
    InTurn,
    LossyConnector,
    Merger,
    Numbered,
    OrderedMerger,
    PassThrough,
    RateLimiter,
    RecoverOrder,
    Repeat,
    Router,
    Splitter,
    StopOnSignal,
)
from kamesh.components.sources import OneShot
from kamesh.testing import run


@pytest.mark.parametrize("figure", [None, "2", b"2", [2], True, object(), -1, float("nan")])
@pytest.mark.parametrize(
    "make",
    [
        Batch,
        lambda figure: Batch(most_bytes=figure if figure is not None else "none"),
        lambda figure: Batch(seconds=figure if figure is not None else "none"),
        FirstOnly,
        Delay,
        lambda figure: Delay(1, figure),
        Debounce,
        lambda figure: RateLimiter(figure or "none"),
        lambda figure: RateLimiter(1, figure),
        RecoverOrder,
        lambda figure: LossyConnector(loss=2 if figure is True else figure),
        lambda figure: LossyConnector(depth=figure),
        lambda figure: Repeat(PassThrough, tries=figure),
        lambda figure: Merger(figure if figure != [2] else 2.5),
    ],
)
def test_what_is_no_figure(make, figure):
    """What is no number where one belongs is refused in a sentence, whatever it is."""
    with pytest.raises(KameshError, match=r"cannot be|is from|has a list|needs"):
        make(figure)


def test_no_half_messages():
    """A count with a fraction would never be reached: Batch(2.5) would hold all there is."""
    for make in (Batch, FirstOnly, RecoverOrder, lambda count: Repeat(PassThrough, count)):
        with pytest.raises(KameshError, match=r"cannot be 2\.5: it is a whole number"):
            make(2.5)


def test_too_many_boxes():
    """A number of inboxes that is a slip is not tried."""
    with pytest.raises(KameshError, match="at most 4,096 boxes, not 1,000,000,000"):
        Merger(10**9)


@pytest.mark.parametrize(
    "make",
    [
        lambda it: Filter(it),
        lambda it: Router(it or 5, ["a"]),
        lambda it: Router.where(a=it),
        lambda it: Comparator(it),
        lambda it: OrderedMerger(2, key=it),
        lambda it: Batch(measure=it),
        lambda it: RateLimiter(1, measure=it),
        lambda it: ForEach(it),
        lambda it: Repeat(it),
    ],
)
@pytest.mark.parametrize("it", [None, 5])
def test_what_is_no_function(make, it):
    """What cannot be called is refused when it is given, not when the first message comes."""
    with pytest.raises(KameshError, match="is a function, and"):
        make(it)


def test_a_factory_that_gives_nothing():
    """A forgotten `return` is said, and nothing is swallowed: for ever, or one message after another."""
    for part in (ForEach(lambda word: None), Repeat(lambda: None), InTurn([lambda: None])):
        with pytest.raises(ComponentFailed, match="was given None by its factory"):
            run(part, ["a", "b"] if isinstance(part, ForEach) else [])


def test_components_where_factories_belong():
    """InTurn takes what makes components; for components there is Seq, and that is said."""
    with pytest.raises(ComponentFailed, match="Seq takes the parts themselves"):
        run(InTurn([OneShot(1)]))
    with pytest.raises(KameshError, match="takes a list of factories"):
        InTurn(OneShot)


def test_what_is_no_component():
    """A Splitter says what it was given instead of one, by a call or by a message."""
    with pytest.raises(KameshError, match="'x' is none"):
        Splitter("x")
    with pytest.raises(ComponentFailed, match="'x' is none"):
        run(Splitter(), {"inbox": "ab", "control": [AddSink("x")]})


def test_one_signal():
    """One signal needs no list; what is none is said."""
    assert StopOnSignal("SIGTERM").signals == StopOnSignal(15).signals == (signal.SIGTERM,)
    with pytest.raises(KameshError, match="signals or their names, not None"):
        StopOnSignal(None)


def test_numbers_from_elsewhere():
    """However large a number is, what is missing is counted; what is no number is said."""
    sent = run(RecoverOrder(), [Numbered(10**30, "far"), Numbered(1, "near")])
    assert sent["outbox"] == ["near", "far"]
    assert [gap.last for gap in sent["gaps"]] == [10**30 - 1]
    with pytest.raises(ComponentFailed, match="it takes Numbered messages"):
        run(RecoverOrder(), [Numbered("one", 1)])
    with pytest.raises(KameshError, match="from a whole number on"):
        Annotator("one")
