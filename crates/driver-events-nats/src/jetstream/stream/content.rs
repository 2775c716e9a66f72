use std::collections::BTreeMap;

use async_nats::jetstream::stream::Info;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::lookup::lookup_request;
use super::patterns::overlap;
use super::warning::StreamWarning;
use crate::jetstream::api::{Api, json};

#[derive(Serialize)]
struct Request<'a> {
    subjects_filter: &'a str,
}

#[derive(Deserialize)]
struct Content {
    state: State,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    subjects: BTreeMap<String, IgnoredAny>,
}

/// Returns a warning if a stream has messages, none of them below `wildcard`, such as with a wrong prefix. The settings of a
/// mirror, of a stream with sources, and of one that captures any subject do not show that.
pub(crate) async fn check_content(api: &Api, stream: &Info, wildcard: &str) -> Option<StreamWarning> {
    let captures_events = |pattern: &String| !pattern.starts_with(['*', '>']) && overlap(pattern, wildcard);
    if stream.state.messages == 0 || stream.config.subjects.iter().any(captures_events) {
        return None;
    }
    let request = Request {
        subjects_filter: wildcard,
    };
    // Without permission there is no warning.
    let content: Content = api
        .request(&lookup_request(&stream.config.name), json(&request).ok()?)
        .await
        .ok()?;
    content.state.subjects.is_empty().then(|| StreamWarning::HasNoEvents {
        wildcard: wildcard.to_owned(),
    })
}
