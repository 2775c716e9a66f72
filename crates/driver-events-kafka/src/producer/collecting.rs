//! Collects delivery reports without waiting, for the poll thread and for callers that send many events.

use std::time::Duration;

use rdkafka::producer::Producer as _;

use super::callbacks::Client;

/// Events in flight from which on callers collect. With fewer, their callers probably wait for the reports.
const MANY_IN_FLIGHT: usize = 512;
/// Events that are sent between two polls of the callers.
const EVENTS_PER_POLL: usize = 64;
/// Batches of records whose reports are collected at a time.
const MAX_BATCHES: usize = 8;

/// Collects the reports that have arrived.
pub(super) fn collect(client: &Client) {
    let queue = &client.context().role().queue_full;
    for _ in 0..MAX_BATCHES {
        let before = queue.reports();
        // Handles the reports of one batch of records, or another event.
        client.poll(Duration::ZERO);
        if queue.reports() == before {
            break;
        }
    }
}

/// Collects the reports that have arrived, in place of the poll thread, if so many events are in flight that callers are
/// probably sending more.
pub(super) fn collect_while_sending(client: &Client) {
    let role = client.context().role();
    let in_flight = role.in_flight.count();
    // Before the first report, a poll may wait for the first token.
    if in_flight >= MANY_IN_FLIGHT && in_flight.is_multiple_of(EVENTS_PER_POLL) && role.queue_full.reports() > 0 {
        role.lease.renew();
        collect(client);
    }
}
