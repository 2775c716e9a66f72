//! Searches for unreadable batches, one at a time, on detached threads.

use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::stalled_partitions::Suspect;
use super::unreadable_batches::{BatchSearch, UnreadableBatch};
use crate::client::detached::run_detached;

type SearchResult = Result<Vec<UnreadableBatch>, String>;

/// The searches of a source.
pub(super) struct BatchSearches {
    search: BatchSearch,
    stalled: UnboundedReceiver<Vec<(String, i32)>>,
    /// At most one.
    running: JoinSet<SearchResult>,
    /// librdkafka's error, unless the search is for stalled partitions.
    error: Option<KafkaError>,
    /// Batches that are not delivered yet.
    found: Vec<UnreadableBatch>,
    last_empty: Option<Instant>,
}

/// Next step of the searches.
pub(super) enum SearchStep {
    /// Partitions that do not move: the source starts a search.
    Stalled(Vec<(String, i32)>),
    /// A search has ended.
    Ended,
    /// A search has found nothing, but the error persists; or it has failed.
    Unexplained {
        /// The error of the search.
        failure: Option<String>,
        /// librdkafka's error.
        error: Option<KafkaError>,
    },
}

/// Time within which the error that started one search starts another if the first has missed its cause.
const ERROR_REPETITION: Duration = Duration::from_secs(5);

impl BatchSearches {
    pub(super) fn new(search: BatchSearch, stalled: UnboundedReceiver<Vec<(String, i32)>>) -> Self {
        Self {
            search,
            stalled,
            running: JoinSet::new(),
            error: None,
            found: Vec::new(),
            last_empty: None,
        }
    }

    /// Searches these partitions, unless a search is running: librdkafka repeats its error.
    pub(super) fn start(&mut self, suspects: Vec<Suspect>, error: Option<KafkaError>) {
        if !self.running.is_empty() || suspects.is_empty() {
            return;
        }
        self.error = error;
        let search = self.search.clone();
        self.running.spawn(async move {
            let found = run_detached(move || search.run(suspects)).await;
            found.unwrap_or_else(|error| Err(error.to_string()))
        });
    }

    /// Returns a batch that was found.
    pub(super) fn pop(&mut self) -> Option<UnreadableBatch> {
        self.found.pop()
    }

    /// Returns the next step if it need not be waited for: a source that always has records to deliver never waits.
    pub(super) fn ready(&mut self) -> Option<SearchStep> {
        match self.running.is_empty() {
            true => self.stalled.try_recv().ok().map(SearchStep::Stalled),
            false => self.running.try_join_next().map(|ended| self.ended(ended)),
        }
    }

    /// Waits for the next step. Cancel safe.
    pub(super) async fn next(&mut self) -> SearchStep {
        tokio::select! {
            Some(ended) = self.running.join_next(), if !self.running.is_empty() => self.ended(ended),
            // Stalled partitions wait for the search that is running.
            Some(stalled) = self.stalled.recv(), if self.running.is_empty() => SearchStep::Stalled(stalled),
            else => std::future::pending().await,
        }
    }

    fn ended(&mut self, ended: Result<SearchResult, JoinError>) -> SearchStep {
        let error = self.error.take();
        match ended.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(found) if found.is_empty() && error.is_some() => {
                // An earlier search may have explained the error.
                let last = self.last_empty.replace(Instant::now());
                match last.is_some_and(|last| last.elapsed() < ERROR_REPETITION) {
                    true => SearchStep::Unexplained { failure: None, error },
                    false => SearchStep::Ended,
                }
            }
            Ok(found) => {
                self.found = found;
                self.last_empty = None;
                SearchStep::Ended
            }
            Err(failure) => SearchStep::Unexplained {
                failure: Some(failure),
                error,
            },
        }
    }
}
