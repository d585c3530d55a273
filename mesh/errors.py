"""Every mistake kamesh names, in the words of the person who made it.

Laws: one base class, so that `except KameshError` is enough; each message is a plain sentence that
says what was wrong, where, and what to do; nothing here imports anything of ours.
"""


class KameshError(Exception):
    """A mistake or a failure that kamesh can put into a sentence."""


class UnknownBox(KameshError, LookupError):
    """A box was named that the component does not have."""


class EmptyInbox(KameshError, LookupError):
    """A message was asked of an inbox that holds none."""


class Full(KameshError):
    """An inbox has no room, and who asked does not wait."""


class LinkageRefused(KameshError, ValueError):
    """A linkage cannot be made: no such end, the wrong way round, or a second destination."""


class NameTaken(KameshError, ValueError):
    """Two things were given one name."""


class UnknownName(KameshError, LookupError):
    """No service, tracked value, backplane, component or node has this name."""


class BadYield(KameshError, TypeError):
    """A component yielded something that is not a request to its scheduler."""

    def __init__(self, text: str, failure: object = None) -> None:
        """Keep the failure that names the line, if there is one."""
        super().__init__(text)
        self.failure = failure


class NotSuitable(KameshError, TypeError):
    """Something that is not a component, nor a callable, was put where one belongs."""


class Ended(KameshError, RuntimeError):
    """The other side is gone: what was asked for can no longer happen."""


class ComponentFailed(KameshError):
    """A component raised. `failure` says which, where, and at which of the user's own lines."""

    def __init__(self, failure: object) -> None:
        """Keep the failure; its text is the message."""
        super().__init__(str(failure))
        self.failure = failure
