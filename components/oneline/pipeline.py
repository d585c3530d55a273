"""One-line pipelines: `pipeline_of("console-reader ! upper ! console").run()`.

Laws
1. To parse is pure: text in, steps out, everything checked that can be without importing anything.
   Only a word that the table has not is looked for among all components that are installed.
2. Two words that do not fit are refused; where there is only one thing that could stand between
   packets and what takes a transport stream, it is put there. Parts that declare their formats are
   linked by these, as in a MediaPipeline: sound goes past what works on pictures.
3. What the last word gives is printed if a person can read it, as any shell would.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from kamesh import Component, Pipeline
from kamesh.chassis import as_component
from kamesh.components.oneline.calling import literal, wrong_with
from kamesh.components.oneline.tokens import PipelineMistake, Token, steps_of
from kamesh.components.oneline.words import (
    ANYTHING,
    BETWEEN,
    FRAMES,
    NOTHING,
    PACKETS,
    PRINTED,
    STREAM,
    WORDS,
    Word,
)
from kamesh.errors import LinkageRefused, UnknownName
from kamesh.fitting import format_of
from kamesh.linking import did_you_mean

__all__ = ["PipelineMistake", "Step", "parse_pipeline", "pipeline_of"]

FORMS = {"pictures": FRAMES, "sound": FRAMES}  # what words call what components declare


@dataclass(frozen=True, slots=True)
class Step:
    """One component of the line: its word, what makes it, with which arguments; `implied` if unsaid."""

    word: str
    use: str
    arguments: tuple[object, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    implied: bool = field(default=False, compare=False)


def parse_pipeline(line: str) -> list[Step]:
    """Parse and check a one-line pipeline; PipelineMistake, in a sentence, if it makes no sense.

    Example: `parse_pipeline("read names.txt ! head 3")` gives
    `[Step("read", "kamesh.components.files:LineReader", ("names.txt",)), Step("head", ...),
    Step("console", ...)]`.
    """
    steps: list[Step] = []
    coming, before = NOTHING, ""
    for tokens in steps_of(line):
        name = tokens[0].text
        word = _word(name)
        if coming == PACKETS and STREAM in word.takes and PACKETS not in word.takes:
            steps.append(Step("mux", WORDS["mux"].use, implied=True))
            coming = STREAM
        _check_fit(name, word, before, coming)
        arguments, options = _arguments(name, word, tokens[1:])
        steps.append(Step(name, word.uses.get(coming, word.use), arguments, options))
        coming, before = (coming if word.gives is None else word.gives), name
    if coming in (*PRINTED, ANYTHING):
        steps.append(Step("console", WORDS["console"].use, implied=True))
    elif coming != NOTHING:
        raise PipelineMistake(
            f"what {before!r} gives ({coming}) goes nowhere: go on with {_joined(_takers(coming))}"
        )
    return steps


def pipeline_of(line: str) -> Pipeline:
    """Make the Pipeline that a line describes; nothing runs yet.

    Raises PipelineMistake for a line that makes no sense or a component that cannot be made.

    Example: `pipeline_of("ticker 0.5 count=3 ! console").run()`.
    """
    parts: list[Component] = []
    for step in parse_pipeline(line):
        if parts and "outbox" not in parts[-1]._strand.outboxes:
            if step.implied:
                break
            raise PipelineMistake(
                f"{parts[-1].name!r} sends nothing on, so nothing can come after it"
            )
        part = as_component(_made(step))
        part.name = step.word
        if parts and "inbox" not in part._strand.inboxes:
            raise PipelineMistake(f"{part.name!r} takes nothing in, so it can only come first")
        parts.append(part)
    return _wired(parts)


def _wired(parts: list[Component]) -> Pipeline:
    """Link the parts; those that say what they give and take, by that, with what is missing put in."""
    if any(part.formats for part in parts):
        # the media package pulls in what only media needs, and one of its parts is here already
        from kamesh.components.media.line import MediaPipeline

        try:
            return MediaPipeline(*parts, name="pipeline")
        except LinkageRefused as error:
            raise PipelineMistake(str(error)) from error
    pipeline = Pipeline(*parts, name="pipeline")
    for before, after in pairwise(parts):
        for box in before._strand.outboxes:  # beyond the usual two: those of one name
            if box not in ("outbox", "signal") and box in after._strand.inboxes:
                pipeline.link((before.name, box), (after.name, box))
    return pipeline


def _word(name: str) -> Word:
    if ":" in name:
        return Word("a component of your own", name, gives=ANYTHING)
    return WORDS.get(name) or _component(name)


def _component(name: str) -> Word:
    """Make a word of a component of the library, or of another package, by its name."""
    # to know them all, each is imported: only where the table does not know the word
    from kamesh.components.catalogue import catalogue

    known = catalogue()
    try:
        entry = known.find(name)
    except UnknownName:
        near = did_you_mean(name, [*WORDS, *(each.word for each in known.entries)])
        raise PipelineMistake(
            f"there is no word {name!r}{near}; `kamesh components --words` lists them, "
            f"or name a class of your own as module:Class"
        ) from None
    gives = _kinds(entry.use, "outbox")
    return Word(
        entry.summary, entry.use,
        takes=(_kinds(entry.use, "inbox") or (ANYTHING,)) if "inbox" in entry.inboxes else (),
        gives=(gives[0] if len(gives) == 1 else ANYTHING) if "outbox" in entry.outboxes else NOTHING,
    )  # fmt: skip


def _kinds(use: str, box: str) -> tuple[str, ...]:
    """Give the kinds of what a component declares for a box; none where it declares nothing."""
    module, _, name = use.partition(":")
    declared = format_of(getattr(importlib.import_module(module), name, None), box)
    options = getattr(declared, "options", (declared,))
    kinds = [getattr(option, "kind", "") for option in options]
    return tuple(dict.fromkeys(FORMS.get(kind, kind) for kind in kinds if kind))


def _check_fit(name: str, word: Word, before: str, coming: str) -> None:
    if not before:
        if word.takes and word is WORDS.get(name):
            sources = [each for each, row in WORDS.items() if not row.takes]
            raise PipelineMistake(f"{name!r} has nothing to work on: begin with {_joined(sources)}")
        return
    if coming == NOTHING:
        raise PipelineMistake(f"{before!r} sends nothing on, so nothing can come after it")
    if not word.takes:
        raise PipelineMistake(f"{name!r} takes nothing in, so it can only come first")
    if ANYTHING in (coming, *word.takes) or coming in word.takes:
        return
    between = [BETWEEN[pair] for kind in word.takes if (pair := (coming, kind)) in BETWEEN]
    raise PipelineMistake(
        f"{name!r} takes {_joined(word.takes)}, and {before!r} gives {coming}"
        + (f": put {between[0]!r} between them" if between else "")
    )


def _arguments(
    name: str, word: Word, tokens: list[Token]
) -> tuple[tuple[object, ...], dict[str, object]]:
    own = word is not WORDS.get(name)  # its arguments are not known here
    names = list(word.arguments)
    given: list[object] = []
    options: dict[str, object] = {}
    for token in tokens:
        key, value = token.option or ("", "")
        if key and (own or key in names):
            if key in options or key in names[: len(given)]:
                raise PipelineMistake(f"{name!r} is given {key} twice")
            options[key] = literal(value) if own else _converted(name, word, key, value)
        elif own:
            given.append(literal(token.text) if token.quoted is None else token.text)
        elif key and did_you_mean(key, names):
            raise PipelineMistake(
                f"{name!r} has no argument {key!r}{did_you_mean(key, names)}: "
                f"it is used as {word.usage(name)!r}"
            )
        elif len(given) < len(names):
            given.append(_converted(name, word, names[len(given)], token.text))
        else:
            raise PipelineMistake(
                f"{name!r} has no place for {token.text!r}: it is used as {word.usage(name)!r}"
            )
    missing = [each for each in names[len(given) : word.needed] if each not in options]
    if missing:
        raise PipelineMistake(
            f"{name!r} needs {_joined(missing, 'and')}: it is used as {word.usage(name)!r}"
        )
    return tuple(given), options


def _converted(name: str, word: Word, argument: str, given: str) -> object:
    try:
        return word.arguments[argument](given)
    except ValueError as error:
        raise PipelineMistake(f"{argument} of {name!r} is {error}, not {given!r}") from None


def _made(step: Step) -> Any:
    """Import what makes the component of `step`, and make it."""
    module, _, name = step.use.partition(":")
    try:
        maker: Any = importlib.import_module(module)
        for part in name.split("."):
            maker = getattr(maker, part)
        if step.word == step.use and not isinstance(maker, type) and not step.arguments:
            return maker  # a function of the user's own, which is wrapped as in any Pipeline
        if wrong := wrong_with(maker, step.arguments, step.options):
            raise TypeError(wrong)
        return maker(*step.arguments, **step.options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise PipelineMistake(f"{step.word!r} cannot be made: {error}") from error


def _takers(kind: str) -> list[str]:
    return [*(each for each, row in WORDS.items() if kind in row.takes), "null"]


def _joined(words: Any, last: str = "or") -> str:
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else str(final)
