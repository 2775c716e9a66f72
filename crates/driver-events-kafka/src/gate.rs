use std::sync::atomic::{AtomicUsize, Ordering};

use driver_events_core::{SinkError, SinkErrorKind};
use tokio::sync::Notify;

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls that are under way, and lets none in once it is closed.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// The number of calls, and [`CLOSED`].
    state: AtomicUsize,
    emptied: Notify,
}

/// One call that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered<'a>(&'a Gate);

impl Gate {
    /// Lets a call in.
    ///
    /// # Errors
    /// [`Closed`](SinkErrorKind::Closed).
    pub(crate) fn enter(&self) -> Result<Entered<'_>, SinkError> {
        let before = self.state.fetch_add(1, Ordering::AcqRel);
        let entered = Entered(self);
        if before & CLOSED == 0 {
            Ok(entered)
        } else {
            Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"))
        }
    }

    /// Lets no more calls in.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Waits until the gate is closed and the calls that were let in have ended. What they did is then visible here.
    pub(crate) async fn emptied(&self) {
        loop {
            let notified = self.emptied.notified();
            if self.state.load(Ordering::Acquire) == CLOSED {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let before = self.0.state.fetch_sub(1, Ordering::AcqRel);
        if before == CLOSED + 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;

    use super::Gate;

    #[tokio::test]
    async fn waits_for_those_within_and_lets_none_in() {
        let gate = Gate::default();
        let within = gate.enter().unwrap();
        gate.close();
        assert!(gate.enter().is_err());
        let mut emptied = pin!(gate.emptied());
        poll_fn(|context| {
            assert!(emptied.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(within);
        emptied.await;
        gate.emptied().await;
        assert!(gate.enter().is_err());
        gate.emptied().await;
    }
}
