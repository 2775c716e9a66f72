//! Calls into rdkafka that panic on bytes from the wire.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether this thread makes such a call.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Returns the result of the call, or `None` if it panics, which is not printed. With `panic = "abort"` the process ends.
pub(crate) fn catch_quietly<T>(call: impl FnOnce() -> T) -> Option<T> {
    static INSTALLED: Once = Once::new();
    if !INSTALLED.is_completed() && !thread::panicking() {
        INSTALLED.call_once(install_hook);
    }
    let was_quiet = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    IS_QUIET.set(was_quiet);
    result.ok()
}

/// Prepends to the process's panic hook one that ignores the panics of quiet calls.
fn install_hook() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !IS_QUIET.get() {
            hook(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::catch_quietly;

    #[test]
    fn panic_is_caught_and_result_returned() {
        assert_eq!(catch_quietly(|| 7), Some(7));
        assert_eq!(catch_quietly(|| panic!("must not be printed")), None::<()>);
    }
}
