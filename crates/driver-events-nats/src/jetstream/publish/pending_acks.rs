use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_nats::{Message, Subject};
use driver_events_core::SetupError;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::connection::{NatsConnection, Refusal, Subscription};
use crate::lock::lock;

/// Interval at which pending acks are checked for timeouts, reconnects and denied publishes.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Pub acks that the sink waits for, matched to events by the last token of the reply subject.
///
/// The client's own ack futures start their timeout only when they are polled, wait for the whole timeout if the
/// connection is lost meanwhile, and leak an entry for each ack that never arrives. Here the timeout starts when the
/// event is published, a lost connection is noticed at once, and entries are removed.
#[derive(Debug)]
pub(super) struct PendingAcks {
    shared: Arc<Shared>,
    connection: NatsConnection,
    /// Common prefix of the reply subjects, including the final dot.
    inbox: String,
    next_token: AtomicU64,
    receiver: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Entries>,
    /// Notified when the connection is seen to be up, and when it is closed.
    connection_changed: Notify,
}

#[derive(Debug, Default)]
struct Entries {
    by_token: HashMap<u64, Entry>,
    /// The connection is closed, and the receiver task has ended.
    is_closed: bool,
}

#[derive(Debug)]
struct Entry {
    outcome: oneshot::Sender<AckOutcome>,
    /// The event's subject.
    subject: Subject,
    /// Epoch of the connection that the event is published on.
    epoch: u64,
    deadline: Instant,
}

/// Outcome of waiting for a pub ack.
#[derive(Debug)]
pub(super) enum AckOutcome {
    /// A reply arrived.
    Received(Message),
    TimedOut,
    /// The client reconnected: the event or its ack may be lost.
    Reconnected,
    Refused(Refusal),
}

/// Future of one pub ack. Dropping it removes the entry.
#[derive(Debug)]
pub(super) struct AckFuture<'a> {
    acks: &'a PendingAcks,
    token: u64,
    outcome: oneshot::Receiver<AckOutcome>,
}

impl PendingAcks {
    pub(super) async fn subscribe(connection: &NatsConnection) -> Result<Self, SetupError> {
        let inbox = format!("{}.", connection.current_client().new_inbox());
        let subscription = Subscription::new(connection.clone(), format!("{inbox}*"), None).await?;
        let shared = Arc::<Shared>::default();
        Ok(Self {
            receiver: tokio::spawn(receive(subscription, Arc::clone(&shared), connection.clone())),
            shared,
            connection: connection.clone(),
            inbox,
            next_token: AtomicU64::new(0),
        })
    }

    /// Registers the ack of an event that is about to be published to `subject`.
    pub(super) fn register(&self, subject: &Subject, timeout: Duration) -> AckFuture<'_> {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let (sender, outcome) = oneshot::channel();
        let entry = Entry {
            outcome: sender,
            subject: subject.clone(),
            epoch: self.connection.epoch(),
            deadline: Instant::now() + timeout,
        };
        let mut entries = lock(&self.shared.entries);
        if !entries.is_closed {
            entries.by_token.insert(token, entry);
        }
        drop(entries);
        AckFuture {
            acks: self,
            token,
            outcome,
        }
    }

    /// Returns why the server does not deliver the acks.
    pub(super) fn refused_inbox(&self) -> Option<Refusal> {
        self.connection.refused_inbox(&self.inbox)
    }

    /// Waits until the connection is up. Returns `false` if it is closed.
    pub(super) async fn connected(&self) -> bool {
        loop {
            let mut changed = pin!(self.shared.connection_changed.notified());
            changed.as_mut().enable();
            if lock(&self.shared.entries).is_closed {
                return false;
            }
            if self.connection.is_connected() {
                return true;
            }
            changed.await;
        }
    }
}

impl Drop for PendingAcks {
    fn drop(&mut self) {
        // The task owns the subscription, so this also unsubscribes.
        self.receiver.abort();
    }
}

impl AckFuture<'_> {
    /// Returns an id that no other event or sink uses.
    pub(super) fn unique_id(&self) -> String {
        let inbox = self.acks.inbox.trim_end_matches('.');
        let inbox = inbox.rsplit('.').next().unwrap_or(inbox);
        format!("{inbox}-{}", self.token)
    }

    pub(super) fn reply_subject(&self) -> String {
        format!("{}{}", self.acks.inbox, self.token)
    }
}

impl Future for AckFuture<'_> {
    type Output = AckOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AckOutcome> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        // The sender is gone if the connection was closed.
        Poll::Ready(outcome.unwrap_or(AckOutcome::TimedOut))
    }
}

impl Drop for AckFuture<'_> {
    fn drop(&mut self) {
        lock(&self.acks.shared.entries).by_token.remove(&self.token);
    }
}

impl Shared {
    fn complete(&self, message: Message) {
        let token = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let entry = token.and_then(|token: u64| lock(&self.entries).by_token.remove(&token));
        if let Some(entry) = entry {
            // The future may have been dropped meanwhile.
            let _ = entry.outcome.send(AckOutcome::Received(message));
        }
    }

    /// Completes entries whose ack will not arrive.
    fn expire(&self, connection: &NatsConnection) {
        let now = Instant::now();
        let epoch = connection.epoch();
        let outcome = |entry: &Entry| match connection.refused_publish(&entry.subject) {
            Some(refusal) => Some(AckOutcome::Refused(refusal)),
            None if entry.epoch < epoch => Some(AckOutcome::Reconnected),
            None => (entry.deadline <= now).then_some(AckOutcome::TimedOut),
        };
        let mut entries = lock(&self.entries);
        let expired: Vec<_> = entries
            .by_token
            .iter()
            .filter_map(|(token, entry)| Some((*token, outcome(entry)?)))
            .collect();
        for (token, outcome) in expired {
            if let Some(entry) = entries.by_token.remove(&token) {
                let _ = entry.outcome.send(outcome);
            }
        }
    }
}

async fn receive(mut subscription: Subscription, shared: Arc<Shared>, connection: NatsConnection) {
    let mut check = interval(CHECK_INTERVAL);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = subscription.next() => match message {
                Some(message) => shared.complete(message),
                None => break,
            },
            _ = check.tick() => {
                shared.expire(&connection);
                if connection.is_connected() {
                    shared.connection_changed.notify_waiters();
                }
            }
        }
    }
    let mut entries = lock(&shared.entries);
    entries.is_closed = true;
    entries.by_token.clear();
    drop(entries);
    shared.connection_changed.notify_waiters();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use driver_events_harness::{NatsConfig, NatsServer};
    use tokio::time::timeout;

    use super::{AckOutcome, PendingAcks};
    use crate::connection::NatsConnection;
    use crate::lock::lock;

    /// The client's own ack futures leak these entries.
    #[tokio::test]
    async fn timed_out_and_dropped_acks_leave_no_entry() {
        let server = NatsServer::start(NatsConfig::new()).unwrap();
        let client = async_nats::connect(server.client_url()).await.unwrap();
        let acks = PendingAcks::subscribe(&NatsConnection::of_client(client))
            .await
            .unwrap();
        let subject = "a.b".into();
        let entries = || lock(&acks.shared.entries).by_token.len();
        let timed_out: Vec<_> = (0..1_000).map(|_| acks.register(&subject, Duration::ZERO)).collect();
        let dropped: Vec<_> = (0..1_000)
            .map(|_| acks.register(&subject, Duration::from_secs(3_600)))
            .collect();
        assert_eq!(entries(), 2_000);
        drop(dropped);
        assert_eq!(entries(), 1_000);
        for ack in timed_out {
            let outcome = timeout(Duration::from_secs(10), ack).await.unwrap();
            assert!(matches!(outcome, AckOutcome::TimedOut), "{outcome:?}");
        }
        assert_eq!(entries(), 0);
    }
}
