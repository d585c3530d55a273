"""`kamesh send`, `link` and `unlink`: what changes a mesh while it runs.

Law: what is put into an inbox that others feed too ends nothing for them; many lines wait for room, a
single message is refused where there is none.
"""

from __future__ import annotations

import json
from argparse import Namespace

from kamesh.deploy.cli.context import Context
from kamesh.deploy.cli.lines import lines_of
from kamesh.deploy.exits import Exit
from kamesh.deploy.launching.runs import find_run
from kamesh.errors import NotSuitable

__all__ = ["link", "send", "unlink"]


async def send(options: Namespace, context: Context) -> int:
    """Put a message into an inbox: a text, a JSON value, or each line that is read."""
    async with context.connect(find_run(options.run)) as client:
        if options.message != "-":
            await client.send(options.box, _message(options.message, options))
            return Exit.OK
        mistake: NotSuitable | None = None
        async with client.feed(options.box) as feed:
            async for line in lines_of(context.read):
                try:
                    message = _message(line, options)
                except NotSuitable as error:
                    mistake = error
                    break  # what came before it is still delivered
                await feed.send(message)
    if mistake is not None:
        raise mistake
    return Exit.OK


def _message(text: str, options: Namespace) -> object:
    if not options.json:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise NotSuitable(f"{text!r} is not JSON ({error}); a text is written in quotes") from error


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
