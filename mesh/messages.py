"""What travels on `control` and `signal`, and what a broken stream ends with.

Laws: each is a frozen record that arrives as it was sent, in this process or in another; a component
may send any other object on `signal` too, and only these have a meaning to kamesh itself.
"""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from dataclasses import dataclass
from functools import cache
from types import TracebackType

from kamesh.codec import register
from kamesh.errors import KameshError

__all__ = ["Failure", "ProducerFinished", "Shutdown", "failure_of"]

OURS = os.path.dirname(__file__)


@register(name="ProducerFinished")
@dataclass(frozen=True, slots=True)
class ProducerFinished:
    """No more is coming: finish what you have, pass this on, and end.

    `at_end` marks the one that kamesh itself sends for a component that has ended; whoever is still
    fed by others goes on.
    """

    who: str = ""
    at_end: bool = False


@register(name="Shutdown")
@dataclass(frozen=True, slots=True)
class Shutdown:
    """Stop now: leave what is unread, pass this on, and end."""

    reason: str = ""


@register(name="Failure")
@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stream broke: the component that raised, what it raised, and at which line of whose file.

    `box` is the outbox that ended with it, where it is told to those whom that box feeds; `says_all`
    marks a sentence of kamesh itself, which needs neither a type nor a place.
    """

    component: str
    error: str
    message: str
    file: str = ""
    line: int = 0
    text: str = ""
    box: str = ""
    says_all: bool = False

    def __str__(self) -> str:
        """Put it in a sentence."""
        where = f" at {self.file}:{self.line}: `{self.text}`" if self.file else ""
        who = f"{self.component}.{self.box} broke off" if self.box else f"{self.component} failed"
        if self.says_all:
            return f"{who}: {self.message}"
        what = f"{self.error}: {self.message}" if self.message else self.error
        return f"{who} with {what}{where}"


def failure_of(component: str, error: BaseException, *, ours: str = OURS) -> Failure:
    """Describe `error` as raised by `component`, at the last line outside the folder `ours`.

    The line named is the user's own: the innermost frame whose file lies neither in `ours` (kamesh
    itself) nor in Python or an installed package; failing that, the innermost outside `ours`; and
    failing that, the innermost of all.
    """
    frame = _blame(error.__traceback__, ours)
    if isinstance(error, KameshError) and (frame is None or _is_ours(error.__traceback__, frame)):
        return Failure(component, type(error).__name__, str(error), says_all=True)
    if frame is None:
        return Failure(component, type(error).__name__, str(error))
    return Failure(
        component,
        type(error).__name__,
        str(error),
        frame.filename,
        frame.lineno or 0,
        linecache.getline(frame.filename, frame.lineno or 0).strip(),
    )


def _blame(trace: TracebackType | None, ours: str) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(trace)
    theirs = [f for f in frames if not f.filename.startswith(ours.rstrip(os.sep) + os.sep)]
    written = [f for f in theirs if not f.filename.startswith(_installed())]
    best = written or theirs or list(frames)
    return best[-1] if best else None


def _is_ours(trace: TracebackType | None, frame: traceback.FrameSummary) -> bool:
    """Say whether the frame that is to blame is of kamesh: its library too, wherever that lies."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if (code.co_filename, trace.tb_lineno) == (frame.filename, frame.lineno):
            return str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == "kamesh"
        trace = trace.tb_next
    return False


@cache
def _installed() -> tuple[str, ...]:
    folders = (sysconfig.get_path(each) for each in ("stdlib", "platstdlib", "purelib", "platlib"))
    return ("<frozen ", *(folder + os.sep for folder in folders))
