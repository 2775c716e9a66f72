use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls that are under way, and lets none in once it is closed.
#[derive(Debug, Default)]
pub(crate) struct CloseGuard {
    /// The number of calls, and [`CLOSED`].
    state: AtomicUsize,
    drained: Notify,
}

/// One call that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall<'a>(&'a CloseGuard);

impl CloseGuard {
    /// Lets a call in.
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

    /// Lets no more calls in.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Waits until the gate is closed and the calls that were let in have ended. What they did is then visible here.
    pub(crate) async fn drained(&self) {
        loop {
            let notified = self.drained.notified();
            if self.state.load(Ordering::Acquire) == CLOSED {
                return;
            }
            notified.await;
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
    async fn waits_for_those_within_and_lets_none_in() {
        let close_guard = CloseGuard::default();
        let within = close_guard.enter().unwrap();
        close_guard.close();
        assert!(close_guard.enter().is_err());
        let mut drained = pin!(close_guard.drained());
        poll_fn(|context| {
            assert!(drained.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(within);
        drained.await;
        close_guard.drained().await;
        assert!(close_guard.enter().is_err());
        close_guard.drained().await;
    }
}
