//! Whether a stream is fit for what the sink promises.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bytes::Bytes;
use driver_events_types::EventKind;

use super::StreamWarning;
use super::api::{Api, ApiError};
use crate::subject::Subjects;
use crate::{SetupError, SetupErrorKind};

/// JetStream's number for a stream that does not exist.
pub(super) const STREAM_NOT_FOUND: u64 = 10_059;

/// Looks a stream up.
///
/// # Errors
/// `NoStream`, or why there is no answer.
pub(super) async fn look_up(api: &Api, stream: &str) -> Result<Info, SetupError> {
    check_name(stream)?;
    match api.ask_patiently(&format!("STREAM.INFO.{stream}"), Bytes::new()).await {
        Ok(info) => Ok(info),
        Err(error) => Err(not_looked_up(stream, error)),
    }
}

pub(super) fn not_looked_up(stream: &str, error: ApiError) -> SetupError {
    if error.code() == Some(STREAM_NOT_FOUND) {
        let message = format!("the stream {stream:?} does not exist: make it, or correct the name");
        return SetupError::new(SetupErrorKind::NoStream, message).with_source(error);
    }
    error.into_setup_error(&format!("the stream {stream:?} cannot be looked up"))
}

/// A name becomes a part of subjects.
pub(super) fn check_name(name: &str) -> Result<(), SetupError> {
    let is_name = !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'));
    if is_name {
        return Ok(());
    }
    Err(SetupError::invalid(format!(
        "the name {name:?} must be one word without `.`, `*`, `>`, `/` and `\\`"
    )))
}

/// Checks what a sink needs, and collects what its owner should know.
///
/// # Errors
/// `UnfitStream`: it does not take all known kinds, does not acknowledge, or forgets an id while the event may still be
/// tried again, for as long as `horizon`.
pub(super) fn check(config: &Config, subjects: &Subjects, horizon: Duration) -> Result<Vec<StreamWarning>, SetupError> {
    let name = &config.name;
    let unfit = |what: String| SetupError::new(SetupErrorKind::UnfitStream, format!("the stream {name:?} {what}"));
    let missed: Vec<_> = EventKind::ALL
        .iter()
        .map(|kind| subjects.of_kind(*kind))
        .filter(|subject| !config.subjects.iter().any(|pattern| takes(pattern, subject)))
        .collect();
    if let Some(subject) = missed.first() {
        return Err(unfit(format!(
            "does not take {subject:?}, but {:?}: add {:?} to its subjects",
            config.subjects,
            subjects.wildcard()
        )));
    }
    if config.sealed {
        return Err(unfit("is sealed, and takes no more events".into()));
    }
    if config.no_ack {
        return Err(unfit(
            "does not acknowledge events (no_ack), so that nobody can know whether they are stored".into(),
        ));
    }
    if config.duplicate_window <= horizon {
        return Err(unfit(format!(
            "tells duplicates for {:?} only, but an event may be sent again for {horizon:?}, and be stored twice: widen \
             its duplicate window, or shorten the time for which the sink tries",
            config.duplicate_window
        )));
    }
    Ok(warnings(config, subjects))
}

fn warnings(config: &Config, subjects: &Subjects) -> Vec<StreamWarning> {
    let mut warnings = Vec::new();
    if !config.max_age.is_zero() {
        warnings.push(StreamWarning::ForgetsByAge {
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
        warnings.push(StreamWarning::ForgetsWhatWasRead);
    }
    if config.storage == StorageType::Memory {
        warnings.push(StreamWarning::InMemory);
    }
    let wildcard = subjects.wildcard();
    if !config.subjects.iter().any(|pattern| takes(pattern, &wildcard)) {
        warnings.push(StreamWarning::MissesUnknownKinds { wildcard });
    }
    warnings
}

/// Whether everything that `subject` stands for, which may end with `>`, is also what `pattern` stands for.
fn takes(pattern: &str, subject: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::{check_name, takes};

    #[test]
    fn a_pattern_takes_what_is_below_it() {
        for (pattern, subject) in [
            (">", "a.b"),
            ("a.>", "a.b"),
            ("a.>", "a.b.c"),
            ("a.>", "a.>"),
            ("a.*", "a.b"),
            ("*.b", "a.b"),
            ("a.b", "a.b"),
        ] {
            assert!(takes(pattern, subject), "{pattern} {subject}");
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
            assert!(!takes(pattern, subject), "{pattern} {subject}");
        }
    }

    #[test]
    fn a_name_is_one_word() {
        assert!(check_name("DRIVER_events-1").is_ok());
        for name in ["", "a.b", "a b", "a*", ">", "a/b", "a\\b", "a\r\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
