"""Times, such as ``2026-01-01T00:00:00.5Z``."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

_SECOND = 10**9
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+\-−])([0-9]{2}):([0-9]{2}))"
)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
# Python has no year 0. The calendar repeats after 400 years.
_DAYS_OF_400_YEARS = date(401, 1, 1).toordinal() - date(1, 1, 1).toordinal()
_FIRST_SECOND = (date(400, 1, 1).toordinal() - _DAYS_OF_400_YEARS - _EPOCH_DAY) * 86_400
_LAST_SECOND = (date(9999, 12, 31).toordinal() - _EPOCH_DAY) * 86_400 + 86_399


def time_ns(text: str) -> int:
    """Parses a time in the form of RFC 3339. Returns nanoseconds since 1970-01-01T00:00:00Z.

    Digits after the ninth of a fraction are ignored. A leap second is the second after it.

    Raises ``ValueError`` if the text is not a time, or not in the years 0000 to 9999 of UTC.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise _invalid(text, "expected a form like '2026-01-01T00:00:00Z'")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, sign, offset_hour, offset_minute = found.groups()[6:]
    try:
        days = date(year or 400, month, day).toordinal() - (0 if year else _DAYS_OF_400_YEARS) - _EPOCH_DAY
    except ValueError as error:
        raise _invalid(text, str(error)) from None
    offset = 0 if sign is None else int(offset_hour) * 3600 + int(offset_minute) * 60
    if hour > 23 or minute > 59 or second > 60 or offset > 86_399 or int(offset_minute or 0) > 59:
        raise _invalid(text, "hour, minute, second or offset is out of range")
    seconds = days * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - (offset if sign == "+" else -offset)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise _invalid(text, "not in the years 0000 to 9999 of UTC")
    leap = max(0, second - 59)
    return (seconds + leap) * _SECOND + int((fraction or "0")[:9].ljust(9, "0"))


def to_datetime(text: str) -> datetime:
    """Parses a time in the form of RFC 3339. Returns it in UTC, without the nanoseconds below a microsecond.

    Raises ``ValueError`` as ``time_ns`` does, and for a time that a ``datetime`` cannot hold: in the year 0000.
    """
    try:
        return _UNIX_EPOCH + timedelta(microseconds=time_ns(text) // 1000)
    except OverflowError:
        raise _invalid(text, "datetime holds the years 1 to 9999, use time_ns") from None


def _invalid(text: str, reason: str) -> ValueError:
    return ValueError(f"invalid time {text!r:.100}: {reason}")
