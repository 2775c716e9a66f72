//! Many events at once, in the order of their goals.

use std::collections::HashMap;

use driver_events_core::{Envelope, Fate, Receipt, SinkError, SinkErrorKind};
use driver_events_types::GoalId;
use futures_util::{StreamExt, stream};

use super::atomic::batch_size;
use super::patience::Patience;
use super::publisher::{Prepared, Publisher};

type Answer = Result<Receipt, SinkError>;

/// An event, and its place in the batch.
type Item = (usize, Prepared);

impl Publisher {
    /// Stores all of them, and answers for each in its place.
    pub(super) async fn store_all(&self, envelopes: Vec<Envelope>) -> Vec<Answer> {
        let mut answers = Answers::new(envelopes.len());
        let mut items = Vec::with_capacity(envelopes.len());
        for (place, envelope) in envelopes.into_iter().enumerate() {
            match self.prepare(envelope) {
                Ok(event) => items.push((place, event)),
                Err(error) => answers.set(place, Err(error)),
            }
        }
        let patience = Patience::new(self.settings.retry_timeout);
        let goals = items.iter().map(|(_, event)| event.envelope.goal_id());
        if self.atomic.is_faster(goals) {
            items = self.store_together(items, &patience, &mut answers).await;
        }
        self.store_by_goals(items, &patience, &mut answers).await;
        answers.into_all()
    }

    /// Stores them in atomic batches, and returns what is left from the first batch on that failed.
    async fn store_together(&self, mut items: Vec<Item>, patience: &Patience, answers: &mut Answers) -> Vec<Item> {
        while !items.is_empty() {
            let rest = items.split_off(batch_size(items.iter().map(|(_, event)| event)));
            let events: Vec<_> = items.iter().map(|(_, event)| event).collect();
            let Some(stored) = self.store_atomically(&events, patience).await else {
                items.extend(rest);
                break;
            };
            for ((place, _), stored) in items.iter().zip(stored) {
                answers.set(*place, Ok(Receipt::Stored(stored)));
            }
            items = rest;
        }
        items
    }

    /// One event of a goal is under way at a time, so that none overtakes one that has to be sent again.
    async fn store_by_goals(&self, items: Vec<Item>, patience: &Patience, answers: &mut Answers) {
        let mut lanes: Vec<Vec<Item>> = Vec::new();
        let mut lane_of: HashMap<Option<GoalId>, usize> = HashMap::new();
        for item in items {
            let lane = *lane_of.entry(item.1.envelope.goal_id()).or_insert(lanes.len());
            match lanes.get_mut(lane) {
                Some(lane) => lane.push(item),
                None => lanes.push(vec![item]),
            }
        }
        let mut stored = stream::iter(lanes)
            .map(|lane| self.store_lane(lane, patience))
            .buffer_unordered(self.settings.window);
        while let Some(lane) = stored.next().await {
            for (place, answer) in lane {
                answers.set(place, answer);
            }
        }
    }

    async fn store_lane(&self, lane: Vec<Item>, patience: &Patience) -> Vec<(usize, Answer)> {
        let mut answers = Vec::with_capacity(lane.len());
        let mut stopped = None;
        for (place, event) in lane {
            let answer = match stopped {
                None => self.store(&event, patience).await.map(Receipt::Stored),
                Some(kind) => Err(
                    SinkError::new(kind, "it was not tried, since the event before it failed").with_fate(Fate::NotSent),
                ),
            };
            if let Err(error) = &answer {
                stopped = stops_the_goal(error).then(|| error.kind());
            }
            answers.push((place, answer));
        }
        answers
    }
}

/// Whether the event may be sent again later, before those that follow it, or nothing can be stored any more.
fn stops_the_goal(error: &SinkError) -> bool {
    error.is_retryable() || matches!(error.kind(), SinkErrorKind::Closed | SinkErrorKind::Fatal)
}

#[derive(Debug)]
struct Answers(Vec<Option<Answer>>);

impl Answers {
    fn new(count: usize) -> Self {
        Self(std::iter::repeat_with(|| None).take(count).collect())
    }

    fn set(&mut self, place: usize, answer: Answer) {
        if let Some(place) = self.0.get_mut(place) {
            *place = Some(answer);
        }
    }

    fn into_all(self) -> Vec<Answer> {
        let missing = || {
            Err(SinkError::new(
                SinkErrorKind::Fatal,
                "the event was left out of its batch",
            ))
        };
        self.0
            .into_iter()
            .map(|answer| answer.unwrap_or_else(missing))
            .collect()
    }
}
