"""The `kamesh` command: `command.py` reads the words, `verbs.py` knows the verbs, others do them."""

from kamesh.deploy.cli.command import main

__all__ = ["main"]
