//! Texts of attributes that are not texts themselves, written without an allocation.

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Calls `visit` with the number, padded to 20 digits: those of `u64::MAX`.
pub(super) fn with_sequence<T>(sequence: u64, visit: impl FnOnce(&str) -> T) -> T {
    let mut written = [b'0'; 20];
    put_number(&mut written, sequence);
    visit(text(&written))
}

/// Calls `visit` with the time, in RFC 3339 with 0, 3, 6 or 9 fractional digits.
pub(super) fn with_time<T>(time: DateTime<Utc>, visit: impl FnOnce(&str) -> T) -> T {
    let (date, clock) = (time.date_naive(), time.time());
    let Some(year) = u32::try_from(date.year()).ok().filter(|year| *year <= 9_999) else {
        // Only of a system clock that is wrong by millennia.
        return visit(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    };
    // In a leap second the nanoseconds exceed a second.
    let second = clock.second() + clock.nanosecond() / NANOS_PER_SECOND;
    let nanos = clock.nanosecond() % NANOS_PER_SECOND;

    let mut written = *b"0000-00-00T00:00:00.000000000Z";
    put_number(&mut written[0..4], year);
    put_number(&mut written[5..7], date.month());
    put_number(&mut written[8..10], date.day());
    put_number(&mut written[11..13], clock.hour());
    put_number(&mut written[14..16], clock.minute());
    put_number(&mut written[17..19], second);
    put_number(&mut written[20..29], nanos);
    let end = match (nanos % 1_000_000, nanos % 1_000) {
        _ if nanos == 0 => 19,
        (0, _) => 23,
        (_, 0) => 26,
        _ => 29,
    };
    if let Some(end) = written.get_mut(end) {
        *end = b'Z';
    }
    visit(text(written.get(..=end).unwrap_or_default()))
}

/// Writes the last digits of a number, as many as there is room for.
fn put_number(room: &mut [u8], number: impl Into<u64>) {
    let mut rest = number.into();
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

fn text(ascii: &[u8]) -> &str {
    str::from_utf8(ascii).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
    use proptest::prelude::*;

    use super::{with_sequence, with_time};

    fn assert_as_chrono(time: DateTime<Utc>) {
        let expected = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        with_time(time, |text| assert_eq!(text, expected));
    }

    #[test]
    fn times_are_written_as_chrono_writes_them() {
        for nanos in [0, 1, 999, 1_000, 120_000, 1_000_000, 120_000_000, 999_999_999] {
            for seconds in [
                0,
                1_772_420_645,
                -62_167_219_200,
                253_402_300_799,
                253_402_300_800,
                -62_167_219_201,
            ] {
                assert_as_chrono(DateTime::from_timestamp(seconds, nanos).unwrap());
            }
        }
        let day = NaiveDate::from_ymd_opt(2016, 12, 31).unwrap();
        for nanos in [1_000_000_000, 1_250_000_000] {
            assert_as_chrono(day.and_hms_nano_opt(23, 59, 59, nanos).unwrap().and_utc());
        }
    }

    proptest! {
        #[test]
        fn any_time_is_written_as_chrono_writes_it(seconds in -62_200_000_000_i64..253_500_000_000, nanos in 0_u32..1_000_000_000) {
            assert_as_chrono(DateTime::from_timestamp(seconds, nanos).unwrap());
        }

        #[test]
        fn sequences_have_20_digits(sequence in any::<u64>()) {
            with_sequence(sequence, |text| assert_eq!(text, format!("{sequence:020}")));
        }
    }
}
