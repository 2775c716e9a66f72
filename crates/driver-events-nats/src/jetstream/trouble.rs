//! What is wrong with the link and the server, and what the reader was told of it.

use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{SourceError, SourceErrorKind};
use tokio::time::Instant;

use crate::SetupError;
use crate::connection::Connection;

/// How long something may be in the way before the reader is told.
const LASTING: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Trouble {
    since: Option<Instant>,
    because: Option<SetupError>,
    is_told: bool,
    /// The refusal of the credentials that was told last, so that each is told once.
    refusal: Option<Arc<str>>,
    /// How many of the reader's messages the server is known to have refused.
    refused: u64,
}

impl Trouble {
    /// Something is in the way.
    pub(super) fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Something is in the way, and this is what is known of it.
    pub(super) fn begin_with(&mut self, error: SetupError) {
        self.begin();
        self.because = Some(error);
    }

    /// The server was heard.
    pub(super) fn end(&mut self) {
        if self.since.take().is_some() {
            self.because = None;
            self.is_told = false;
        }
    }

    /// What the reader has to know, and was not told yet. What may pass by itself is told when it lasts.
    pub(super) fn tell(&mut self, connection: &Connection) -> Option<SourceError> {
        if let Some(told) = self.refusal(connection) {
            return Some(told);
        }
        if !connection.is_connected() {
            self.begin();
        }
        let lasts = self.since.is_some_and(|since| since.elapsed() >= LASTING);
        if self.is_told || !lasts {
            return None;
        }
        self.is_told = true;
        let what = if connection.is_connected() {
            "JetStream does not serve the consumer"
        } else {
            "the link to NATS is down"
        };
        let message = format!("{what}; reading goes on when that is over");
        let told = SourceError::new(SourceErrorKind::Disconnected, message);
        Some(match self.because.take() {
            Some(error) => told.with_source(error),
            None => told,
        })
    }

    /// That the server refused what the reader sends on these subjects, where that was not told yet.
    pub(super) fn tell_refused(
        &mut self,
        connection: &Connection,
        is_mine: impl Fn(&str) -> bool,
    ) -> Option<SourceError> {
        let state = connection.state()?;
        if !state.has_violations() {
            return None;
        }
        let (refused, subject) = state.publish_violations(is_mine);
        let is_new = refused > std::mem::replace(&mut self.refused, refused);
        let subject = subject.filter(|_| is_new)?;
        let message = format!("the NATS server does not permit this reader to publish to {subject:?}");
        Some(SourceError::new(SourceErrorKind::Unauthorized, message))
    }

    fn refusal(&mut self, connection: &Connection) -> Option<SourceError> {
        let refusal = connection.auth_error();
        if refusal == self.refusal {
            return None;
        }
        self.refusal.clone_from(&refusal);
        let message = format!("the NATS server refuses this reader: {}", refusal?);
        Some(SourceError::new(SourceErrorKind::Unauthorized, message))
    }
}
