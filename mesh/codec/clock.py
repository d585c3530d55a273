"""How dates, times and their zones travel.

Laws: a zone travels as what it is, `zoneinfo.ZoneInfo` by its key and `datetime.timezone` by its
offset and name; a zone of another library is refused, never turned into another; `fold` is kept. A
received key is checked before it is looked up, so it can name no file but a zone's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import PACK, UNPACK, Packing, Unpacking, exactly, name_of
from kamesh.codec.wire import Code

__all__: list[str] = []

_KEY = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")
_ZONES = (type(None), timezone, ZoneInfo)


def _zone(zone: tzinfo | None) -> tzinfo | None:
    if type(zone) not in _ZONES:
        raise Cannot(
            f"has a zone of the type {name_of(type(zone))}, which does not travel",
            "use zoneinfo.ZoneInfo or datetime.timezone",
        )
    return zone


def _pack_date(day: date, packing: Packing) -> bytes:
    return packing.pack([day.year, day.month, day.day])


def _unpack_date(data: bytes, unpacking: Unpacking) -> date:
    return date(*_numbers(exactly(unpacking.unpack(data), 3), 3))


def _pack_time(at: time, packing: Packing) -> bytes:
    zone = _zone(at.tzinfo)
    return packing.pack([at.hour, at.minute, at.second, at.microsecond, at.fold, zone])


def _unpack_time(data: bytes, unpacking: Unpacking) -> time:
    hour, minute, second, micro, fold, zone = _numbers(exactly(unpacking.unpack(data), 6), 5)
    return time(hour, minute, second, micro, zone, fold=fold)


def _pack_datetime(at: datetime, packing: Packing) -> bytes:
    zone = _zone(at.tzinfo)
    return packing.pack(
        [
            at.year,
            at.month,
            at.day,
            at.hour,
            at.minute,
            at.second,
            at.microsecond,
            at.fold,
            zone,
        ]
    )


def _unpack_datetime(data: bytes, unpacking: Unpacking) -> datetime:
    fields = _numbers(exactly(unpacking.unpack(data), 9), 8)
    year, month, day, hour, minute, second, micro, fold, zone = fields
    return datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _pack_timedelta(span: timedelta, packing: Packing) -> bytes:
    return packing.pack([span.days, span.seconds, span.microseconds])


def _unpack_timedelta(data: bytes, unpacking: Unpacking) -> timedelta:
    return timedelta(*_numbers(exactly(unpacking.unpack(data), 3), 3))


def _pack_timezone(zone: timezone, packing: Packing) -> bytes:
    if zone is UTC:
        return b""
    offset, name = zone.utcoffset(None), zone.tzname(None)
    own_name = None if name == timezone(offset).tzname(None) else name
    return packing.pack([offset.days, offset.seconds, offset.microseconds, own_name])


def _unpack_timezone(data: bytes, unpacking: Unpacking) -> timezone:
    if not data:
        return UTC
    days, seconds, micro, name = _numbers(exactly(unpacking.unpack(data), 4), 3)
    offset = timedelta(days, seconds, micro)
    return timezone(offset) if name is None else timezone(offset, name)


def _pack_zoneinfo(zone: ZoneInfo, _: Packing) -> bytes:
    if zone.key is None or not _KEY.fullmatch(zone.key):
        raise Cannot("is a ZoneInfo without the key of a zone", "use ZoneInfo(key)")
    return zone.key.encode("ascii")


def _unpack_zoneinfo(data: bytes, _: Unpacking) -> ZoneInfo:
    key = data.decode("ascii")
    if not _KEY.fullmatch(key):
        raise Cannot("holds a time zone whose key is none")
    return ZoneInfo(key)


def _numbers(fields: Any, count: int) -> Any:
    # The constructors would take bytes too, and trust them as a state of their own making.
    if any(type(field) is not int for field in fields[:count]):
        raise Cannot("holds a date or time with a field that is not a whole number")
    return fields


for _kind, _code, _pack, _unpack in (
    (date, Code.DATE, _pack_date, _unpack_date),
    (time, Code.TIME, _pack_time, _unpack_time),
    (datetime, Code.DATETIME, _pack_datetime, _unpack_datetime),
    (timedelta, Code.TIMEDELTA, _pack_timedelta, _unpack_timedelta),
    (timezone, Code.TIMEZONE, _pack_timezone, _unpack_timezone),
    (ZoneInfo, Code.ZONEINFO, _pack_zoneinfo, _unpack_zoneinfo),
):
    PACK[_kind] = (_code, _pack)
    UNPACK[_code] = _unpack
