use std::collections::BTreeMap;

use super::on_full::DropReason;
use crate::decorators::telemetry::kind_label;
use crate::envelope::Envelope;

/// Counters of a [`Buffered`](crate::Buffered) sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferedStats {
    /// Events in the buffer, without those that the inner sink is sending.
    pub queued: usize,
    /// Bytes of JSON in the buffer.
    pub queued_bytes: usize,
    /// Events that the inner sink is sending.
    pub in_flight: usize,
    /// Events accepted since the start.
    pub accepted: u64,
    /// Events that the inner sink accepted since the start.
    pub delivered: u64,
    /// Events dropped since the start by reason (`full`, `failed`, `closed`) and kind; kinds that this version does not
    /// know are counted as `unknown`.
    pub dropped: BTreeMap<(&'static str, &'static str), u64>,
}

impl BufferedStats {
    pub(super) fn count_drop(&mut self, envelope: &Envelope, reason: DropReason<'_>) {
        *self.dropped.entry((reason.as_str(), kind_label(envelope))).or_default() += 1;
    }
}
