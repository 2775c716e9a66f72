use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks the mutex even if it is poisoned: every critical section of this crate leaves its data consistent on panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
