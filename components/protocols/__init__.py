"""Protocols: components that speak with one other end, in bytes, and know nothing of networks.

    from kamesh.components.protocols import Echo

Law: each can be tested alone, by what it is told and what it answers.
"""

from kamesh.components.protocols.chat import Chat, Note, Talk
from kamesh.components.protocols.echo import Echo
from kamesh.components.protocols.fortune import Fortune, fortunes_of
from kamesh.components.protocols.reliable_multicast import ReliableReceiver, ReliableSender

__all__ = [
    "Chat",
    "Echo",
    "Fortune",
    "Note",
    "ReliableReceiver",
    "ReliableSender",
    "Talk",
    "fortunes_of",
]
