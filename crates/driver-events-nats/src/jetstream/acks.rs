use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_nats::{Message, Subject, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::connection::Connection;
use crate::{SetupError, SetupErrorKind};

/// How often it is looked for answers that will not come.
const TICK: Duration = Duration::from_millis(50);
/// How long the client has to take the subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The answers of the stream to what was published, told apart by the last token of the subject on which they come.
///
/// The client could wait for answers itself, but it starts its timer only when the answer is asked for, waits all of
/// that time where the connection was lost meanwhile, and never forgets an answer that did not come. Here the time
/// starts when the event is published, a lost connection is noticed at once, and nothing is left behind.
#[derive(Debug)]
pub(super) struct Acks {
    shared: Arc<Shared>,
    connection: Connection,
    /// What the subjects of answers begin with, its last dot included.
    inbox: String,
    next: AtomicU64,
    pump: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Wakes those who wait for a link, whenever it is seen to be up, and when the connection has ended.
    has_changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    by_token: HashMap<u64, Awaited>,
    /// The connection has ended, and with it the task that answers.
    has_ended: bool,
}

#[derive(Debug)]
struct Awaited {
    answer: oneshot::Sender<Answer>,
    /// Where the event is published.
    subject: Subject,
    /// The number of the connection by which it is published.
    epoch: u64,
    deadline: Instant,
}

/// What came of an event that was published.
#[derive(Debug)]
pub(super) enum Answer {
    /// The server answered.
    Came(Message),
    /// No answer in time.
    Late,
    /// The connection was made anew: the event or its answer may be lost.
    Reconnected,
    /// The server does not take events on this subject, or refuses the credentials.
    Refused,
}

/// Waits for one answer. Forgets about it when it is dropped.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    acks: &'a Acks,
    token: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Acks {
    pub(super) async fn subscribe(connection: &Connection) -> Result<Self, SetupError> {
        let inbox = format!("{}.", connection.client().new_inbox());
        let subscribe = connection.client().subscribe(format!("{inbox}*"));
        let unreachable = |message: &str| SetupError::new(SetupErrorKind::Unreachable, message);
        let subscriber = match tokio::time::timeout(SUBSCRIBE_TIMEOUT, subscribe).await {
            Ok(Ok(subscriber)) => subscriber,
            Ok(Err(error)) => return Err(unreachable("the connection to NATS has ended").with_source(error)),
            Err(elapsed) => return Err(unreachable("the link to NATS is down").with_source(elapsed)),
        };
        let shared = Arc::<Shared>::default();
        Ok(Self {
            pump: tokio::spawn(pump(subscriber, Arc::clone(&shared), connection.clone())),
            shared,
            connection: connection.clone(),
            inbox,
            next: AtomicU64::new(0),
        })
    }

    /// Begins to wait for the answer to an event that is about to be published on `subject`.
    pub(super) fn expect(&self, subject: &Subject, patience: Duration) -> Expected<'_> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let awaited = Awaited {
            answer: sender,
            subject: subject.clone(),
            epoch: self.connection.epoch(),
            deadline: Instant::now() + patience,
        };
        let mut waiting = self.shared.waiting();
        if !waiting.has_ended {
            waiting.by_token.insert(token, awaited);
        }
        drop(waiting);
        Expected {
            acks: self,
            token,
            answer,
        }
    }

    /// Whether answers come below what the server refused, a subject or an inbox prefix.
    pub(super) fn is_below(&self, refused: &str) -> bool {
        self.inbox.starts_with(refused.trim_end_matches(['*', '>']))
    }

    /// Waits until the link is up. False where the connection has ended, and it never will be.
    pub(super) async fn is_connected(&self) -> bool {
        loop {
            let mut seen = pin!(self.shared.has_changed.notified());
            seen.as_mut().enable();
            if self.shared.waiting().has_ended {
                return false;
            }
            if self.connection.is_connected() {
                return true;
            }
            seen.await;
        }
    }
}

impl Drop for Acks {
    fn drop(&mut self) {
        // With its task the subscription ends.
        self.pump.abort();
    }
}

impl Expected<'_> {
    /// A word that nobody else has.
    pub(super) fn unique(&self) -> String {
        let inbox = self.acks.inbox.trim_end_matches('.');
        let inbox = inbox.rsplit('.').next().unwrap_or(inbox);
        format!("{inbox}-{}", self.token)
    }

    /// The subject on which the answer is to come.
    pub(super) fn reply(&self) -> String {
        format!("{}{}", self.acks.inbox, self.token)
    }
}

impl Future for Expected<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        // The task that answers has ended with the connection.
        Poll::Ready(answer.unwrap_or(Answer::Late))
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.acks.shared.waiting().by_token.remove(&self.token);
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, message: Message) {
        let token = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let awaited = token.and_then(|token: u64| self.waiting().by_token.remove(&token));
        if let Some(awaited) = awaited {
            // Whoever waited may just have gone.
            let _ = awaited.answer.send(Answer::Came(message));
        }
    }

    /// Answers for what will have no answer.
    fn look(&self, connection: &Connection) {
        let now = Instant::now();
        let epoch = connection.epoch();
        let refusals = connection.state().filter(|state| state.has_violations());
        let credentials_are_refused = refusals.is_some() && connection.auth_error().is_some();
        let verdict = |awaited: &Awaited| {
            let is_refused =
                credentials_are_refused || refusals.is_some_and(|state| state.is_publish_denied(&awaited.subject));
            if is_refused {
                Some(Answer::Refused)
            } else if awaited.epoch < epoch {
                Some(Answer::Reconnected)
            } else if awaited.deadline <= now {
                Some(Answer::Late)
            } else {
                None
            }
        };
        let mut waiting = self.waiting();
        let over: Vec<_> = waiting
            .by_token
            .iter()
            .filter_map(|(token, awaited)| verdict(awaited).map(|answer| (*token, answer)))
            .collect();
        for (token, answer) in over {
            if let Some(awaited) = waiting.by_token.remove(&token) {
                let _ = awaited.answer.send(answer);
            }
        }
    }
}

async fn pump(mut subscriber: Subscriber, shared: Arc<Shared>, connection: Connection) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = subscriber.next() => match message {
                Some(message) => shared.take(message),
                None => break,
            },
            _ = tick.tick() => {
                shared.look(&connection);
                if connection.is_connected() {
                    shared.has_changed.notify_waiters();
                }
            }
        }
    }
    let mut waiting = shared.waiting();
    waiting.has_ended = true;
    waiting.by_token.clear();
    drop(waiting);
    shared.has_changed.notify_waiters();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use driver_events_harness::{NatsConfig, NatsServer};
    use tokio::time::timeout;

    use super::{Acks, Answer};
    use crate::connection::ConnectionConfig;

    /// The trap: the client keeps what it knows of an answer that never comes, for as long as it lives.
    #[tokio::test]
    async fn nothing_is_left_of_answers_that_never_come() {
        let server = NatsServer::start(NatsConfig::new()).unwrap();
        let client = async_nats::connect(server.client_url()).await.unwrap();
        let acks = Acks::subscribe(&ConnectionConfig::Client(client).connect().await.unwrap())
            .await
            .unwrap();
        let subject = "a.b".into();
        let waiting = || acks.shared.waiting().by_token.len();
        let late: Vec<_> = (0..1_000).map(|_| acks.expect(&subject, Duration::ZERO)).collect();
        let dropped: Vec<_> = (0..1_000)
            .map(|_| acks.expect(&subject, Duration::from_secs(3_600)))
            .collect();
        assert_eq!(waiting(), 2_000);
        drop(dropped);
        assert_eq!(waiting(), 1_000);
        for expected in late {
            let answer = timeout(Duration::from_secs(10), expected).await.unwrap();
            assert!(matches!(answer, Answer::Late), "{answer:?}");
        }
        assert_eq!(waiting(), 0);
    }
}
