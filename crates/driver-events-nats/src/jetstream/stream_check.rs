//! Checks whether a stream can keep the promises of a sink or a source.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bytes::Bytes;
use driver_events_types::EventKind;

use super::StreamWarning;
use super::api::{Api, ApiError};
use crate::subject::Subjects;
use crate::{SetupError, SetupErrorKind};

/// JetStream's error code for an unknown stream.
pub(super) const STREAM_NOT_FOUND: u64 = 10_059;

/// Looks up a stream by name.
///
/// # Errors
/// `NoStream` if it does not exist.
pub(super) async fn look_up(api: &Api, stream: &str) -> Result<Info, SetupError> {
    check_name(stream)?;
    match api
        .request_with_retry(&format!("STREAM.INFO.{stream}"), Bytes::new())
        .await
    {
        Ok(info) => Ok(info),
        Err(error) => Err(lookup_error(stream, error)),
    }
}

pub(super) fn lookup_error(stream: &str, error: ApiError) -> SetupError {
    if error.code() == Some(STREAM_NOT_FOUND) {
        let message = format!("stream `{stream}` does not exist: create it, or correct the name");
        return SetupError::new(SetupErrorKind::NoStream, message).with_source(error);
    }
    error.into_setup_error(&format!("cannot look up stream `{stream}`"))
}

/// Checks the name of a stream or a consumer, which becomes a token of API subjects.
pub(super) fn check_name(name: &str) -> Result<(), SetupError> {
    let is_valid = !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'));
    if is_valid {
        return Ok(());
    }
    Err(SetupError::invalid(format!(
        "invalid name {name:?}: use one word without `.`, `*`, `>`, `/` and `\\`"
    )))
}

/// Checks a stream for a sink, and returns warnings for its operator.
///
/// # Errors
/// `UnfitStream`: the stream does not capture all known kinds, is sealed, sends no acks, or has a duplicate window that is
/// not longer than `retry_timeout`.
pub(super) fn check(
    config: &Config,
    subjects: &Subjects,
    retry_timeout: Duration,
) -> Result<Vec<StreamWarning>, SetupError> {
    let name = &config.name;
    let unfit = |what: String| SetupError::new(SetupErrorKind::UnfitStream, format!("stream `{name}` {what}"));
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
/// `UnfitStream`: the stream captures no subject that the source reads, such as with a wrong prefix.
pub(super) fn check_for_reading(config: &Config, filter_subjects: &[String]) -> Result<(), SetupError> {
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
    Err(SetupError::new(SetupErrorKind::UnfitStream, message))
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

/// Returns whether `pattern` matches every subject that `subject` matches, which may end with `>`.
fn covers(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in pattern.split('.') {
        match (token, subject.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            (_, Some(">")) => return false,
            ("*", Some(_)) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// Returns whether a subject exists that matches both patterns.
fn overlap(one: &str, other: &str) -> bool {
    let mut others = other.split('.');
    for token in one.split('.') {
        match (token, others.next()) {
            (_, None) => return false,
            (">", Some(_)) | (_, Some(">")) => return true,
            ("*", Some(_)) | (_, Some("*")) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    others.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{check_name, covers, overlap};

    #[test]
    fn patterns_overlap_if_a_subject_matches_both() {
        for (one, other) in [
            (">", "a.b"),
            ("a.>", "a.b.c"),
            ("a.b", "a.b"),
            ("*.b", "a.*"),
            ("a.*", "a.>"),
            ("*.b.>", "a.>"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("a.>", "b.>"),
            ("a", "a.>"),
            ("a.b", "a.b.c"),
            ("t.a.>", "a.>"),
            ("*", "a.b"),
        ] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_pattern_covers_narrower_ones() {
        for (pattern, subject) in [
            (">", "a.b"),
            ("a.>", "a.b"),
            ("a.>", "a.b.c"),
            ("a.>", "a.>"),
            ("a.*", "a.b"),
            ("*.b", "a.b"),
            ("a.b", "a.b"),
        ] {
            assert!(covers(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in [
            ("a.>", "a"),
            ("a.*", "a.b.c"),
            ("a.*", "a.>"),
            ("a.b", "a.b.c"),
            ("a.b.c", "a.b"),
            ("a.b.>", "a.>"),
            ("b.>", "a.b"),
        ] {
            assert!(!covers(pattern, subject), "{pattern} {subject}");
        }
    }

    #[test]
    fn names_are_single_tokens() {
        assert!(check_name("DRIVER_events-1").is_ok());
        for name in ["", "a.b", "a b", "a*", ">", "a/b", "a\\b", "a\r\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
