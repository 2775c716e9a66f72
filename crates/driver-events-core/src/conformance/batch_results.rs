use super::fixture::Fixture;
use super::samples;
use super::system_under_test::{SystemUnderTest, check_receipt, event, events};
use crate::sink::sink_error::SinkErrorKind;

/// Checks that the sink has the declared guarantee and that no receipt is weaker.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn meets_guarantee(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    assert_eq!(
        system.sink.guarantee(),
        system.capabilities.guarantee,
        "unexpected guarantee"
    );
    let sent = events(1, 0..4);
    let (single, batch) = sent.split_at(2);
    for envelope in single {
        system.send(envelope).await;
    }
    system.send_batch(batch).await;
    system.expect_stored(&sent).await;
}

/// Checks that `send_batch` returns one result per envelope in the order of the envelopes, that a failed event does not
/// stop the others, and that an empty batch has no results.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn returns_batch_results_in_order(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let results = system.sink.send_batch(Vec::new()).await;
    assert!(results.is_empty(), "unexpected results of an empty batch: {results:?}");

    let goal_id = samples::goal(1);
    let valid = |number| event(1, number);
    let batch = [
        samples::not_finite(goal_id),
        valid(1),
        samples::too_large(goal_id),
        valid(2),
        valid(3),
        samples::deep(goal_id, 100),
    ];
    let expected = [
        Err(SinkErrorKind::Encode),
        Ok(()),
        Err(SinkErrorKind::TooLarge),
        Ok(()),
        Ok(()),
        Err(SinkErrorKind::Encode),
    ];
    let results = system.sink.send_batch(batch.to_vec()).await;
    let found: Vec<_> = results
        .iter()
        .map(|result| match result {
            Ok(receipt) => {
                check_receipt(&*system.sink, &system.capabilities, receipt);
                Ok(())
            }
            Err(error) => Err(error.kind()),
        })
        .collect();
    if system.capabilities.rejects_invalid {
        assert_eq!(found, expected, "unexpected results of the batch");
        system.expect_stored(&[valid(1), valid(2), valid(3)]).await;
    } else {
        assert_eq!(found, [Ok(()); 6], "unexpected results of the batch");
    }
}
