"""Durations, such as ``1m 36s 410ms``."""

from __future__ import annotations

import re
from datetime import timedelta

_SECOND = 10**9
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
_MAX_U64 = 2**64 - 1

_NAMES = {
    1: "nanos nsec ns",
    10**3: "usec us µs",
    10**6: "millis msec ms",
    _SECOND: "seconds second secs sec s",
    60 * _SECOND: "minutes minute min mins m",
    _HOUR: "hours hour hr hrs h",
    _DAY: "days day d",
    7 * _DAY: "weeks week wk wks w",
    2_630_016 * _SECOND: "months month M",  # 30.44 days
    31_557_600 * _SECOND: "years year yr yrs y",  # 365.25 days
}
_UNITS = {name: scale for scale, names in _NAMES.items() for name in names.split()}

# Unicode's White_Space. `\s` would include the separators U+001C to U+001F.
_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_PART = rf"([0-9][0-9{_SPACE}]*)(?:\.[{_SPACE}]*([0-9][0-9{_SPACE}]*))?([A-Za-zµ]+)"
_PARTS = re.compile(_PART)
_DURATION = re.compile(rf"[{_SPACE}]*(?:{_PART}[{_SPACE}]*)+")
_SPACES = re.compile(f"[{_SPACE}]")


def duration_ns(text: str) -> int:
    """Parses a duration. Returns nanoseconds.

    Accepts what the Rust crates accept: spaces between the parts are optional, ``1.5h`` and long names of units are
    valid.

    Raises ``ValueError`` if the text is not a duration or exceeds 64 bits of seconds.
    """
    if text == "0":
        return 0
    if not _DURATION.fullmatch(text):
        raise _invalid(text, "expected a form like '1m 36s 410ms'")
    total = sum(_part_ns(text, *part.groups()) for part in _PARTS.finditer(text))
    if total > _MAX_U64 * _SECOND + _SECOND - 1:
        raise _invalid(text, "exceeds 64 bits of seconds")
    return total


def to_timedelta(text: str) -> timedelta:
    """Parses a duration. Returns it without the nanoseconds below a microsecond.

    Raises ``ValueError`` as ``duration_ns`` does, and for a duration that a ``timedelta`` cannot hold.
    """
    try:
        return timedelta(microseconds=duration_ns(text) // 1000)
    except OverflowError:
        raise _invalid(text, "exceeds timedelta.max, use duration_ns") from None


def _part_ns(text: str, integer: str, fraction: str | None, unit: str) -> int:
    scale = _UNITS.get(unit)
    if scale is None:
        raise _invalid(text, f"unknown unit {unit!r:.40}")
    number = _integer(_SPACES.sub("", integer)) * scale
    if scale < _SECOND and number > _MAX_U64:
        raise _invalid(text, "exceeds 64 bits of nanoseconds")
    return number if fraction is None else number + _fraction_ns(text, _SPACES.sub("", fraction), scale)


def _fraction_ns(text: str, digits: str, scale: int) -> int:
    """Units below an hour are divided into nanoseconds, others into seconds. The result must be exact."""
    step = 1 if scale < _HOUR else _SECOND
    product = _integer(digits) * (scale // step)
    divisor: int = 10 ** min(len(digits), 20)
    if divisor > _MAX_U64 or product > _MAX_U64 or product % divisor or scale == 1:
        raise _invalid(text, "has a fraction that is not exact")
    return product // divisor * step


def _integer(digits: str) -> int:
    """Returns the integer, or another one that exceeds every limit: Python refuses to parse very long ones."""
    return int(digits.lstrip("0")[:40] or "0")


def _invalid(text: str, reason: str) -> ValueError:
    return ValueError(f"invalid duration {text!r:.100}: {reason}")
