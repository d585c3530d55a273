"""Handles: components from ordinary code, in any thread."""

import logging
import sys
import threading
from typing import Any

import pytest
from component_kit import (
    ECHOES,
    KINDS,
    AsyncEcho,
    GeneratorEcho,
    GeneratorSink,
    GeneratorSource,
    Idler,
    ThreadEcho,
)

from kamesh import Component, ComponentFailed, EmptyInbox, Ended, Handle, Pipeline
from kamesh.errors import Full, UnknownBox

WAIT = 20.0  # seconds before a test counts as hung


class Bad(Component):
    """Raises at the first message."""

    def main(self):
        """Raise."""
        while not self.stopping():
            for message in self.inbox:
                raise ValueError(f"no {message}")
            yield self.pause()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("kind", KINDS)
def test_put_and_get(kind: str) -> None:
    """What is put in comes out of the component, in order; leaving the `with` ends it."""
    echo = ECHOES[kind]()
    with echo.background() as handle:
        for number in range(300):
            handle.put(number)
        assert [handle.get(timeout=WAIT) for _ in range(300)] == list(range(300))
    assert echo.state == "ended"
    assert isinstance(handle, Handle)


def test_any_box() -> None:
    """Every inbox can be put into and every outbox got from, by its name."""

    class Many(Component):
        inboxes = {"left": "a", "right": "b"}
        outboxes = {"sum": "a + b"}

        def main(self):
            while not self.stopping():
                while self.data_ready("left") and self.data_ready("right"):
                    self.send(self.recv("left") + self.recv("right"), "sum")
                yield self.pause()

    with Many().background() as handle:
        handle.put(1, "left")
        handle.put(2, "right")
        assert handle.get("sum", timeout=WAIT) == 3


def test_unknown_boxes() -> None:
    """A box that is not there is refused with the names there are."""
    with GeneratorEcho().background() as handle:
        with pytest.raises(UnknownBox, match="no inbox 'inbax'"):
            handle.put("x", "inbax")
        with pytest.raises(UnknownBox, match="no outbox 'outbax'"):
            handle.get("outbax")


def test_get_waits_as_long_as_it_is_told() -> None:
    """`get` waits for a message, gives up after its time, and at once with none."""
    with GeneratorEcho().background() as handle:
        for timeout in (0, 0.0, 0.01):
            with pytest.raises(EmptyInbox, match=r"nothing has come from GeneratorEcho\.outbox"):
                handle.get(timeout=timeout)
        timer = threading.Timer(0.02, handle.put, ["late"])
        timer.start()
        assert handle.get() == "late"
        timer.join()


def test_many_threads_put_and_get() -> None:
    """Several threads may put and get at once: each message once, and each thread's in order."""
    got: list[Any] = []
    handle = AsyncEcho().background()

    def put(name: int) -> None:
        for number in range(200):
            handle.put((name, number))

    def get() -> None:
        while True:
            try:
                got.append(handle.get())
            except Ended:
                return

    putters = [threading.Thread(target=put, args=(name,)) for name in range(4)]
    getters = [threading.Thread(target=get) for _ in range(3)]
    for thread in putters + getters:
        thread.start()
    for thread in putters:
        thread.join(WAIT)
    handle.finish()
    for thread in getters:
        thread.join(WAIT)
    assert handle.wait(WAIT)
    assert len(got) == len(set(got)) == 800
    assert set(got) == {(name, number) for name in range(4) for number in range(200)}


def test_one_getter_gets_the_whole_order() -> None:
    """What one thread puts comes to one getter in its order, while others put too."""
    with ThreadEcho().background() as handle:
        threads = [
            threading.Thread(target=lambda n=n: [handle.put((n, m)) for m in range(100)])
            for n in range(3)
        ]
        for thread in threads:
            thread.start()
        got = [handle.get(timeout=WAIT) for _ in range(300)]
        for thread in threads:
            thread.join(WAIT)
    for n in range(3):
        assert [m for m in got if m[0] == n] == [(n, m) for m in range(100)]


def test_put_waits_for_room() -> None:
    """`put` waits while all between it and the component is full, and goes on when there is room."""

    class Gated(Component):
        bounds = {"inbox": 2, "control": 5}
        open = False

        def main(self):
            while not self.stopping():
                for message in self.control:
                    self.open = message == "open"
                if self.open:
                    self.send_all(self.inbox)
                yield self.pause()

    handle = Gated().background()
    done = threading.Event()

    def put() -> None:
        for number in range(500):
            handle.put(number)
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    assert not done.wait(0.05)
    handle.put("open", "control")  # does not wait behind what waits for another box
    assert done.wait(WAIT)
    thread.join(WAIT)
    assert [handle.get(timeout=WAIT) for _ in range(500)] == list(range(500))
    handle.finish()
    assert handle.wait(WAIT)


def test_put_waits_no_longer_than_it_is_told() -> None:
    """`put` gives up after its time, at once with none, and then nothing has been put in."""

    class Gated(Component):
        bounds = {"inbox": 2}

        def main(self):
            while not self.control.queue:
                yield self.pause()
            self.recv("control")
            while not self.stopping():
                self.send_all(self.inbox)
                yield self.pause()

    handle = Gated().background()
    put: list[int] = []

    def fill() -> None:
        for number in range(10**6):
            handle.put(number, timeout=0.01)
            put.append(number)

    with pytest.raises(Full, match=r"Gated\.inbox is full: no room in 0\.01 s"):
        fill()
    count = len(put)
    for timeout in (0, -1.0):
        with pytest.raises(Full, match="no room in 0 s"):
            handle.put(count, timeout=timeout)
    handle.put("open", "control", timeout=WAIT)
    handle.put(count, timeout=WAIT)
    handle.finish()
    assert [handle.get(timeout=WAIT) for _ in range(count + 1)] == list(range(count + 1))
    assert handle.wait(WAIT)


def test_what_an_outbox_ended_with() -> None:
    """`failure` gives the Failure that a stream broke off with; None while it goes on, or ends well."""
    handle = Bad().background()
    assert handle.failure() is None
    handle.put("soup")
    with pytest.raises(Ended):
        handle.get(timeout=WAIT)
    failure = handle.failure()
    assert failure is not None
    assert (failure.error, failure.message, failure.box) == ("ValueError", "no soup", "outbox")
    with pytest.raises(UnknownBox, match="no outbox 'outbax'"):
        handle.failure("outbax")
    well = Pipeline(GeneratorSource("a")).background()
    assert well.wait(WAIT)
    assert well.failure() is None
    assert well.failure("signal") is None


def test_stop_reaches_one_that_is_full() -> None:
    """`stop` is heard though everything that was put in still waits for room."""

    class Stuck(Component):
        bounds = {"inbox": 1}

        def main(self):
            while not self.stopping():
                yield self.pause()

    handle = Stuck().background()
    for number in range(60):
        handle.put(number)
    handle.stop()
    assert handle.wait(WAIT)


def test_after_the_end() -> None:
    """After the end: `put` says so, `get` gives what is left and then says so, `stop` is nothing."""
    handle = Pipeline(GeneratorSource("abc")).background()
    assert handle.wait(WAIT)
    with pytest.raises(Ended, match="Pipeline has ended: nothing can be put in"):
        handle.put("x")
    assert [handle.get() for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(Ended, match=r"Pipeline\.outbox has ended"):
        handle.get()
    handle.stop()
    handle.finish()
    assert handle.wait(0)


def test_after_finish() -> None:
    """After `finish` nothing can be put in, but it can still be told to stop."""

    class Stays(Component):
        def main(self):
            while not self._strand.told():
                yield self.pause()

    handle = Stays().background()
    handle.put("x")
    handle.finish()
    with pytest.raises(Ended, match=r"after finish\(\)"):
        handle.put("y")
    assert not handle.wait(0.02)
    handle.stop()
    assert handle.wait(WAIT)


def test_a_put_that_waits_hears_of_the_end() -> None:
    """Who waits for room when the component ends gets Ended."""

    class Leaves(Component):
        bounds = {"inbox": 1}

        def main(self):
            while not self.control.queue:
                yield self.pause()

    handle = Leaves().background()
    raised: list[BaseException] = []

    def put() -> None:
        try:
            for number in range(10**6):
                handle.put(number)
        except Ended as error:
            raised.append(error)

    thread = threading.Thread(target=put)
    thread.start()
    handle.put("leave", "control")
    thread.join(WAIT)
    assert len(raised) == 1
    assert handle.wait(WAIT)


def test_a_failure_comes_to_who_waits() -> None:
    """A failure is raised by `wait`, and stands behind the Ended that `get` and `put` raise."""
    handle = Bad().background()
    handle.put("soup")
    with pytest.raises(ComponentFailed, match="ValueError: no soup") as caught:
        handle.wait(WAIT)
    assert isinstance(caught.value.__cause__, ValueError)
    for call in (handle.get, lambda: handle.put("x")):
        with pytest.raises(Ended) as ended:
            call()
        assert ended.value.__cause__ is caught.value


def test_a_failure_comes_out_of_the_with() -> None:
    """Leaving the `with` raises what the component failed with."""
    with pytest.raises(ComponentFailed, match="no soup"), Bad().background() as handle:
        handle.put("soup")


def test_a_failure_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A failure in the background is not silent, though nobody asks."""
    with caplog.at_level(logging.ERROR, "kamesh"):
        handle = Bad().background()
        handle.put("soup")
        assert handle._over.wait(WAIT)
    assert "in the background: Bad failed with ValueError: no soup" in caplog.text


def test_an_error_in_the_with_stops_it() -> None:
    """An error in the `with` is the one that comes out, and the component is ended."""
    idler = Idler()
    with pytest.raises(KeyError, match="mine"), idler.background():
        raise KeyError("mine")
    assert idler.state == "ended"


def test_leaving_with_unread_output_does_not_hang() -> None:
    """Leaving the `with` ends though much has come out that nobody got; it can be got afterwards."""
    with GeneratorEcho().background() as handle:
        for number in range(2001):
            handle.put(number)
    assert [handle.get() for _ in range(2001)] == list(range(2001))


def test_a_component_that_has_run_is_refused() -> None:
    """What has run cannot be run again in the background; the reason comes to who waits."""
    source = GeneratorSource("x")
    source.run()
    handle = source.background()
    with pytest.raises(Ended, match="a component runs once"):
        handle.wait(WAIT)


def test_an_exit_in_the_background() -> None:
    """`sys.exit()` in a component comes to who waits for it."""

    class Leaves(Component):
        def main(self):
            yield
            sys.exit(4)

    handle = Leaves().background()
    with pytest.raises(SystemExit) as caught:
        handle.wait(WAIT)
    assert caught.value.code == 4


def test_two_at_once() -> None:
    """Two handles in two threads do not touch each other."""
    with GeneratorEcho().background() as one, GeneratorEcho().background() as two:
        one.put(1)
        two.put(2)
        assert (one.get(timeout=WAIT), two.get(timeout=WAIT)) == (1, 2)


def test_a_chassis_in_the_background() -> None:
    """A whole graph can be used so; its own boxes are those of the handle."""
    sink = GeneratorSink()
    with Pipeline(str.upper, lambda s: s + "!", sink).background() as handle:
        handle.put("hello")
    assert sink.messages == ["HELLO!"]


def test_an_endless_source_is_told_to_finish():
    """Leaving the `with` of a component that takes nothing in ends it."""

    class Numbers(Component):
        inboxes = {"control": "told to finish"}

        def main(self):
            number = 0
            while not self.stopping():
                number += 1
                self.send(number)
                yield self.pause(0.001)

    with Numbers().background() as numbers:
        assert numbers.get(timeout=10) == 1
