use std::time::Duration;

use super::{Cursor, Read};

/// Reads parts such as `1m 36s 410ms`, in any order.
impl Read for Duration {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.expect("\"")?;
        let mut sum = read_part(cursor)?;
        while cursor.accept(" ") {
            sum = sum.checked_add(read_part(cursor)?)?;
        }
        cursor.expect("\"")?;
        Some(sum)
    }
}

fn read_part(cursor: &mut Cursor<'_>) -> Option<Duration> {
    let number = u64::read(cursor)?;
    let unit = cursor.take_while(|byte| byte.is_ascii_lowercase())?;
    let seconds = match unit {
        "ns" => return Some(Duration::from_nanos(number)),
        "us" => return Some(Duration::from_micros(number)),
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "day" | "days" => 86_400,
        "month" | "months" => 2_630_016,
        "year" | "years" => 31_557_600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
