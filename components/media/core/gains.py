"""Gains: how much of each input is in each output, and the words that change it. Pure, no NumPy.

Laws
1. Every request has one reply: OK, ON, OFF, or FAIL and a sentence that says why.
2. A request that fails changes nothing.
3. An output of a mix-minus never has its own input in it, whatever is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from kamesh.codec import register
from kamesh.errors import KameshError

__all__ = ["GainError", "GainMatrix", "SetGain"]

MOST = 64.0  # times as loud: 36 dB
SWITCHES = ("ON", "OFF", "ONLY")

Rows = tuple[tuple[float, ...], ...]


class GainError(KameshError, ValueError):
    """A gain that cannot be set: no such input, no such output, or no such figure."""


@register(name="media.SetGain")
@dataclass(frozen=True, slots=True)
class SetGain:
    """Asks for `gain` of `input` in `output`: 1.0 as it comes, 0.0 not at all, -1.0 inverted."""

    input: str
    output: str
    gain: float


class GainMatrix:
    """The gain of each input in each output.

    Example: `GainMatrix(["dj1", "music"], ["hall"]).obey("SWITCH hall music OFF")` is "OK", and
    `rows` then `((1.0, 0.0),)`: a row for each output, with a figure for each input.
    """

    def __init__(
        self,
        inputs: Iterable[str],
        outputs: Iterable[str],
        gains: Mapping[tuple[str, str], float] | float = 1.0,
        *,
        without: Mapping[str, str] | None = None,
    ) -> None:
        """Take names, and gains: one for all, or by (input, output), 1.0 where none is given.

        `without` names, of an output, the input that is never in it.
        """
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._without = dict(without or {})
        start = 1.0 if isinstance(gains, Mapping) else checked_gain(gains)
        self._gains = {
            (source, output): 0.0 if self._without.get(output) == source else start
            for output in self.outputs
            for source in self.inputs
        }
        self._wanted = {pair: gain or 1.0 for pair, gain in self._gains.items()}  # when it is on
        for (source, output), gain in (gains if isinstance(gains, Mapping) else {}).items():
            self.set(source, output, gain)

    @property
    def rows(self) -> Rows:
        """All gains: a row for each output, in it one for each input."""
        return tuple(tuple(self._gains[s, output] for s in self.inputs) for output in self.outputs)

    def gain(self, source: str, output: str) -> float:
        """Give one gain; GainError for a name that is not there."""
        return self._gains[self._pair(source, output)]

    def set(self, source: str, output: str, gain: float) -> None:
        """Set one gain; GainError for what cannot be."""
        pair, gain = self._pair(source, output), checked_gain(gain)
        if gain and self._without.get(output) == source:
            raise GainError(f"{output!r} is the mix without {source!r}: it is never in it")
        self._gains[pair] = gain
        if gain:
            self._wanted[pair] = gain

    def obey(self, request: object) -> str:
        """Do what is asked, by a SetGain or by a line of text; give the reply.

        The lines: `SWITCH output input ON` (as loud as it was last), `... OFF`, `... ONLY` (this
        input, and no other), `GAIN output input 0.5`, and `QUERY output input`.
        """
        try:
            if isinstance(request, SetGain):
                self.set(request.input, request.output, request.gain)
                return "OK"
            if isinstance(request, str):
                return self._obey_line(request.split())
        except GainError as error:
            return f"FAIL {error}"
        return f"FAIL a gain is set by a SetGain or a line of text, not by {type(request).__name__}"

    def _obey_line(self, words: list[str]) -> str:
        match [words[0].upper(), *words[1:]] if words else []:
            case ["QUERY", output, source]:
                return "ON" if self.gain(source, output) else "OFF"
            case ["SWITCH", output, source, how] if how.upper() in SWITCHES:
                self._switch(source, output, how.upper())
                return "OK"
            case ["GAIN", output, source, figure]:
                self.set(source, output, _number(figure))
                return "OK"
        raise GainError(
            "write 'SWITCH output input ON' (or OFF, ONLY), 'GAIN output input 0.5' or "
            "'QUERY output input'"
        )

    def _switch(self, source: str, output: str, how: str) -> None:
        pair = self._pair(source, output)
        self.set(source, output, 0.0 if how == "OFF" else self._gains[pair] or self._wanted[pair])
        if how == "ONLY":
            for other in self.inputs:
                if other != source:
                    self.set(other, output, 0.0)

    def _pair(self, source: str, output: str) -> tuple[str, str]:
        for kind, name, names in (("input", source, self.inputs), ("output", output, self.outputs)):
            if name not in names:
                raise GainError(f"there is no {kind} {name!r}: there are {', '.join(names)}")
        return source, output


def checked_gain(gain: object) -> float:
    """Give a gain; GainError for what is none."""
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not isfinite(gain):
        raise GainError(f"a gain is a number, such as 0.5, not {gain!r}")
    if abs(gain) > MOST:
        raise GainError(f"a gain is {MOST:g} at the most, not {gain:g}")
    return float(gain)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GainError(f"a gain is a number, such as 0.5, not {text!r}") from None
