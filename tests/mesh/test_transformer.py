"""PureTransformer: a function made into a component."""

import functools

import pytest
from component_kit import GeneratorSink, GeneratorSource, Idler, end, idle, scene, start

from kamesh import ComponentFailed, Pipeline, PureTransformer, Shutdown
from kamesh.testing import run
from kamesh.wiring import link


def double(number: int) -> int:
    """Double it."""
    return number * 2


def test_applies_to_each() -> None:
    """Each message is answered with the result, in order."""
    assert run(PureTransformer(double), range(3000))["outbox"] == [2 * n for n in range(3000)]


def test_none_is_not_sent() -> None:
    """A result of None is no message; 0, "" and False are."""
    sent = run(PureTransformer({1: None, 2: 0, 3: "", 4: False}.get), [1, 2, 3, 4])
    assert sent["outbox"] == [0, "", False]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (double, "double"),
        (str.upper, "upper"),
        (lambda x: x, "<lambda>"),
        (functools.partial(pow, 2), "partial"),
        (int, "int"),
    ],
)
def test_it_is_called_after_its_function(function: object, name: str) -> None:
    """Its name is the function's, or what it is told."""
    assert PureTransformer(function).name == name  # type: ignore[arg-type]
    assert PureTransformer(function, name="X").name == "X"  # type: ignore[arg-type]


def test_a_function_that_raises() -> None:
    """The component fails with the function's own line; what came before was sent."""

    def picky(number: int) -> int:
        if number == 3:
            raise ValueError("not three")
        return number

    sink = GeneratorSink()
    with pytest.raises(ComponentFailed) as caught:
        scene(Pipeline(GeneratorSource(range(10)), picky, sink).run_async())
    assert caught.value.failure.component == "Pipeline/picky"
    assert caught.value.failure.text == 'raise ValueError("not three")'
    assert sink.messages == [0, 1, 2]


def test_a_function_of_c_that_raises() -> None:
    """A function that has no Python line fails its component with its own words."""
    with pytest.raises(ComponentFailed, match=r"upper failed with TypeError: .*str.*int"):
        run(PureTransformer(str.upper), [5])


def test_it_takes_no_more_than_there_is_room_for() -> None:
    """With its reader stuck it takes only what it can answer, and still heeds control."""

    class Small(Idler):
        bounds = {"inbox": 2}

    async def main() -> None:
        transformer, small = PureTransformer(double), Small()
        link(transformer.outbox, small.inbox)
        tasks = [start(transformer), start(small)]
        for number in range(10):
            transformer.inbox.deliver(number)
        await idle()
        assert (len(transformer.inbox), list(small.inbox.queue)) == (8, [0, 2])
        transformer.control.deliver(Shutdown())
        await tasks[0]
        assert transformer.inbox.dropped == 8
        await end(*tasks)

    scene(main())
