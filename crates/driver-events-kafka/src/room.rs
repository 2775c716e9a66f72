//! Waiting for room in the queue of a producer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a full queue is left alone at most.
const LOOK: Duration = Duration::from_millis(5);
/// After how many reports it is tried again: a queue that has room for one record only would be full again at once.
const MANY: usize = 64;

/// One looks whether there is room, and the others wait for their turns: however many there are, the queue is tried some
/// hundred times a second.
#[derive(Debug, Default)]
pub(crate) struct Room {
    turn: Mutex<()>,
    left: AtomicUsize,
    many_left: Notify,
}

/// The right to look.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    room: &'a Room,
    _guard: MutexGuard<'a, ()>,
}

impl Room {
    /// Waits until those who came before have found room; none when that takes too long. Cancel safe.
    pub(crate) async fn turn(&self, deadline: Option<Instant>) -> Option<Turn<'_>> {
        let guard = match deadline {
            Some(deadline) => timeout_at(deadline, self.turn.lock()).await.ok()?,
            None => self.turn.lock().await,
        };
        Some(Turn {
            room: self,
            _guard: guard,
        })
    }

    /// A record has left the queue.
    pub(crate) fn left(&self) {
        if self.left.fetch_add(1, Ordering::Relaxed).is_multiple_of(MANY) {
            self.many_left.notify_one();
        }
    }
}

impl Turn<'_> {
    /// Waits until some records have left, or a moment: they make room only after their reports were passed on.
    pub(crate) async fn wait(&self) {
        let _ = timeout(LOOK, self.room.many_left.notified()).await;
    }
}
