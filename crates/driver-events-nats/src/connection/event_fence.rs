//! Fence in the client's event queue.
//!
//! async-nats sends messages to subscriptions, and server errors to a task that runs the event callback. It reads both
//! in the order of the wire, but the task may run late: when a reply arrives, the callback may not have
//! seen a permissions violation that the server reported before it. A fence is an error that the server reports on
//! request: once the callback has seen it, it has seen every error before it, because the queue is first in, first out.

use std::sync::Mutex;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::lock::lock;

/// Suffix that makes the subject of an inbox invalid: `>` is allowed only as the last token. The server rejects the
/// subscription and keeps the connection open.
const INVALID_SUFFIX: &str = ".>.fence";
/// Error text of the server for such a subject.
const INVALID_SUBJECT: &str = "invalid subject";
/// Bounds the wait for a fence. It runs out only if the client dropped the fence because its event queue was full, or if
/// the server does not report invalid subjects.
const FENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Numbers the fences of one connection.
#[derive(Debug, Default)]
pub(super) struct EventFences {
    /// Held while a fence is sent, so that the numbers are in the order of the wire.
    sending: tokio::sync::Mutex<()>,
    progress: Mutex<Progress>,
    passed: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    sent: u64,
    passed: u64,
}

/// One fence. Unsubscribes on drop: otherwise a reconnect would send the fence again.
#[derive(Debug)]
pub(super) struct EventFence<'a> {
    fences: &'a EventFences,
    number: u64,
    _subscriber: Subscriber,
}

impl EventFences {
    /// Sends a fence behind everything that the client has taken. `None` if the connection is closed.
    ///
    /// # Cancel safety
    /// A dropped future has either sent and counted the fence, or done neither.
    pub(super) async fn send(&self, client: &Client) -> Option<EventFence<'_>> {
        let _order = self.sending.lock().await;
        // A reconnect may have repeated a fence, so more may have passed than were sent.
        let number = {
            let progress = lock(&self.progress);
            progress.sent.max(progress.passed) + 1
        };
        let subject = format!("{}{INVALID_SUFFIX}", client.new_inbox());
        let subscriber = client.subscribe(subject).await.ok()?;
        lock(&self.progress).sent = number;
        Some(EventFence {
            fences: self,
            number,
            _subscriber: subscriber,
        })
    }

    /// Records a server error that belongs to a fence. Returns whether it does.
    pub(super) fn observe(&self, server_error: &str) -> bool {
        let is_violation = server_error.contains(INVALID_SUFFIX);
        if !is_violation && !server_error.eq_ignore_ascii_case(INVALID_SUBJECT) {
            return false;
        }
        let mut progress = lock(&self.progress);
        // An invalid subject may also be one of the caller's.
        if !is_violation && progress.sent == 0 {
            return false;
        }
        progress.passed += 1;
        drop(progress);
        self.passed.notify_waiters();
        true
    }
}

impl EventFence<'_> {
    /// Waits until the event callback has seen the fence, at most until the deadline.
    pub(super) async fn pass(self, deadline: Instant) {
        let end = deadline.min(Instant::now() + FENCE_TIMEOUT);
        let passed = async {
            loop {
                let notified = self.fences.passed.notified();
                if lock(&self.fences.progress).passed >= self.number {
                    return;
                }
                notified.await;
            }
        };
        if timeout_at(end, passed).await.is_err() {
            let mut progress = lock(&self.fences.progress);
            progress.passed = progress.passed.max(self.number);
        }
    }
}
