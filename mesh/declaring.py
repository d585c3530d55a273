"""Declaring: the boxes that a component's class names, checked, and the attributes that stand for them.

Law: a mistake in a declaration is refused when the class is made, in a sentence that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kamesh.errors import NotSuitable, UnknownBox

if TYPE_CHECKING:
    from kamesh.component import Component

__all__ = ["BoxAttribute", "declare_boxes"]


class BoxAttribute:
    """Lets `self.video` be the box named "video"; an attribute of that name set by hand hides it."""

    def __init__(self, name: str) -> None:
        """Remember which."""
        self.name = name

    def __get__(self, component: Component | None, owner: type) -> Any:
        """Give the box."""
        if component is None:
            return self
        strand = component._strand
        box = strand.inboxes.get(self.name) or strand.outboxes.get(self.name)
        if box is None:
            raise component.no_box("box", self.name)
        return box


def declare_boxes(
    cls: type[Component], inboxes: Mapping[str, str], outboxes: Mapping[str, str]
) -> None:
    """Check the boxes of `cls` and give them attributes; `inboxes` and `outboxes` are the usual ones.

    `control` and `signal` are always among them.
    """
    cls.inboxes = _with(cls, "inboxes", cls.inboxes, "control", inboxes)
    cls.outboxes = _with(cls, "outboxes", cls.outboxes, "signal", outboxes)
    both = set(cls.inboxes) & set(cls.outboxes)
    if both:
        raise NotSuitable(f"{cls.__name__} has an inbox and an outbox both named {min(both)!r}")
    for name, bound in cls.bounds.items():
        if name not in cls.inboxes:
            raise UnknownBox(
                f"{cls.__name__}.bounds names {name!r}, which is not one of its inboxes: "
                + ", ".join(map(repr, cls.inboxes))
            )
        if bound is not None and bound < 1:
            raise NotSuitable(f"{cls.__name__}.bounds has {name!r}: {bound}; 1 or more, or None")
    for name in (*cls.inboxes, *cls.outboxes):
        if not hasattr(cls, name):
            setattr(cls, name, BoxAttribute(name))


def _with(
    cls: type, kind: str, boxes: object, always: str, usual: Mapping[str, str]
) -> Mapping[str, str]:
    if isinstance(boxes, str):
        raise NotSuitable(f"{cls.__name__}.{kind} is {boxes!r}; write {{{boxes!r}: 'what it is for'}}")
    named: dict[str, str] = dict(boxes if isinstance(boxes, Mapping) else dict.fromkeys(boxes, ""))  # type: ignore[call-overload]
    return named if always in named else {**named, always: usual[always]}
