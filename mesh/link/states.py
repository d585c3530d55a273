"""The link protocol: what may happen, when, and to whom a mistake belongs.

The law of this file: these tables are the protocol. A link, a linkage we send on and a linkage we
receive on each stand in one state; what their caller does (`Call`), what the peer says (`Heard`)
and what befalls them (`Fact`) are the only things that move them; and what a table does not list is
not allowed. If a caller did it, that is a `LocalProtocolError`; if the peer did it, that is a
`RemoteProtocolError`; a fact may happen at any time, and where it is not listed nothing changes.

A linkage is named by (direction, number): each side numbers those on which it is the sender, never
uses a number twice in one incarnation, and a linkage outlives any number of connections.

    we send                                           the peer receives
    WAITING --OPEN--> OFFERED                         OFFERED --accept--> OPEN
    OFFERED --OPENED--> OPEN                          OPEN --DATA, FIN--> ENDED
    OPEN --FINACK--> OVER, says FORGET                ENDED --all consumed, FINACK--> DONE
    OPEN --STOP--> OVER, says FORGET                  OPEN --stop_receiving--> STOPPED
    any --reset, RESET--> OVER                        any --RESET, FORGET--> OVER

On every new connection the sender names with OPEN each linkage it still holds, then says LISTED;
the receiver answers from where it stands, and what was not named is over. DONE and STOPPED are
remembered until the sender says that it has understood. That is all there is to resuming.

(The layout is that of h11's `_state.py`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TypeVar

from kamesh.link.errors import LocalProtocolError, RemoteProtocolError

__all__ = [
    "LINK",
    "RECEIVING",
    "SENDING",
    "STREAM",
    "Call",
    "Fact",
    "Heard",
    "LinkState",
    "ReceivingState",
    "SendingState",
    "StreamState",
    "step",
]


class _Word(Enum):
    """A word of the tables. It is looked up for every message, so by identity, in C."""

    __hash__ = object.__hash__


class LinkState(_Word):
    """How far the two nodes have got on the connection they have now."""

    DISCONNECTED = auto()
    GREETING = auto()
    ESTABLISHED = auto()
    CLOSING = auto()  # all has been said: the shell closes the connection


class SendingState(_Word):
    """How far the peer has come with a linkage we send on, on this connection."""

    WAITING = auto()  # not named yet on this connection, or there is none
    OFFERED = auto()  # OPEN said, no answer yet
    OPEN = auto()
    REFUSED = auto()  # our caller may reopen or reset it
    OVER = auto()


class StreamState(_Word):
    """What our caller has said for good about a linkage we send on."""

    STREAMING = auto()
    FINISHING = auto()  # nothing more will be sent; FIN follows the data
    FINISHED = auto()  # and everything was consumed


class ReceivingState(_Word):
    """Where a linkage we receive on stands, whatever the connection."""

    OFFERED = auto()  # our caller has not answered yet
    OPEN = auto()
    ENDED = auto()  # FIN received: all is here, not all of it consumed
    DONE = auto()  # all consumed, FINACK said: remembered in case it got lost
    STOPPED = auto()  # STOP said: remembered in case it got lost
    OVER = auto()


class Call(_Word):
    """What our own caller does."""

    CONNECTED = auto()
    GOODBYE = auto()
    SEND = auto()
    FINISH = auto()
    RESET = auto()
    REOPEN = auto()
    ACCEPT = auto()
    REFUSE = auto()
    CONSUME = auto()
    STOP = auto()


class Heard(_Word):
    """What the peer says."""

    GREETING = auto()  # HELLO or WELCOME
    REFUSE = auto()
    BYE = auto()
    OPEN = auto()
    OPENED = auto()
    REFUSED = auto()
    DATA = auto()
    ACK = auto()
    FIN = auto()
    FINACK = auto()
    RESET = auto()
    STOP = auto()
    FORGET = auto()


class Fact(_Word):
    """What happens to both."""

    ESTABLISHED = auto()  # a connection has been greeted: a linkage we send on is named
    LOST = auto()  # the connection is gone
    FAULT = auto()  # the peer broke the protocol, or we cannot go together
    SILENCE = auto()  # the peer is called dead, or did not greet in time
    RESTARTED = auto()  # the peer came back as a new incarnation
    UNNAMED = auto()  # the sender said LISTED without having named this linkage
    ALL_CONSUMED = auto()


Signal = Call | Heard | Fact
S = TypeVar("S", LinkState, SendingState, StreamState, ReceivingState)


LINK: Mapping[LinkState, Mapping[Signal, LinkState]] = {
    LinkState.DISCONNECTED: {
        Call.CONNECTED: LinkState.GREETING,
        Call.GOODBYE: LinkState.DISCONNECTED,
    },
    LinkState.GREETING: {
        Heard.GREETING: LinkState.ESTABLISHED,
        Heard.REFUSE: LinkState.CLOSING,
        Heard.BYE: LinkState.CLOSING,
        Call.GOODBYE: LinkState.CLOSING,
        Fact.FAULT: LinkState.CLOSING,
        Fact.SILENCE: LinkState.CLOSING,
        Fact.LOST: LinkState.DISCONNECTED,
    },
    LinkState.ESTABLISHED: {
        Heard.REFUSE: LinkState.CLOSING,
        Heard.BYE: LinkState.CLOSING,
        Call.GOODBYE: LinkState.CLOSING,
        Fact.FAULT: LinkState.CLOSING,
        Fact.SILENCE: LinkState.CLOSING,
        Fact.LOST: LinkState.DISCONNECTED,
    },
    LinkState.CLOSING: {
        Call.GOODBYE: LinkState.CLOSING,
        Fact.LOST: LinkState.DISCONNECTED,
    },
}

SENDING: Mapping[SendingState, Mapping[Signal, SendingState]] = {
    SendingState.WAITING: {
        Fact.ESTABLISHED: SendingState.OFFERED,
        Call.SEND: SendingState.WAITING,
        Call.FINISH: SendingState.WAITING,
        Call.RESET: SendingState.OVER,
    },
    SendingState.OFFERED: {
        Heard.OPENED: SendingState.OPEN,
        Heard.REFUSED: SendingState.REFUSED,
        Heard.STOP: SendingState.OVER,
        Call.SEND: SendingState.OFFERED,
        Call.FINISH: SendingState.OFFERED,
        Call.RESET: SendingState.OVER,
        Fact.LOST: SendingState.WAITING,
    },
    SendingState.OPEN: {
        Heard.ACK: SendingState.OPEN,
        Heard.FINACK: SendingState.OVER,
        Heard.STOP: SendingState.OVER,
        Call.SEND: SendingState.OPEN,
        Call.FINISH: SendingState.OPEN,
        Call.RESET: SendingState.OVER,
        Fact.LOST: SendingState.WAITING,
    },
    SendingState.REFUSED: {
        Call.FINISH: SendingState.REFUSED,
        Call.REOPEN: SendingState.WAITING,
        Call.RESET: SendingState.OVER,
    },
    SendingState.OVER: {},
}

STREAM: Mapping[StreamState, Mapping[Signal, StreamState]] = {
    StreamState.STREAMING: {
        Call.SEND: StreamState.STREAMING,
        Call.FINISH: StreamState.FINISHING,
    },
    StreamState.FINISHING: {
        Heard.FINACK: StreamState.FINISHED,
    },
    StreamState.FINISHED: {},
}

RECEIVING: Mapping[ReceivingState, Mapping[Signal, ReceivingState]] = {
    ReceivingState.OFFERED: {
        Heard.OPEN: ReceivingState.OFFERED,
        Heard.RESET: ReceivingState.OVER,
        Call.ACCEPT: ReceivingState.OPEN,
        Call.REFUSE: ReceivingState.OVER,
        Call.CONSUME: ReceivingState.OFFERED,
        Call.STOP: ReceivingState.STOPPED,
        Fact.UNNAMED: ReceivingState.OVER,
        Fact.RESTARTED: ReceivingState.OVER,
    },
    ReceivingState.OPEN: {
        Heard.OPEN: ReceivingState.OPEN,
        Heard.DATA: ReceivingState.OPEN,
        Heard.FIN: ReceivingState.ENDED,
        Heard.RESET: ReceivingState.OVER,
        Call.ACCEPT: ReceivingState.OPEN,
        Call.REFUSE: ReceivingState.STOPPED,
        Call.CONSUME: ReceivingState.OPEN,
        Call.STOP: ReceivingState.STOPPED,
        Fact.UNNAMED: ReceivingState.OVER,
        Fact.RESTARTED: ReceivingState.OVER,
    },
    ReceivingState.ENDED: {
        Heard.OPEN: ReceivingState.ENDED,
        Heard.FIN: ReceivingState.ENDED,
        Heard.RESET: ReceivingState.OVER,
        Call.CONSUME: ReceivingState.ENDED,
        Call.STOP: ReceivingState.STOPPED,
        Fact.ALL_CONSUMED: ReceivingState.DONE,
        Fact.UNNAMED: ReceivingState.OVER,
        Fact.RESTARTED: ReceivingState.OVER,
    },
    ReceivingState.DONE: {
        Heard.OPEN: ReceivingState.DONE,
        Heard.FIN: ReceivingState.DONE,
        Heard.RESET: ReceivingState.OVER,
        Heard.FORGET: ReceivingState.OVER,
        Call.CONSUME: ReceivingState.DONE,
        Call.STOP: ReceivingState.DONE,
        Fact.UNNAMED: ReceivingState.OVER,
        Fact.RESTARTED: ReceivingState.OVER,
    },
    ReceivingState.STOPPED: {
        Heard.OPEN: ReceivingState.STOPPED,
        Heard.DATA: ReceivingState.STOPPED,
        Heard.FIN: ReceivingState.STOPPED,
        Heard.RESET: ReceivingState.OVER,
        Heard.FORGET: ReceivingState.OVER,
        Call.ACCEPT: ReceivingState.STOPPED,
        Call.REFUSE: ReceivingState.STOPPED,
        Call.CONSUME: ReceivingState.STOPPED,
        Call.STOP: ReceivingState.STOPPED,
        Fact.UNNAMED: ReceivingState.OVER,
        Fact.RESTARTED: ReceivingState.OVER,
    },
    ReceivingState.OVER: {},
}


def step(table: Mapping[S, Mapping[Signal, S]], state: S, signal: Signal, what: object) -> S:
    """Return the state that follows. `what` names the thing that is moved, for the sentence.

    Raises `LocalProtocolError` or `RemoteProtocolError`, by whose signal it was; never for a fact.
    """
    after = table[state].get(signal)
    if after is not None:
        return after
    if isinstance(signal, Fact):
        return state
    if isinstance(signal, Call):
        raise LocalProtocolError(
            f"{signal.name.lower()} is not possible while {what} is {state.name.lower()}"
        )
    raise RemoteProtocolError(f"{signal.name} came for {what}, which is {state.name.lower()}")
