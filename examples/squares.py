"""Squares: plain functions as components, fed from standard input.

    seq 1 5 | python squares.py

A function in a Pipeline is applied to each message; where it gives None, nothing is sent on.
"""

from kamesh import Pipeline
from kamesh.components.console import ConsoleEchoer, ConsoleReader


def number(line):
    """Give the number that a line holds, and None if it holds none."""
    return int(line) if line.strip().isdecimal() else None


Pipeline(ConsoleReader(), number, lambda n: f"{n} x {n} = {n * n}", ConsoleEchoer()).run()
