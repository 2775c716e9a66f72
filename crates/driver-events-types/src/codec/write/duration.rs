use std::time::Duration;

use super::{Write, Writer};

/// The text of [`humantime::format_duration`].
impl Write for Duration {
    fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        if self.is_zero() {
            return writer.put(b"\"0s\"");
        }
        let seconds = self.as_secs();
        let (years, in_year) = (seconds / 31_557_600, seconds % 31_557_600);
        let (months, in_month) = (in_year / 2_630_016, in_year % 2_630_016);
        let (days, in_day) = (in_month / 86_400, in_month % 86_400);
        let nanos = u64::from(self.subsec_nanos());
        let parts: [(u64, &[u8], &[u8]); 9] = [
            (years, b"year", b"years"),
            (months, b"month", b"months"),
            (days, b"day", b"days"),
            (in_day / 3_600, b"h", b"h"),
            (in_day / 60 % 60, b"m", b"m"),
            (in_day % 60, b"s", b"s"),
            (nanos / 1_000_000, b"ms", b"ms"),
            (nanos / 1_000 % 1_000, b"us", b"us"),
            (nanos % 1_000, b"ns", b"ns"),
        ];
        let mut separator = b"\"";
        for (number, one, many) in parts {
            if number > 0 {
                writer.put(separator)?;
                number.write(writer)?;
                writer.put(if number == 1 { one } else { many })?;
                separator = b" ";
            }
        }
        writer.put(b"\"")
    }
}
