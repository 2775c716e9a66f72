use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

/// Returns the time of the system clock.
pub(crate) fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Returns the time of the system clock in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    now().timestamp_millis()
}

/// Returns the time of milliseconds since 1970, 1970 for a negative number.
pub(crate) fn from_ms(milliseconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}
