//! Waiting for room in the queue of a producer.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a full queue is left alone at most.
const LOOK: Duration = Duration::from_millis(5);

/// One looks whether there is room, and the others wait for their turns: however many there are, the queue is tried some
/// hundred times a second.
#[derive(Debug, Default)]
pub(crate) struct Room {
    turn: Mutex<()>,
    left: Notify,
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
        self.left.notify_one();
    }
}

impl Turn<'_> {
    /// Waits until a record has left, or a moment: it makes room only after its report was passed on.
    pub(crate) async fn wait(&self) {
        let _ = timeout(LOOK, self.room.left.notified()).await;
    }
}
