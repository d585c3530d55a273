"""Names for what is made: a class, a module and a package, out of what somebody typed.

Law: a name that would not work, or would hide something of Python's own, is refused in a sentence.
"""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass

from kamesh.errors import NotSuitable

__all__ = ["Names", "named"]


@dataclass(frozen=True, slots=True)
class Names:
    """One name in its forms: `RateLimiter`, `rate_limiter`, `rate-limiter`."""

    pascal: str
    snake: str

    @property
    def kebab(self) -> str:
        """The form for packages and words."""
        return self.snake.replace("_", "-")


def named(given: str) -> Names:
    """Make the forms of a name; NotSuitable if it can be none.

    Example: `named("rate-limiter")` gives `Names("RateLimiter", "rate_limiter")`.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([ _-][A-Za-z0-9]+)*", given):
        raise NotSuitable(
            f"{given!r} cannot be a name: letters and digits, beginning with a letter, such as "
            f"RateLimiter or rate-limiter"
        )
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", given)
    words = [word for word in re.split(r"[ _-]+", apart) if word]
    snake = "_".join(word.lower() for word in words)
    pascal = "".join(word if word.isupper() else word[:1].upper() + word[1:] for word in words)
    if keyword.iskeyword(snake) or keyword.iskeyword(pascal):
        raise NotSuitable(f"{given!r} is a word of Python's own: choose another name")
    if snake in sys.stdlib_module_names or snake in ("kamesh", "tests", "test"):
        raise NotSuitable(
            f"a module {snake!r} would hide the one that is there already: choose another name"
        )
    return Names(pascal, snake)
