use chrono::{DateTime, Datelike, Timelike, Utc};

use super::{Write, Writer};
use crate::codec::time;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits.
impl Write for DateTime<Utc> {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        time::is_representable(self).then_some(())?;
        let (date, time) = (self.date_naive(), self.time());
        let year = date.year().unsigned_abs();
        // In a leap second the nanoseconds exceed a second.
        let second = time.second() + time.nanosecond() / NANOS_PER_SECOND;
        let nanos = time.nanosecond() % NANOS_PER_SECOND;

        let ([y1, y2], [y3, y4]) = (digits(year / 100), digits(year % 100));
        let ([m1, m2], [d1, d2]) = (digits(date.month()), digits(date.day()));
        let ([h1, h2], [n1, n2], [s1, s2]) = (digits(time.hour()), digits(time.minute()), digits(second));
        writer.put(&[
            b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
        ])?;
        if nanos > 0 {
            let [[a, b, c], [d, e, f], [g, h, i]] =
                [nanos / 1_000_000, nanos / 1_000 % 1_000, nanos % 1_000].map(three_digits);
            match (nanos % 1_000_000, nanos % 1_000) {
                (0, _) => writer.put(&[b'.', a, b, c])?,
                (_, 0) => writer.put(&[b'.', a, b, c, d, e, f])?,
                _ => writer.put(&[b'.', a, b, c, d, e, f, g, h, i])?,
            }
        }
        writer.put(b"Z\"")
    }
}

/// Returns the digits of a number below 100.
fn digits(number: u32) -> [u8; 2] {
    [number / 10, number % 10].map(digit)
}

/// Returns the digits of a number below 1,000.
fn three_digits(number: u32) -> [u8; 3] {
    [number / 100, number / 10 % 10, number % 10].map(digit)
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}
