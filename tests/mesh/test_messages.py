"""What travels on control and signal, and failures: whose line is blamed."""

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from component_kit import GeneratorSource, scene

from kamesh import (
    Component,
    ComponentFailed,
    Failure,
    Pipeline,
    ProducerFinished,
    Shutdown,
    messages,
)
from kamesh.codec import decode, encode
from kamesh.errors import EmptyInbox
from kamesh.messages import failure_of


def raised_by(code: str, file: str, **names: object) -> BaseException:
    """Give what `code` raises when it stands in `file`."""
    try:
        exec(compile(code, file, "exec"), {"__name__": Path(file).stem, **names})
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize(
    "message",
    [
        ProducerFinished("A", at_end=True),
        Shutdown("enough"),
        Failure("A", "ValueError", "no", "x.py", 3, "raise", "outbox"),
    ],
)
def test_records_are_frozen_and_travel(message: object) -> None:
    """They cannot be changed, and arrive elsewhere as they were sent."""
    with pytest.raises(FrozenInstanceError):
        setattr(message, fields(message)[0].name, "B")  # type: ignore[arg-type]
    sent = encode([message])
    assert decode(sent.payload, sent.buffers) == [message]


def test_a_failure_is_a_sentence() -> None:
    """It says who failed, with what, and where; or which box broke off."""
    failure = Failure("A", "ValueError", "no", "x.py", 3, "raise it")
    assert str(failure) == "A failed with ValueError: no at x.py:3: `raise it`"
    assert str(Failure("A", "KeyError", "")) == "A failed with KeyError"
    broken = Failure("A", "ValueError", "no", "x.py", 3, "raise it", "video")
    assert str(broken) == "A.video broke off with ValueError: no at x.py:3: `raise it`"


def test_the_users_own_line_is_blamed() -> None:
    """Below it lies the standard library; the line named is the last of the user's own."""

    class Parses(Component):
        def main(self):
            while not self.stopping():
                for text in self.inbox:
                    self.send(json.loads(text))
                yield self.pause()

    with pytest.raises(ComponentFailed) as caught:
        scene(Pipeline(GeneratorSource(["{}", "{"]), Parses()).run_async())
    failure = caught.value.failure
    assert (failure.error, failure.file) == ("JSONDecodeError", __file__)
    assert failure.text == "self.send(json.loads(text))"


def test_a_folder_that_only_begins_alike_is_not_ours() -> None:
    """A user's folder whose name begins with that of kamesh's is the user's."""
    ours = str(Path(messages.__file__).parent)
    error = raised_by("raise ValueError('x')", f"{ours}_of_a_user/part.py")
    assert failure_of("A", error).file == f"{ours}_of_a_user/part.py"
    theirs = raised_by("reader.recv()", "/home/user/part.py", reader=GeneratorSource(""))
    assert failure_of("A", theirs).file == "/home/user/part.py"
    assert isinstance(theirs, EmptyInbox)


def test_without_a_traceback() -> None:
    """An exception that was never raised has no place."""
    failure = failure_of("A", ValueError("no"))
    assert (failure.file, failure.line, failure.text) == ("", 0, "")


def test_a_failure_far_down_keeps_its_cause() -> None:
    """An exception raised from another is told by its own words; the cause stands behind it."""

    class Wraps(Component):
        def main(self):
            yield
            try:
                raise KeyError("inner")
            except KeyError as error:
                raise RuntimeError("outer") from error

    with pytest.raises(ComponentFailed, match="RuntimeError: outer") as caught:
        scene(Wraps().run_async())
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert isinstance(caught.value.__cause__.__cause__, KeyError)
