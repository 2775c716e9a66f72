use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls in progress, and refuses new ones once it is closed.
#[derive(Debug, Default)]
pub(crate) struct CloseGuard {
    /// The number of calls, and [`CLOSED`].
    state: AtomicUsize,
    drained: Notify,
}

/// A call in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall<'a>(&'a CloseGuard);

impl CloseGuard {
    /// Begins a call.
    ///
    /// # Errors
    /// [`Closed`](SinkErrorKind::Closed).
    pub(crate) fn enter(&self) -> Result<ActiveCall<'_>, SinkError> {
        let before = self.state.fetch_add(1, Ordering::AcqRel);
        let call = ActiveCall(self);
        if before & CLOSED == 0 {
            Ok(call)
        } else {
            Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"))
        }
    }

    /// Refuses new calls.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Waits until the guard is closed and all calls have ended. Their effects are visible afterwards.
    pub(crate) async fn drained(&self) {
        loop {
            let drained = self.drained.notified();
            if self.state.load(Ordering::Acquire) == CLOSED {
                return;
            }
            drained.await;
        }
    }
}

impl Drop for ActiveCall<'_> {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::AcqRel);
        if before == CLOSED + 1 {
            self.0.drained.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    use super::CloseGuard;

    #[tokio::test]
    async fn close_waits_for_active_calls_and_refuses_new_ones() {
        let guard = CloseGuard::default();
        let call = guard.enter().unwrap();
        guard.close();
        assert!(guard.enter().is_err());
        let mut drained = pin!(guard.drained());
        poll_fn(|context| {
            assert!(drained.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(call);
        drained.await;
        guard.drained().await;
        assert!(guard.enter().is_err());
        guard.drained().await;
    }
}
