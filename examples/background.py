"""Background: components from a program that is not made of them, through a handle.

`put` waits while the component is full, `get` while nothing has come; both may be called from any
thread.
"""

from kamesh import Pipeline


def reverse(text):
    """Turn a text round."""
    return text[::-1]


with Pipeline(str.strip, str.upper, reverse).background() as service:
    for word in ["  drawer ", "stressed", "level"]:
        service.put(word)
        print(word.strip(), "->", service.get(timeout=10))
