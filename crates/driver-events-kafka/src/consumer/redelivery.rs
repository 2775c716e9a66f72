use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::offset_tracker::DeliveryId;

/// The paused partitions, each with the nacked record to seek to.
#[derive(Debug, Default)]
pub(super) struct Redeliveries {
    by_partition: Mutex<HashMap<(Arc<str>, i32), Redelivery>>,
    is_pending: AtomicBool,
    changed: Notify,
}

#[derive(Clone, Debug)]
struct Redelivery {
    /// The first nacked record.
    id: DeliveryId,
    /// The latest due time of the nacked records.
    due: Instant,
}

impl Redeliveries {
    pub(super) fn schedule(&self, id: DeliveryId, due: Instant) {
        let mut redeliveries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
        match redeliveries.entry((Arc::clone(id.topic()), id.partition())) {
            Entry::Occupied(mut redelivery) if id.is_same_epoch(&redelivery.get().id) => {
                let redelivery = redelivery.get_mut();
                redelivery.due = redelivery.due.max(due);
                if id.offset < redelivery.id.offset {
                    redelivery.id = id;
                }
            }
            // The partition was revoked or sought since.
            _ if id.is_stale() => return,
            entry => {
                entry.insert_entry(Redelivery { id, due });
            }
        }
        self.is_pending.store(true, Ordering::Release);
        drop(redeliveries);
        self.changed.notify_waiters();
    }

    /// Returns whether the partition is paused.
    pub(super) fn is_paused(&self, topic: &str, partition: i32) -> bool {
        let redeliveries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
        redeliveries
            .keys()
            .any(|paused| *paused.0 == *topic && paused.1 == partition)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    fn first(&self) -> Option<Redelivery> {
        let redeliveries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
        redeliveries.values().min_by_key(|redelivery| redelivery.due).cloned()
    }

    /// Waits until a redelivery is due, and returns the delivery to seek to. Cancel safe.
    pub(super) async fn next_due(&self) -> DeliveryId {
        loop {
            let changed = self.changed.notified();
            let Some(redelivery) = self.first() else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = sleep_until(redelivery.due) => {}
                () = changed => continue,
            }
            let mut redeliveries = self.by_partition.lock().unwrap_or_else(PoisonError::into_inner);
            let Entry::Occupied(due) =
                redeliveries.entry((Arc::clone(redelivery.id.topic()), redelivery.id.partition()))
            else {
                continue;
            };
            // A later nack may have postponed it.
            if due.get().due <= Instant::now() {
                let id = due.remove().id;
                self.is_pending.store(!redeliveries.is_empty(), Ordering::Release);
                return id;
            }
        }
    }
}
