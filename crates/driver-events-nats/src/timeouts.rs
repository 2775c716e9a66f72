use std::time::Duration;

use driver_events_core::SetupError;

const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// Far below what overflows a point in time, or nanoseconds in the requests to a server.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Checks a timeout or an interval that a caller has set.
pub(crate) fn check_timeout(name: &str, timeout: Duration) -> Result<(), SetupError> {
    if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Ok(());
    }
    Err(SetupError::invalid(format!(
        "invalid {name} {timeout:?}: use 1 millisecond to 365 days"
    )))
}
