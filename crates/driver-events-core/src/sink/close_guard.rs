use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::sink_error::{SinkError, SinkErrorKind};

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls in flight of a sink, and fails new calls once it is closed.
///
/// For sinks whose [`close`](crate::DriverEventSink::close) must not miss an event of a concurrent
/// [`send`](crate::DriverEventSink::send): `send` holds an [`ActiveCall`], `close` calls [`close`](Self::close), waits for
/// [`drained`](Self::drained) and flushes.
///
/// ```
/// use async_trait::async_trait;
/// use driver_events_core::{CloseGuard, DriverEventSink, Envelope, Guarantee, Receipt, SinkError};
///
/// #[derive(Debug, Default)]
/// struct Sink {
///     guard: CloseGuard,
/// }
///
/// #[async_trait]
/// impl DriverEventSink for Sink {
///     async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
///         let _call = self.guard.enter()?;
///         // Write the event, await its ack.
///         Ok(Receipt::Written)
///     }
///
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::Written
///     }
///
///     async fn close(&self) -> Result<(), SinkError> {
///         self.guard.close();
///         self.guard.drained().await;
///         self.flush().await
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct CloseGuard {
    /// Number of calls in flight, and the flag [`CLOSED`].
    state: AtomicUsize,
    drained: Notify,
}

/// A call in flight, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the call"]
pub struct ActiveCall<'a>(&'a CloseGuard);

impl CloseGuard {
    /// Starts a call.
    ///
    /// # Errors
    /// [`Closed`](SinkErrorKind::Closed) after [`close`](Self::close).
    pub fn enter(&self) -> Result<ActiveCall<'_>, SinkError> {
        let before = self.state.fetch_add(1, Ordering::AcqRel);
        let call = ActiveCall(self);
        if before & CLOSED == 0 {
            Ok(call)
        } else {
            Err(SinkError::new(SinkErrorKind::Closed, "the sink is closed"))
        }
    }

    /// Fails new calls from now on; calls in flight continue. May be called again.
    pub fn close(&self) {
        let before = self.state.fetch_or(CLOSED, Ordering::AcqRel);
        if before == 0 {
            self.drained.notify_waiters();
        }
    }

    /// Waits until the guard is closed and no call is in flight. The effects of the calls are then visible.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn drained(&self) {
        loop {
            // Created before the check, so that a call that ends between the check and the wait is not missed.
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
