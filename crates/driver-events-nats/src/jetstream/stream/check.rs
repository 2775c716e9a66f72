//! Checks whether a stream can keep the promises of a sink or a source.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, SubjectTransform};
use driver_events_core::{SetupError, SetupErrorKind};
use driver_events_types::EventKind;

use super::patterns::{covers, overlap};
use super::warning::StreamWarning;
use crate::wire::Subjects;

/// Checks a stream for a sink, and returns warnings for its operator.
///
/// # Errors
/// `Incompatible`: the stream does not capture all known kinds, is sealed, sends no acks, or has a duplicate window that is
/// not longer than `retry_timeout`.
pub(crate) fn check(
    config: &Config,
    subjects: &Subjects,
    retry_timeout: Duration,
) -> Result<Vec<StreamWarning>, SetupError> {
    let name = &config.name;
    let unfit = |what: String| SetupError::new(SetupErrorKind::Incompatible, format!("stream `{name}` {what}"));
    let missing = EventKind::ALL
        .iter()
        .map(|kind| subjects.of_kind(*kind))
        .find(|subject| !config.subjects.iter().any(|pattern| covers(pattern, subject)));
    if let Some(subject) = missing {
        return Err(unfit(format!(
            "does not capture `{subject}`, only {:?}: add `{}` to its subjects",
            config.subjects,
            subjects.wildcard()
        )));
    }
    if config.sealed {
        return Err(unfit("is sealed: use another stream".into()));
    }
    if config.no_ack {
        return Err(unfit(
            "does not acknowledge messages (`no_ack`): the sink cannot know which events are stored".into(),
        ));
    }
    if config.duplicate_window <= retry_timeout {
        return Err(unfit(format!(
            "has a duplicate window of {:?}, but the sink retries for {retry_timeout:?} and could store an event twice: \
             use a longer duplicate window, or a shorter retry timeout",
            config.duplicate_window
        )));
    }
    Ok(warnings(config, subjects))
}

/// Checks a stream for a source.
///
/// # Errors
/// `Incompatible`: no subject that the source reads is stored in the stream, such as with a wrong prefix, or because the
/// stream renames subjects; or the stream deletes what is acked and the consumer is not durable.
pub(crate) fn check_for_reading(
    config: &Config,
    filter_subjects: &[String],
    is_durable: bool,
) -> Result<(), SetupError> {
    let name = &config.name;
    let unfit = |message: String| SetupError::new(SetupErrorKind::Incompatible, message);
    let stored = stored_subjects(config);
    let is_stored = |filter: &String| stored.iter().any(|pattern| overlap(pattern, filter));
    if !filter_subjects.iter().any(is_stored) {
        let captured = &config.subjects;
        return Err(unfit(match stored == *captured {
            true => format!(
                "stream `{name}` captures {captured:?}, none of {filter_subjects:?}: correct the prefix or the filter"
            ),
            false => format!(
                "stream `{name}` stores messages on {stored:?}, after its subject transforms, none of \
                 {filter_subjects:?}: correct the prefix, or read a stream without these transforms"
            ),
        }));
    }
    if config.retention != RetentionPolicy::Limits && !is_durable {
        let retention = match config.retention {
            RetentionPolicy::Interest => "interest",
            _ => "work queue",
        };
        return Err(unfit(format!(
            "stream `{name}` deletes messages once they are acked (retention: {retention}), so an ephemeral consumer \
             would lose events with the connection: use a durable consumer (option `durable`)"
        )));
    }
    Ok(())
}

/// Returns patterns of the subjects under which messages are stored.
fn stored_subjects(config: &Config) -> Vec<String> {
    let everything = || vec![">".to_owned()];
    let mut received = config.subjects.clone();
    for source in config.sources.iter().flatten().chain(&config.mirror) {
        if source.subject_transforms.is_empty() {
            received.extend(
                source
                    .filter_subject
                    .clone()
                    .map_or_else(everything, |filter| vec![filter]),
            );
        }
        received.extend(source.subject_transforms.iter().map(produced));
    }
    let Some(transform) = &config.subject_transform else {
        return received;
    };
    let source = match transform.source.as_str() {
        "" => ">",
        source => source,
    };
    let mut stored = Vec::new();
    for pattern in received {
        if overlap(&pattern, source) {
            stored.push(produced(transform));
        }
        // Messages that the transform does not select keep their subjects.
        if !covers(source, &pattern) {
            stored.push(pattern);
        }
    }
    stored.dedup();
    stored
}

/// Returns the pattern of the subjects that a transform produces. Without a destination it only selects.
fn produced(transform: &SubjectTransform) -> String {
    match (transform.source.as_str(), transform.destination.as_str()) {
        ("", "") => ">".to_owned(),
        (source, "") => source.to_owned(),
        (_, to) => destination(to),
    }
}

/// Returns the pattern of the subjects that a destination produces: `{{wildcard(1)}}` and `$1` are any token, other functions
/// may produce several.
fn destination(destination: &str) -> String {
    let mut tokens = Vec::new();
    for token in destination.split('.') {
        let function = token.trim_start_matches("{{").trim_start().to_ascii_lowercase();
        match token {
            _ if token.starts_with("{{") && (function.starts_with("wildcard") || function.starts_with("partition")) => {
                tokens.push("*");
            }
            _ if token.starts_with("{{") => {
                tokens.push(">");
                break;
            }
            _ if token.starts_with('$') && token.len() > 1 && token.bytes().skip(1).all(|b| b.is_ascii_digit()) => {
                tokens.push("*");
            }
            token => tokens.push(token),
        }
    }
    tokens.join(".")
}

fn warnings(config: &Config, subjects: &Subjects) -> Vec<StreamWarning> {
    let mut warnings = Vec::new();
    if !config.max_age.is_zero() {
        warnings.push(StreamWarning::DeletesByAge {
            max_age: config.max_age,
        });
    }
    let discards_old = config.discard != DiscardPolicy::New;
    let is_limited = config.max_bytes > 0 || config.max_messages > 0;
    let is_limited_per_subject = config.max_messages_per_subject > 0;
    if (is_limited && discards_old) || (is_limited_per_subject && (discards_old || !config.discard_new_per_subject)) {
        warnings.push(StreamWarning::DiscardsOld);
    }
    if config.retention != RetentionPolicy::Limits {
        warnings.push(StreamWarning::DeletesAcked);
    }
    if config.storage == StorageType::Memory {
        warnings.push(StreamWarning::InMemory);
    }
    let wildcard = subjects.wildcard();
    if !config.subjects.iter().any(|pattern| covers(pattern, &wildcard)) {
        warnings.push(StreamWarning::MissesUnknownKinds { wildcard });
    }
    warnings
}
