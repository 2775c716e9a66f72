use std::collections::{BTreeMap, HashMap, VecDeque};

use driver_events_core::{BatchOrder, Envelope};
use driver_events_types::GoalId;
use tokio::time::Instant;

/// Maximum number of events in the window, and of their JSON in bytes.
const MAX_EVENTS: usize = 8_192;
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of events of a goal in a batch, if the sink is [`Pipelined`](BatchOrder::Pipelined): these may change their
/// order when one of them fails.
const MAX_PIPELINED: usize = 32;

/// Events that were read and are not settled: those that wait and those in flight.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Everything up to here was read.
    end: i64,
    events: BTreeMap<i64, Waiting>,
    bytes: usize,
    queues: HashMap<Lane, Queue>,
}

/// An event that may be sent.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) position: i64,
    pub(super) envelope: Envelope,
}

#[derive(Debug)]
struct Waiting {
    spooled_at: i64,
    bytes: usize,
}

/// Events that keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Goal(GoalId),
    /// An event without a goal has no order.
    Alone(i64),
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    in_flight: bool,
    failures: u32,
    /// Not to be sent before.
    not_before: Option<Instant>,
}

impl Window {
    /// Creates a window that starts behind this position.
    pub(super) fn starting_at(cursor: i64) -> Self {
        Self {
            end: cursor,
            ..Self::default()
        }
    }

    /// Returns the position up to which everything was read.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Records that everything up to `end` was read.
    pub(super) fn read_to(&mut self, end: i64) {
        self.end = end;
    }

    pub(super) fn has_room(&self) -> bool {
        self.events.len() < MAX_EVENTS && self.bytes < MAX_BYTES
    }

    pub(super) fn push(&mut self, item: Item, spooled_at: i64, bytes: usize) {
        self.events.insert(item.position, Waiting { spooled_at, bytes });
        self.bytes += bytes;
        self.queues.entry(Lane::of(&item)).or_default().items.push_back(item);
    }

    /// Takes up to `max` events whose goals have none in flight, of each goal as many of the first ones as keep their order in
    /// one batch of such a sink. Goals that failed come last, those with the oldest events first. Returns the events in the order
    /// of their positions.
    pub(super) fn take(&mut self, order: BatchOrder, max: usize, now: Instant) -> Vec<Item> {
        let mut ready: Vec<_> = self
            .queues
            .iter_mut()
            .filter(|(_, queue)| queue.is_ready(now))
            .collect();
        ready.sort_by_key(|(_, queue)| (queue.failures, queue.items.front().map(|item| item.position)));
        let mut taken = Vec::new();
        for (_, queue) in ready {
            let left = max - taken.len();
            if left == 0 {
                break;
            }
            let count = queue.items.len().min(queue.max_batch(order)).min(left);
            taken.extend(queue.items.drain(..count));
            queue.in_flight = true;
        }
        taken.sort_by_key(|item| item.position);
        taken
    }

    /// Removes an event that needs no further attempt.
    pub(super) fn settle(&mut self, position: i64) {
        if let Some(event) = self.events.remove(&position) {
            self.bytes -= event.bytes;
        }
    }

    /// Ends a call: its goals may be sent again, those of `failed` after a delay. `failed` is in the order of the positions.
    pub(super) fn finish(&mut self, sent: &[Item], failed: Vec<Item>, delay: impl Fn(u32) -> Instant) {
        for item in sent {
            if let Some(queue) = self.queues.get_mut(&Lane::of(item)) {
                queue.in_flight = false;
            }
        }
        let mut lanes = HashMap::new();
        for item in failed.into_iter().rev() {
            let lane = Lane::of(&item);
            let queue = self.queues.entry(lane).or_default();
            queue.items.push_front(item);
            let failures = *lanes.entry(lane).or_insert_with(|| queue.failures.saturating_add(1));
            queue.failures = failures;
            queue.not_before = Some(delay(failures));
        }
        for item in sent {
            let lane = Lane::of(item);
            if let Some(queue) = self.queues.get_mut(&lane)
                && !lanes.contains_key(&lane)
            {
                (queue.failures, queue.not_before) = (0, None);
                if queue.items.is_empty() {
                    self.queues.remove(&lane);
                }
            }
        }
    }

    /// Returns the number of events that are not settled.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns the position up to which every event is settled.
    pub(super) fn cursor(&self) -> i64 {
        let first = self.events.first_key_value();
        first.map_or(self.end, |(position, _)| position - 1)
    }

    /// Returns when the oldest event was spooled, in milliseconds since 1970.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.events.first_key_value().map(|(_, event)| event.spooled_at)
    }

    /// Returns when the next of the events that wait for their backoff may be sent. `None` if none does.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self
            .queues
            .values()
            .filter(|queue| !queue.in_flight && !queue.items.is_empty());
        waiting.filter_map(|queue| queue.not_before).min()
    }
}

impl Lane {
    fn of(item: &Item) -> Self {
        match item.envelope.goal_id() {
            Some(goal_id) => Self::Goal(goal_id),
            None => Self::Alone(item.position),
        }
    }
}

impl Queue {
    fn max_batch(&self, order: BatchOrder) -> usize {
        match order {
            BatchOrder::StopsGoal => usize::MAX,
            BatchOrder::Pipelined if self.failures == 0 => MAX_PIPELINED,
            _ => 1,
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        !self.in_flight && !self.items.is_empty() && self.not_before.is_none_or(|due| due <= now)
    }
}
