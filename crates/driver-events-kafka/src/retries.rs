use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::offsets::Delivered;

/// The partitions that wait, and go back to a record.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    by_partition: Mutex<HashMap<(Arc<str>, i32), Retry>>,
    are_there: AtomicBool,
    changed: Notify,
}

#[derive(Clone, Debug)]
struct Retry {
    /// The first record that was asked for again.
    delivered: Delivered,
    /// No sooner than any of them.
    due: Instant,
}

impl Retries {
    pub(crate) fn add(&self, delivered: Delivered, due: Instant) {
        let mut retries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
        match retries.entry((Arc::clone(&delivered.topic), delivered.partition)) {
            Entry::Occupied(mut retry) if delivered.is_of_the_reading_of(&retry.get().delivered) => {
                let retry = retry.get_mut();
                retry.due = retry.due.max(due);
                if delivered.offset < retry.delivered.offset {
                    retry.delivered = delivered;
                }
            }
            // The partition was read anew since, and is another's matter.
            Entry::Occupied(retry) if delivered.is_older_than(&retry.get().delivered) => return,
            entry => {
                entry.insert_entry(Retry { delivered, due });
            }
        }
        self.are_there.store(true, Ordering::Release);
        drop(retries);
        self.changed.notify_waiters();
    }

    pub(crate) fn are_there(&self) -> bool {
        self.are_there.load(Ordering::Acquire)
    }

    fn first(&self) -> Option<Retry> {
        let retries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
        retries.values().min_by_key(|retry| retry.due).cloned()
    }

    /// Waits until a partition is due, and gives the delivery that it goes back to. Cancel safe.
    pub(crate) async fn due(&self) -> Delivered {
        loop {
            let changed = self.changed.notified();
            let Some(retry) = self.first() else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = sleep_until(retry.due) => {}
                () = changed => continue,
            }
            let mut retries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
            let Entry::Occupied(due) = retries.entry((retry.delivered.topic, retry.delivered.partition)) else {
                continue;
            };
            // It may have been put off meanwhile.
            if due.get().due <= Instant::now() {
                let delivered = due.remove().delivered;
                self.are_there.store(!retries.is_empty(), Ordering::Release);
                return delivered;
            }
        }
    }
}
