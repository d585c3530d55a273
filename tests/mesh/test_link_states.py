"""The tables of the link protocol: whole, consistent, and clear about whose fault it is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from kamesh.link.errors import LocalProtocolError, RemoteProtocolError
from kamesh.link.states import (
    LINK,
    RECEIVING,
    SENDING,
    STREAM,
    Call,
    Fact,
    Heard,
    LinkState,
    ReceivingState,
    SendingState,
    StreamState,
    step,
)

TABLES: list[tuple[str, Mapping[Any, Mapping[Any, Any]], type[Enum]]] = [
    ("link", LINK, LinkState),
    ("sending", SENDING, SendingState),
    ("stream", STREAM, StreamState),
    ("receiving", RECEIVING, ReceivingState),
]


@pytest.mark.parametrize(("name", "table", "states"), TABLES, ids=[t[0] for t in TABLES])
def test_every_state_is_in_its_table_and_can_be_reached(
    name: str, table: Mapping[Any, Mapping[Any, Any]], states: type[Enum]
) -> None:
    """No state is forgotten, and none is there that nothing leads to."""
    assert set(table) == set(states)
    first = next(iter(states))
    reached = {first}
    for _ in states:
        reached |= {after for state in reached for after in table[state].values()}
    assert reached == set(states)


@pytest.mark.parametrize(
    ("table", "before", "signal", "after"),
    [
        (LINK, LinkState.DISCONNECTED, Call.CONNECTED, LinkState.GREETING),
        (LINK, LinkState.GREETING, Heard.GREETING, LinkState.ESTABLISHED),
        (LINK, LinkState.ESTABLISHED, Fact.FAULT, LinkState.CLOSING),
        (LINK, LinkState.CLOSING, Fact.LOST, LinkState.DISCONNECTED),
        (LINK, LinkState.DISCONNECTED, Fact.LOST, LinkState.DISCONNECTED),
        (SENDING, SendingState.WAITING, Fact.ESTABLISHED, SendingState.OFFERED),
        (SENDING, SendingState.OFFERED, Heard.OPENED, SendingState.OPEN),
        (SENDING, SendingState.OFFERED, Heard.REFUSED, SendingState.REFUSED),
        (SENDING, SendingState.REFUSED, Fact.ESTABLISHED, SendingState.REFUSED),
        (SENDING, SendingState.REFUSED, Call.REOPEN, SendingState.WAITING),
        (SENDING, SendingState.OPEN, Fact.LOST, SendingState.WAITING),
        (SENDING, SendingState.OPEN, Heard.FINACK, SendingState.OVER),
        (STREAM, StreamState.STREAMING, Call.FINISH, StreamState.FINISHING),
        (STREAM, StreamState.FINISHING, Heard.FINACK, StreamState.FINISHED),
        (RECEIVING, ReceivingState.OFFERED, Call.ACCEPT, ReceivingState.OPEN),
        (RECEIVING, ReceivingState.OPEN, Heard.FIN, ReceivingState.ENDED),
        (RECEIVING, ReceivingState.ENDED, Fact.ALL_CONSUMED, ReceivingState.DONE),
        (RECEIVING, ReceivingState.DONE, Heard.OPEN, ReceivingState.DONE),
        (RECEIVING, ReceivingState.DONE, Heard.FORGET, ReceivingState.OVER),
        (RECEIVING, ReceivingState.STOPPED, Heard.DATA, ReceivingState.STOPPED),
        (RECEIVING, ReceivingState.OPEN, Fact.RESTARTED, ReceivingState.OVER),
    ],
)
def test_state_in_state_out(table: Any, before: Enum, signal: Any, after: Enum) -> None:
    """The steps that resuming, ending and refusing are made of."""
    assert step(table, before, signal, "it") is after


@pytest.mark.parametrize(
    ("table", "before", "signal", "whose"),
    [
        (LINK, LinkState.ESTABLISHED, Call.CONNECTED, LocalProtocolError),
        (LINK, LinkState.ESTABLISHED, Heard.GREETING, RemoteProtocolError),
        (SENDING, SendingState.WAITING, Heard.OPENED, RemoteProtocolError),
        (SENDING, SendingState.OFFERED, Heard.ACK, RemoteProtocolError),
        (SENDING, SendingState.OPEN, Heard.OPENED, RemoteProtocolError),
        (SENDING, SendingState.OPEN, Call.REOPEN, LocalProtocolError),
        (SENDING, SendingState.REFUSED, Call.SEND, LocalProtocolError),
        (STREAM, StreamState.FINISHING, Call.SEND, LocalProtocolError),
        (STREAM, StreamState.FINISHING, Call.FINISH, LocalProtocolError),
        (STREAM, StreamState.STREAMING, Heard.FINACK, RemoteProtocolError),
        (RECEIVING, ReceivingState.OFFERED, Heard.DATA, RemoteProtocolError),
        (RECEIVING, ReceivingState.OFFERED, Heard.FIN, RemoteProtocolError),
        (RECEIVING, ReceivingState.ENDED, Heard.DATA, RemoteProtocolError),
        (RECEIVING, ReceivingState.DONE, Heard.DATA, RemoteProtocolError),
        (RECEIVING, ReceivingState.OPEN, Heard.FORGET, RemoteProtocolError),
    ],
)
def test_what_is_not_listed_is_somebodys_fault(
    table: Any, before: Enum, signal: Any, whose: type[Exception]
) -> None:
    """A caller's mistake is Local, a peer's is Remote, and the sentence names what and where."""
    with pytest.raises(whose, match=before.name.lower()):
        step(table, before, signal, "linkage 7")


@pytest.mark.parametrize(("name", "table", "states"), TABLES, ids=[t[0] for t in TABLES])
def test_a_fact_may_happen_at_any_time(name: str, table: Any, states: type[Enum]) -> None:
    """No fact ever raises: where it is not listed, nothing changes."""
    for state in states:
        for fact in Fact:
            assert step(table, state, fact, "it") is table[state].get(fact, state)


def test_losing_the_connection_never_ends_a_linkage() -> None:
    """Linkages outlive connections: only FINACK, STOP, RESET and their like end them."""
    for state in SendingState:
        if state is not SendingState.OVER:
            assert step(SENDING, state, Fact.LOST, "it") is not SendingState.OVER
    for receiving in ReceivingState:
        assert step(RECEIVING, receiving, Fact.LOST, "it") is receiving
