from datetime import datetime, timedelta, timezone

import pytest

from driver_events import duration_ns, time_ns, to_datetime, to_timedelta

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("0", 0),
        ("1m 36s 410ms", 96_410_000_000),
        ("1h1h", 7200 * SECOND),
        (" 1\t0 s\n", 10 * SECOND),
        ("1.5s", 1_500_000_000),
        ("0.25days", 21_600 * SECOND),
        ("1µs 1us 1usec", 3000),
        ("2 weeks", 1_209_600 * SECOND),
        ("1year 1month", (31_557_600 + 2_630_016) * SECOND),
        ("584542046090years 7months 15days 17h 5m 3s 999ms 999us 999ns", 2**64 * SECOND - 1),
        ("18446744073709551615ns", 2**64 - 1),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert duration_ns(text) == nanoseconds


INVALID_DURATIONS = ["", " ", "5", "s", "0 ", "0\n", "-1s", "1s 0", "1 fortnight", "1.s", "１s", "1\x1cs", "1s\x1b[2J"]
INEXACT_DURATIONS = ["1.5ns", "0.0000000001s", "0.00001h", "0.00000000000000000000s"]
LARGE_DURATIONS = ["18446744073709551616s", "18446744073709551616ns", "18446744073709551615s 1000000000ns"]


@pytest.mark.parametrize("text", INVALID_DURATIONS + INEXACT_DURATIONS + LARGE_DURATIONS)
def test_invalid_durations(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration") as raised:
        duration_ns(text)
    assert str(raised.value).isprintable()


def test_timedelta_has_microseconds() -> None:
    assert to_timedelta("1s 1us 999ns") == timedelta(seconds=1, microseconds=1)
    with pytest.raises(ValueError, match="exceeds timedelta.max"):
        to_timedelta("584542046090years")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31t23:59:59.9z", -100_000_000),
        ("2026-01-01 00:00:00.123456789123+01:30", 1_767_220_200_123_456_789),
        ("2026-01-01T00:00:00−01:30", 1_767_231_000 * SECOND),
        ("2016-12-31T23:59:60.5Z", 1_483_228_800_500_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200 * SECOND),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_800 * SECOND - 1),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
    ],
)
def test_times(text: str, nanoseconds: int) -> None:
    assert time_ns(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Z\n",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "２026-01-01T00:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_invalid_times(text: str) -> None:
    with pytest.raises(ValueError, match="invalid time"):
        time_ns(text)


def test_datetime_has_microseconds() -> None:
    time = to_datetime("2026-01-01T01:00:00.123456789+01:00")
    assert time == datetime(2026, 1, 1, microsecond=123456, tzinfo=timezone.utc)
    assert time.utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="datetime holds the years 1 to 9999"):
        to_datetime("0000-06-01T00:00:00Z")
