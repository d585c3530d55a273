"""What nodes say to each other about members: messages as plain lists, read with suspicion.

Laws:
1. Numbers on the wire are only ever appended; a message has its kind first, and fields are only
   added at its end.
2. `read` takes anything at all and returns a message or raises `Unreadable`, nothing else; it
   allocates no more than what it was given.
3. Nothing read here is believed here: that is for the merge.

The lists hold None, int, str, bytes and lists only, so MessagePack carries them as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum

from kamesh.membership.member import (
    INCARNATION_BYTES,
    LONGEST_NAME,
    MOST_REVISION,
    BadMember,
    Member,
    Part,
    State,
    checked,
    verdict,
)
from kamesh.membership.messages import (
    Ack,
    Ask,
    Closing,
    Entry,
    Mark,
    Message,
    Nack,
    News,
    Ping,
    Record,
    Sync,
    Told,
    Want,
)

MOST_RECORDS = 4096  # in one message: all runs of a full directory


class Kind(IntEnum):
    """ONLY APPEND to this list: the numbers travel."""

    PING = 0
    ACK = 1
    ASK = 2
    NACK = 3
    SYNC = 4
    WANT = 5
    TOLD = 6
    NEWS = 7
    MARK = 8
    CLOSING = 9


class Unreadable(ValueError):
    """A payload that is no message of this protocol; the text says why."""


_STATES = tuple(State)


def write(message: Message) -> list[object]:
    """Return a message as plain lists."""
    news = [_write_record(record) for record in message.news]
    match message:
        case Ping():
            return [int(Kind.PING), news, message.number]
        case Ack():
            return [int(Kind.ACK), news, message.number]
        case Ask():
            return [int(Kind.ASK), news, message.number, message.target]
        case Nack():
            return [int(Kind.NACK), news, message.number]
        case Sync():
            digest = [[e.name, e.incarnation, e.revision, int(e.state), e.declared]
                      for e in message.digest]  # fmt: skip
            return [int(Kind.SYNC), news, digest, int(message.back)]
        case Want():
            return [int(Kind.WANT), news, [[name, run] for name, run in message.runs]]
        case Told():
            return [int(Kind.TOLD), news]
        case News():
            return [int(Kind.NEWS), news]
        case Closing():
            return [int(Kind.CLOSING), news]
        case Mark():
            return [int(Kind.MARK), news, message.fingerprint]


def _write_record(record: Record) -> list[object]:
    member, accuser = record
    head: list[object] = [member.name, member.incarnation, member.revision, int(member.state)]
    if member.state is State.SUSPECT:
        return [*head, accuser]
    if member.state is State.DEAD or not member.known:
        return head
    parts = [[part.name, list(part.inboxes), list(part.outboxes)] for part in member.parts]
    facts: list[object] = [member.declared, member.since, list(member.addresses), member.kind]
    return [*head, *facts, parts, member.rival]


Has = Callable[[str, bytes, int, State, int], bool]


def read(payload: object, has: Has = lambda *_: False) -> Message:
    """Return the message in a payload, or raise Unreadable.

    `has(name, incarnation, revision, state, declared)` says whether a record with these marks is
    known already; its facts are then not read again, and it comes as a bare judgement.
    """
    try:
        return _read(payload, has)
    except BadMember as error:
        raise Unreadable(str(error)) from None


def _read(payload: object, has: Has) -> Message:
    kind, news_list, *rest = _list(payload, "message", least=2, most=16)
    records = _list(news_list, "news", most=MOST_RECORDS)
    news = tuple([_read_record(item, has) for item in records])
    match _number(kind), rest:
        case Kind.NEWS, _:
            return News(news)
        case Kind.PING, [number, *_]:
            return Ping(_number(number), news)
        case Kind.ACK, [number, *_]:
            return Ack(_number(number), news)
        case Kind.ASK, [number, target, *_]:
            return Ask(_number(number), _name(target), news)
        case Kind.NACK, [number, *_]:
            return Nack(_number(number), news)
        case Kind.SYNC, [digest, back, *_]:
            entries = _list(digest, "digest", most=MOST_RECORDS)
            return Sync(tuple([_read_entry(entry) for entry in entries]), back == 1, news)
        case Kind.WANT, [runs, *_]:
            wanted = _list(runs, "runs", most=MOST_RECORDS)
            return Want(tuple([_read_run(run) for run in wanted]), news)
        case Kind.TOLD, _:
            return Told(news)
        case Kind.CLOSING, _:
            return Closing(news)
        case Kind.MARK, [fingerprint, *_]:
            return Mark(_number(fingerprint), news)
    raise Unreadable(f"a message of no known kind with {len(rest)} fields")


def _read_record(item: object, has: Has) -> Record:
    name, incarnation, revision, state_number, *rest = _list(item, "record", least=4, most=16)
    state = _state(state_number)
    if state is State.SUSPECT:
        accuser = _name(rest[0]) if rest else ""
        return _verdict(name, incarnation, revision, state), accuser
    if state is State.DEAD or not rest:
        return _verdict(name, incarnation, revision, state), ""
    if len(rest) < 6:
        raise Unreadable(f"a record of {4 + len(rest)} fields")
    declared, since, addresses, kind, parts, rival = rest[:6]
    short = _verdict(name, incarnation, revision, state)
    if has(short.name, short.incarnation, short.revision, state, _number(declared)):
        return short, ""
    member = Member(
        name=short.name,
        incarnation=short.incarnation,
        revision=short.revision,
        state=state,
        since=_number(since),
        addresses=_texts(addresses),
        kind=_text(kind),
        parts=tuple(_read_part(part) for part in _list(parts, "parts")),
        declared=_number(declared),
        rival=_bytes(rival),
    )
    return checked(member), ""


def _read_entry(item: object) -> Entry:
    if type(item) is not list or len(item) < 5:
        raise Unreadable(f"no entry: {type(item).__name__}")
    name, incarnation, revision, state, declared = item[:5]
    told = -1 if declared == -1 else _number(declared)
    return Entry(_name(name), _incarnation(incarnation), _number(revision), _state(state), told)


def _read_run(item: object) -> tuple[str, bytes]:
    name, incarnation = _list(item, "run", least=2, most=16)[:2]
    return _name(name), _incarnation(incarnation)


def _verdict(name: object, incarnation: object, revision: object, state: State) -> Member:
    return verdict(_name(name), _incarnation(incarnation), _number(revision), state)


def _read_part(item: object) -> Part:
    name, inboxes, outboxes = _list(item, "part", least=3, most=16)[:3]
    return Part(_text(name), _texts(inboxes), _texts(outboxes))


def _list(value: object, what: str, *, least: int = 0, most: int = 1 << 16) -> Sequence[object]:
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        raise Unreadable(f"no {what}: {type(value).__name__}")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST_REVISION:
        raise Unreadable(f"no number: {type(value).__name__}")
    return value


def _state(value: object) -> State:
    if type(value) is not int or not 0 <= value < len(_STATES):
        raise Unreadable(f"no state: {type(value).__name__}")
    return _STATES[value]


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise Unreadable(f"no bytes: {type(value).__name__}")
    return value


def _incarnation(value: object) -> bytes:
    if type(value) is not bytes or len(value) != INCARNATION_BYTES:
        raise Unreadable(f"no incarnation: {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise Unreadable(f"no text: {type(value).__name__}")
    return value


def _name(value: object) -> str:
    if type(value) is not str or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise Unreadable(f"no name: {type(value).__name__}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value, "texts"))
