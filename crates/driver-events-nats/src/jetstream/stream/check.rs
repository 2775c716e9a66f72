//! Checks whether a stream can keep the promises of a sink or a source.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
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
/// `Incompatible`: the stream captures no subject that the source reads, such as with a wrong prefix.
pub(crate) fn check_for_reading(config: &Config, filter_subjects: &[String]) -> Result<(), SetupError> {
    // Messages of other streams, or with transformed subjects, are not covered by `subjects`.
    let has_other_subjects = config.mirror.is_some() || config.sources.is_some() || config.subject_transform.is_some();
    let is_captured = |filter: &String| config.subjects.iter().any(|pattern| overlap(pattern, filter));
    if has_other_subjects || filter_subjects.iter().any(is_captured) {
        return Ok(());
    }
    let message = format!(
        "stream `{}` captures {:?}, none of {filter_subjects:?}: correct the prefix or the filter",
        config.name, config.subjects
    );
    Err(SetupError::new(SetupErrorKind::Incompatible, message))
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
