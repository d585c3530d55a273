"""Components as people write them: boxes, names, kinds, figures, and mistakes in words."""

import asyncio
import inspect
from dataclasses import FrozenInstanceError

import pytest
from component_kit import (
    ECHOES,
    KINDS,
    SINKS,
    SOURCES,
    AsyncEcho,
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    ThreadEcho,
    end,
    idle,
    run,
    scene,
    start,
)

from kamesh import Chassis, Component, ComponentFailed, Graphline, Pipeline, ThreadedComponent
from kamesh.asyncstrand import AsyncStrand
from kamesh.component import strand_of
from kamesh.errors import Ended, LinkageRefused, NotSuitable, UnknownBox
from kamesh.strand import Strand
from kamesh.threadstrand import ThreadStrand
from kamesh.wiring import link


def test_boxes_are_attributes() -> None:
    """Every box that the class names is an attribute, the usual four and its own."""

    class Camera(Component):
        inboxes = {"zoom": "how far"}
        outboxes = {"video": "frames", "audio": "sound"}
        bounds = {"zoom": 2}

    camera = Camera()
    assert [camera.zoom.name, camera.control.name] == ["zoom", "control"]
    assert [camera.video.name, camera.audio.name] == ["video", "audio"]
    assert camera.signal.name == "signal"
    assert (camera.zoom.bound, camera.control.bound) == (2, 1024)
    assert list(Camera.inboxes) == ["zoom", "control"]


def test_boxes_may_be_a_list() -> None:
    """A list of names will do where nothing is to be said of them."""

    class Plain(Component):
        inboxes = ["one", "two"]
        outboxes = ("three",)

    assert list(Plain.inboxes) == ["one", "two", "control"]
    assert list(Plain().statistics().sent) == ["three", "signal"]


def test_a_name_set_by_hand_hides_the_box() -> None:
    """An attribute of the class that has the name of a box stays what it is."""

    class Named(Component):
        inboxes = {"inbox": "x", "name": "shadowed"}
        name = "mine"

    assert Named().name == "mine"
    assert Named()._inbox("name").name == "name"


@pytest.mark.parametrize(
    ("members", "error", "words"),
    [
        ({"inboxes": {"a": ""}, "outboxes": {"a": ""}}, NotSuitable, "both named 'a'"),
        ({"bounds": {"inbax": 3}}, UnknownBox, "Bad.bounds names 'inbax'.*'inbox', 'control'"),
        ({"bounds": {"inbox": 0}}, NotSuitable, "1 or more, or None"),
        ({"inboxes": "inbox"}, NotSuitable, "Bad.inboxes is 'inbox'; write"),
    ],
)
def test_a_bad_declaration(members: dict, error: type, words: str) -> None:
    """A mistake in what a class declares is refused when the class is made."""
    with pytest.raises(error, match=words):
        type("Bad", (Component,), members)


def test_init_may_forget_its_parent() -> None:
    """An `__init__` that does not call the one above breaks nothing."""

    class Forgetful(Component):
        def __init__(self, word: str) -> None:
            self.word = word

        def main(self):
            self.send(self.word)
            yield

    sink = GeneratorSink()
    run(Pipeline(Forgetful("x"), sink))
    assert sink.messages == ["x"]


def test_the_kind_follows_from_main() -> None:
    """A generator, a coroutine or a thread: the class says which, and so does one derived from it."""
    assert type(strand_of(GeneratorEcho())) is Strand
    assert type(strand_of(AsyncEcho())) is AsyncStrand
    assert type(strand_of(ThreadEcho())) is ThreadStrand

    class Heir(AsyncEcho):
        pass

    class Changed(AsyncEcho):
        def main(self):
            yield

    assert type(strand_of(Heir())) is AsyncStrand
    assert type(strand_of(Changed())) is Strand
    with pytest.raises(NotSuitable, match="'x' is not a component"):
        strand_of("x")


def test_no_main() -> None:
    """A component without a `main` fails with what to write."""
    with pytest.raises(ComponentFailed, match=r"has no main\(\): write one"):
        scene(Component().run_async())


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_boxes(kind: str) -> None:
    """A box that is not there is refused at once, with the names there are, the likely one first."""
    echo = ECHOES[kind]()
    for call in (
        lambda: echo.send("x", "outbax"),
        lambda: echo.send_all("x", "outbax"),
        lambda: echo.room("outbax"),
        lambda: echo.finish("outbax"),
    ):
        with pytest.raises(UnknownBox, match=r"has no outbox 'outbax' \(did you mean 'outbox'\?\)"):
            call()
    for call in (lambda: echo.recv("inbax"), lambda: echo.data_ready("inbax")):
        with pytest.raises(UnknownBox, match=r"has no inbox 'inbax'.*'inbox', 'control'"):
            call()


def test_a_box_that_was_deleted() -> None:
    """The attribute of a box that was deleted says that the box is gone."""
    echo = GeneratorEcho()
    echo.delete_outbox("outbox")
    with pytest.raises(UnknownBox, match="has no box 'outbox'"):
        _ = echo.outbox


def test_a_failure_with_an_unknown_box_names_the_users_line() -> None:
    """The mistake is blamed on the line that made it, not on ours."""

    class Bad(Component):
        def main(self):
            yield
            self.send("x", "video")

    with pytest.raises(ComponentFailed) as caught:
        scene(Bad().run_async())
    failure = caught.value.failure
    assert (failure.error, failure.file) == ("UnknownBox", __file__)
    assert failure.text == 'self.send("x", "video")'


def test_names_and_paths() -> None:
    """A component is called after its class, as it is told, and by the chassis that hold it."""

    class Named(Component):
        def __init__(self, *, name: str | None = None) -> None:
            super().__init__(name=name)

    assert (Named().name, Named(name="LEFT").name) == ("Named", "LEFT")
    part = Named()
    inner = Graphline(PART=part)
    Graphline(INNER=inner, name="OUTER")
    assert (part.name, part.path, inner.path) == ("PART", "OUTER/INNER/PART", "OUTER/INNER")
    assert repr(part).startswith("<OUTER/INNER/PART #")


def test_states() -> None:
    """`state` is new, ready, blocked, asleep or ended."""

    class Narrow(Idler):
        bounds = {"inbox": 1}

    async def main() -> None:
        source, narrow = GeneratorSource("abc"), Narrow()
        link(source.outbox, narrow.inbox)
        assert source.state == "new"
        tasks = [start(source), start(narrow)]
        await idle()
        assert (source.state, narrow.state) == ("blocked", "asleep")
        narrow.inbox.bound = None
        assert source.state == "ready"
        await idle()
        assert source.state == "ended"
        await end(*tasks)

    scene(main())


def test_now_needs_a_clock() -> None:
    """A component that does not run has no clock to ask, and says so."""
    with pytest.raises(Ended, match="does not run yet"):
        Idler().now()


def test_wait_is_for_coroutines() -> None:
    """`await self.wait()` in a component that is no coroutine is refused with the word to write."""

    async def main() -> None:
        with pytest.raises(NotSuitable, match=r"use pause\(\)"):
            await Idler().wait()

    scene(main())


def test_parts_of_no_chassis() -> None:
    """A linkage of a component that is no chassis names components, not parts."""
    with pytest.raises(LinkageRefused, match="'B' is not a component; Idler has no named parts"):
        Idler().link(("", "outbox"), ("B", "inbox"))


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_exact(kind: str) -> None:
    """What a component says of itself adds up with what its neighbours say."""
    source, echo, sink = SOURCES[kind](range(1500)), ECHOES[kind](), SINKS[kind]()
    run(Pipeline(source, echo, sink))
    figures = echo.statistics()
    assert (figures.path, figures.kind, figures.state) == (
        f"Pipeline/{type(echo).__name__}", type(echo).__name__, "ended"
    )
    (inbox, control) = figures.inboxes
    assert (inbox.name, inbox.arrived, inbox.taken, inbox.dropped) == ("inbox", 1500, 1500, 0)
    assert (inbox.level, inbox.bound, inbox.ended) == (0, 1024, True)
    assert source.statistics().sent["outbox"] == 1500
    assert figures.sent["outbox"] == sink.statistics().inboxes[0].taken == 1500
    assert control.arrived == control.taken + control.dropped == 1
    with pytest.raises(FrozenInstanceError):
        figures.state = "new"  # type: ignore[misc]


def test_details_are_shown() -> None:
    """A component may add figures of its own."""

    class Counting(Idler):
        def details(self):
            return {"frames": 7}

    assert Counting().statistics().details == {"frames": 7}
    assert Idler().statistics().details == {}


def test_figures_of_a_hundred_parts_add_up() -> None:
    """Through a long row every linkage has carried every message, by both accounts."""
    parts = [GeneratorEcho() for _ in range(100)]
    sink = GeneratorSink()
    run(Pipeline(GeneratorSource(range(200)), *parts, sink))
    for part in parts:
        figures = part.statistics()
        assert figures.sent["outbox"] == figures.inboxes[0].taken == 200
        assert figures.turns > 0


def test_a_thousand_components_run() -> None:
    """`.run()` of a thousand components in a row ends, and every message comes through."""
    sink = GeneratorSink()
    Pipeline(GeneratorSource(range(20)), *[GeneratorEcho() for _ in range(1000)], sink).run()
    assert sink.messages == list(range(20))


def test_a_thousand_side_by_side() -> None:
    """A thousand independent parts run and end in one chassis."""
    chassis = Chassis()
    for _ in range(500):
        chassis.add(GeneratorSource("x"))
        chassis.add(AsyncEcho() if _ % 2 else GeneratorEcho())
    names = list(chassis.parts)
    for source, echo in zip(names[::2], names[1::2], strict=True):
        chassis.link((source, "outbox"), (echo, "inbox"))
    chassis.run()
    assert {part.state for part in chassis.parts.values()} == {"ended"}


@pytest.mark.parametrize("kind", KINDS)
def test_stop_from_any_thread(kind: str) -> None:
    """`stop()` may be called from any thread; when it returns, the component has ended."""
    echo = ECHOES[kind]()

    async def main() -> None:
        task = start(echo)
        await asyncio.sleep(0.01)
        await asyncio.to_thread(echo.stop)
        assert echo.state == "ended"
        await asyncio.wait_for(task, 10)

    asyncio.run(main())


def test_stop_after_the_loop_is_gone() -> None:
    """To stop what has ended is nothing, whatever became of its event loop."""
    source = GeneratorSource("x")
    source.run()
    source.stop()
    assert source.state == "ended"


def test_threaded_mains_are_plain() -> None:
    """A thread whose `main` is a generator or a coroutine is refused, with what to write."""

    class Generator(ThreadedComponent):
        def main(self):
            yield

    class Coroutine(ThreadedComponent):
        async def main(self):
            pass

    for kind in (Generator, Coroutine):
        with pytest.raises(ComponentFailed, match="runs in a thread, so it is a plain function"):
            run(kind())


def test_how_one_is_made_can_be_asked() -> None:
    """Python's `inspect` gives the arguments of its own `__init__`, or of the one it has from Component."""

    class Plain(Component):
        pass

    class Sized(Component):
        def __init__(self, size: int, *, name: str | None = None) -> None:
            super().__init__(name=name)

    assert str(inspect.signature(Plain)) == "(*, name: 'str | None' = None) -> 'None'"
    assert list(inspect.signature(Sized).parameters) == ["size", "name"]
