//! Notices that a durable consumer is paused: the server then sends heartbeats and no messages.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::jetstream::api::Api;

const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);
/// Messages that arrive during a lookup wait for it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct PauseWatch {
    next_lookup: Option<Instant>,
    /// The pause, as it was reported.
    reported: Option<String>,
}

/// The part of the consumer's state that says whether it is paused.
#[derive(Deserialize)]
struct Info {
    /// Absent from servers before 2.11.
    #[serde(default)]
    paused: bool,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    /// RFC 3339.
    pause_until: Option<String>,
}

impl PauseWatch {
    /// Records a message: the consumer is not paused.
    pub(super) fn record_message(&mut self, api: &Api) {
        if let Some(reported) = self.reported.take() {
            api.connection().monitor().forget_failure(&reported);
        }
    }

    /// Looks the consumer up, unless it was just looked up. Returns once that it is paused.
    pub(super) async fn look_up(&mut self, api: &Api, name: &str, request: &str) -> Option<String> {
        let now = Instant::now();
        if self.next_lookup.is_some_and(|next| now < next) {
            return None;
        }
        self.next_lookup = Some(now + LOOKUP_INTERVAL);
        // A consumer that cannot be looked up is noticed by its heartbeats.
        let lookup = timeout(LOOKUP_TIMEOUT, api.request::<Info>(request, Bytes::new())).await;
        let info = lookup.ok()?.ok()?;
        let until = info.config.pause_until.filter(|_| info.paused);
        let pause = until.map(|until| format!("consumer `{name}` is paused until {until}"));
        if pause == self.reported {
            return None;
        }
        self.record_message(api);
        if let Some(pause) = &pause {
            api.connection().monitor().observe_failure(pause);
        }
        self.reported.clone_from(&pause);
        pause
    }
}
