use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Returns the time of the system clock.
pub(crate) fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Returns the time of the system clock in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    now().timestamp_millis()
}
