use std::error::Error;

use driver_events_core::conformance::samples;
use driver_events_core::{Fate, Guarantee, Receipt, SinkError, SinkErrorKind, SourceError, SourceErrorKind, Stored};

#[test]
fn each_kind_says_whether_to_try_again_and_what_may_have_happened() {
    use SinkErrorKind::{Closed, Disconnected, Encode, Fatal, Full, Rejected, Timeout, TooLarge, Unauthorized};
    let kinds = [
        (Encode, false, Fate::NotSent),
        (TooLarge, false, Fate::NotSent),
        (Rejected, false, Fate::NotSent),
        (Full, true, Fate::NotSent),
        (Timeout, true, Fate::Unknown),
        (Disconnected, true, Fate::Unknown),
        (Unauthorized, false, Fate::NotSent),
        (Closed, false, Fate::NotSent),
        (Fatal, false, Fate::Unknown),
    ];
    for (kind, is_retryable, fate) in kinds {
        let error = SinkError::new(kind, "why");
        assert_eq!(
            (error.kind(), error.is_retryable(), error.fate()),
            (kind, is_retryable, fate)
        );
        assert_eq!(error.with_fate(Fate::NotSent).fate(), Fate::NotSent);
    }
}

#[test]
fn the_text_leaves_the_source_to_source() {
    let error = SinkError::new(SinkErrorKind::Fatal, "the disk is gone").with_source(std::io::Error::other("EIO"));
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
fn what_cannot_be_encoded_keeps_its_reason() {
    let envelope = samples::not_finite(samples::goal(1));
    let error = SinkError::from(envelope.json().unwrap_err());
    assert_eq!(error.kind(), SinkErrorKind::Encode);
    assert_eq!(error.to_string(), "the event cannot be written as JSON");
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .starts_with("compact_requested.token_pressure: ")
    );
}

#[test]
fn receipts_stand_for_guarantees_of_rising_strength() {
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
