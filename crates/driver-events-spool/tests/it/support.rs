use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::{
    Backoff, DriverEventSink, Envelope, Guarantee, MemoryEventSink, Receipt, SinkError, SinkErrorKind, Stamp,
};
use driver_events_spool::{Health, SpoolBuilder, SpooledSink};
use driver_events_types::{AttemptOutcome, BudgetUsage, DriverEvent, GoalId, GoalOutcome};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Longer than any condition takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory for the files of a spool.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("events.db")
    }

    /// Returns the names of the files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Returns a builder whose waits are short.
pub(crate) fn builder(path: impl Into<PathBuf>) -> SpoolBuilder {
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
    SpooledSink::builder(path)
        .backoff(backoff)
        .close_timeout(Duration::from_secs(20))
}

/// A close that leaves what is not delivered at once.
pub(crate) fn impatient(builder: SpoolBuilder) -> SpoolBuilder {
    builder.close_timeout(Duration::ZERO)
}

pub(crate) fn goal(number: u32) -> GoalId {
    GoalId(Uuid::from_u128(
        0x6f2c_1f0e_8f5b_4f53_9d7c_0000_0000_0000 | u128::from(number),
    ))
}

/// Returns an event that is not terminal. The number is its turn index.
pub(crate) fn event(goal_number: u32, number: u32) -> Envelope {
    Envelope::new(DriverEvent::AttemptStarted {
        goal_id: goal(goal_number),
        turn_index: number,
        usage: BudgetUsage::default(),
    })
}

pub(crate) fn terminal(goal_number: u32) -> Envelope {
    Envelope::new(DriverEvent::GoalCompleted {
        outcome: GoalOutcome {
            goal_id: goal(goal_number),
            outcome: AttemptOutcome::Done,
            total_turns: 1,
            usage: BudgetUsage::default(),
            final_text: None,
            acceptance: None,
            elapsed: Duration::ZERO,
        },
    })
}

pub(crate) fn stamped(envelope: Envelope, sequence: u64) -> Envelope {
    let run = Arc::from("run-1");
    envelope.with_stamp(Stamp { run, sequence }).unwrap()
}

pub(crate) fn ids(envelopes: &[Envelope]) -> Vec<String> {
    envelopes.iter().map(|envelope| envelope.id().to_string()).collect()
}

/// Sends each event, which must be accepted.
pub(crate) async fn send_all(sink: &SpooledSink, envelopes: &[Envelope]) {
    for result in sink.send_batch(envelopes.to_vec()).await {
        result.unwrap();
    }
}

/// Waits until the health of the spool satisfies the condition, and returns it.
pub(crate) async fn wait_for(sink: &SpooledSink, what: &str, condition: impl Fn(&Health) -> bool) -> Health {
    let waiting = timeout(PATIENCE, async {
        while !condition(&sink.health()) {
            sleep(Duration::from_millis(2)).await;
        }
    });
    let is_met = waiting.await.is_ok();
    assert!(is_met, "{what}: {:#?}", sink.health());
    sink.health()
}

/// A sink in memory whose calls can be made to fail or to hang.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switch(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: MemoryEventSink,
    mode: Mutex<Mode>,
    calls: AtomicUsize,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Accept,
    Fail(SinkErrorKind),
    /// Fails the events of this goal.
    FailGoal(GoalId, SinkErrorKind),
    /// Calls with an event of this goal never return.
    HangGoal(GoalId),
    Panic,
}

impl Switch {
    pub(crate) fn failing(kind: SinkErrorKind) -> Self {
        let switch = Self::default();
        switch.set(Mode::Fail(kind));
        switch
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
        self.0.changed.notify_waiters();
    }

    pub(crate) fn events(&self) -> Vec<Envelope> {
        self.0.memory.envelopes()
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    fn mode(&self) -> Mode {
        *self.0.mode.lock().unwrap()
    }
}

#[async_trait]
impl DriverEventSink for Switch {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        loop {
            let changed = self.0.changed.notified();
            match self.mode() {
                Mode::Fail(kind) => return Err(SinkError::new(kind, "switched off")),
                Mode::FailGoal(goal_id, kind) if envelope.goal_id() == Some(goal_id) => {
                    return Err(SinkError::new(kind, "switched off for the goal"));
                }
                Mode::HangGoal(goal_id) if envelope.goal_id() == Some(goal_id) => changed.await,
                Mode::Panic => panic!("switched to panic"),
                Mode::Accept | Mode::FailGoal(..) | Mode::HangGoal(_) => {
                    return self.0.memory.send(envelope).await.map(|_| Receipt::Written);
                }
            }
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Written
    }
}
