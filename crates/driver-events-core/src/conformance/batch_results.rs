use super::system_under_test::{SystemUnderTest, check_receipt, event, events};
use super::{Fixture, samples};
use crate::SinkErrorKind;

/// The guarantee is the declared one, and no receipt is weaker.
///
/// # Panics
/// The sink does not hold to it.
pub async fn meets_guarantee(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    assert_eq!(
        system.sink.guarantee(),
        system.capabilities.guarantee,
        "the guarantee must be as declared"
    );
    let sent = events(1, 0..4);
    let (alone, together) = sent.split_at(2);
    for envelope in alone {
        system.send(envelope).await;
    }
    system.send_batch(together).await;
    system.expect_stored(&sent).await;
}

/// A batch has one result for each envelope, in its place; one that fails does not stop the others. An empty batch has
/// no results.
///
/// # Panics
/// The sink does not hold to it.
pub async fn returns_batch_results_in_order(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let none = system.sink.send_batch(Vec::new()).await;
    assert!(none.is_empty(), "an empty batch has no results, but: {none:?}");

    let goal_id = samples::goal(1);
    let good = |number| event(1, number);
    let batch = [
        samples::not_finite(goal_id),
        good(1),
        samples::too_large(goal_id),
        good(2),
        good(3),
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
        assert_eq!(found, expected, "each result must stand in the place of its envelope");
        system.expect_stored(&[good(1), good(2), good(3)]).await;
    } else {
        assert_eq!(found, [Ok(()); 6], "a batch has one result for each envelope");
    }
}
