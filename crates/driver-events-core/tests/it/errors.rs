use std::error::Error;

use driver_events_core::conformance::samples;
use driver_events_core::{
    Fate, Guarantee, Receipt, SetupError, SetupErrorKind, SinkError, SinkErrorKind, SourceError, SourceErrorKind,
    Stored,
};

#[test]
fn sink_error_kinds_have_documented_meaning() {
    use SinkErrorKind::{Closed, Disconnected, Encode, Fatal, Full, Rejected, Timeout, TooLarge, Unauthorized};
    let kinds = [
        (Encode, true, false, Fate::NotSent),
        (TooLarge, true, false, Fate::NotSent),
        (Rejected, true, false, Fate::NotSent),
        (Full, false, true, Fate::NotSent),
        (Timeout, false, true, Fate::Unknown),
        (Disconnected, false, true, Fate::Unknown),
        (Unauthorized, false, true, Fate::NotSent),
        (Closed, false, false, Fate::NotSent),
        (Fatal, false, false, Fate::Unknown),
    ];
    for (kind, is_about_event, is_retryable, fate) in kinds {
        let error = SinkError::new(kind, "why");
        assert_eq!(
            (error.kind(), error.is_about_event(), error.is_retryable(), error.fate()),
            (kind, is_about_event, is_retryable, fate)
        );
        let other = match fate {
            Fate::NotSent => Fate::Unknown,
            _ => Fate::NotSent,
        };
        assert_eq!(error.with_fate(other).fate(), other);
    }
}

#[test]
fn source_error_kinds_have_documented_retry() {
    use SourceErrorKind::{Closed, Disconnected, Fatal, Lagged, Timeout, Unauthorized};
    let kinds = [
        (Timeout, true),
        (Disconnected, true),
        (Lagged, true),
        (Unauthorized, true),
        (Closed, false),
        (Fatal, false),
    ];
    for (kind, is_retryable) in kinds {
        let error = SourceError::new(kind, "why");
        assert_eq!((error.kind(), error.is_retryable()), (kind, is_retryable));
    }
}

#[test]
fn setup_errors_become_errors_of_first_use() {
    use SetupErrorKind::{Incompatible, Invalid, NotFound, Tls, Unauthorized, Unreachable};
    let kinds = [
        (Invalid, SinkErrorKind::Fatal, SourceErrorKind::Fatal),
        (Unauthorized, SinkErrorKind::Unauthorized, SourceErrorKind::Unauthorized),
        (Tls, SinkErrorKind::Fatal, SourceErrorKind::Fatal),
        (Unreachable, SinkErrorKind::Disconnected, SourceErrorKind::Disconnected),
        (NotFound, SinkErrorKind::Disconnected, SourceErrorKind::Disconnected),
        (Incompatible, SinkErrorKind::Fatal, SourceErrorKind::Fatal),
    ];
    for (kind, sink_kind, source_kind) in kinds {
        let error = SinkError::from(SetupError::new(kind, "why"));
        assert_eq!((error.kind(), error.fate()), (sink_kind, Fate::NotSent));
        assert_eq!(error.source().unwrap().to_string(), "why");
        let error = SourceError::from(SetupError::new(kind, "why"));
        assert_eq!(error.kind(), source_kind);
        assert_eq!(error.source().unwrap().to_string(), "why");
    }
    assert_eq!(SetupError::invalid("why").kind(), Invalid);
}

#[test]
fn display_omits_the_source() {
    let error = SinkError::new(SinkErrorKind::Fatal, "the disk is gone").with_source(std::io::Error::other("EIO"));
    assert_eq!(
        (error.to_string(), error.source().unwrap().to_string()),
        ("the disk is gone".into(), "EIO".into())
    );
    let error = SetupError::invalid("the disk is gone").with_source("EIO");
    assert_eq!(
        (error.to_string(), error.source().unwrap().to_string()),
        ("the disk is gone".into(), "EIO".into())
    );
    let error = SourceError::new(SourceErrorKind::Fatal, "the disk is gone").with_source("EIO");
    assert_eq!(
        (error.to_string(), error.source().unwrap().to_string()),
        ("the disk is gone".into(), "EIO".into())
    );
}

#[test]
fn encode_error_becomes_the_source() {
    let envelope = samples::not_finite(samples::goal(1));
    let error = SinkError::from(envelope.json().unwrap_err());
    assert_eq!(error.kind(), SinkErrorKind::Encode);
    assert_eq!(error.to_string(), "cannot encode the event as JSON");
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .starts_with("compact_requested.token_pressure: ")
    );
    let too_large = samples::too_large(samples::goal(1));
    let error = SinkError::from(too_large.json().unwrap_err());
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::TooLarge, Fate::NotSent));
    assert_eq!(error.to_string(), "event is too large");
}

#[test]
fn guarantees_of_receipts_are_ordered() {
    let stored = Stored {
        log: "log".into(),
        partition: Some(1),
        offset: 2,
        duplicate: true,
    };
    let receipts = [
        Receipt::Discarded,
        Receipt::Buffered,
        Receipt::Written,
        Receipt::Spooled,
        Receipt::Stored(stored),
    ];
    let guarantees = receipts.map(|receipt| receipt.guarantee());
    assert!(guarantees.is_sorted_by(|a, b| a < b));
    assert_eq!(
        guarantees.map(|guarantee| guarantee.to_string()),
        ["none", "buffered", "written", "spooled", "stored"]
    );
    assert_eq!(guarantees[4], Guarantee::Stored);
}
