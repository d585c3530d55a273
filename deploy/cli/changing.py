"""`kamesh send`, `link` and `unlink`: what changes a mesh while it runs."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator

from kamesh.deploy.cli.context import Context
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.errors import NotSuitable

__all__ = ["link", "send", "unlink"]


async def send(options: Namespace, context: Context) -> int:
    """Put a message into an inbox: a text, a JSON value, or each line that is read."""
    messages = _messages(options, context)
    async with context.connect(find_run(options.run)) as client:
        for message in messages:
            await client.send(options.box, message)
    return Exit.OK


def _messages(options: Namespace, context: Context) -> Iterator[object]:
    texts = (
        (line.rstrip("\n") for line in context.read)
        if options.message == "-"
        else [options.message]
    )
    for text in texts:
        if not options.json:
            yield text
            continue
        try:
            yield json.loads(text)
        except ValueError as error:
            raise NotSuitable(
                f"{text!r} is not JSON ({error}); a text is written in quotes"
            ) from error


async def link(options: Namespace, context: Context) -> int:
    """Link an outbox to an inbox, beside the linkages it has."""
    async with context.connect(find_run(options.run)) as client:
        await client.link(options.source, options.sink, options.policy)
    return Exit.OK


async def unlink(options: Namespace, context: Context) -> int:
    """Undo the linkages from an outbox to an inbox."""
    async with context.connect(find_run(options.run)) as client:
        undone = await client.unlink(options.source, options.sink)
    if not undone:
        context.remark(f"{options.source} was not linked to {options.sink}: nothing is undone")
    return Exit.OK if undone else Exit.FAILED
