//! librdkafka's callbacks of a consumer.

use std::sync::Arc;

use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Statistics, TopicPartitionList};

use super::offset_resets::OffsetResets;
use super::offset_tracker::OffsetTracker;
use super::stalled_partitions::StalledPartitions;
use crate::client::context::{ClientRole, Context};
use crate::wire::quiet_panic::catch_quietly;

/// librdkafka's consumer.
pub(super) type Client = StreamConsumer<Context<ConsumerRole>>;

/// State that a consumer's callbacks share with its source.
#[derive(Clone, Debug)]
pub(super) struct ConsumerRole {
    pub(super) tracker: Arc<OffsetTracker>,
    pub(super) resets: OffsetResets,
    pub(super) stalled: StalledPartitions,
    pub(super) is_grouped: bool,
}

impl ClientRole for ConsumerRole {
    fn logged(&self, facility: &str, message: &str) {
        self.resets.logged(facility, message);
    }

    fn received_statistics(&self, statistics: &Statistics) {
        self.stalled.update(statistics);
    }

    /// librdkafka reports no error while it looks for the coordinator.
    fn wait_cause(&self, statistics: &Statistics) -> Option<String> {
        let group = statistics.cgrp.as_ref().filter(|_| self.is_grouped)?;
        let (state, join_state) = (&group.state, &group.join_state);
        match state.as_str() {
            "up" => None,
            _ => Some(format!(
                "the group's coordinator is not available (state `{state}`, `{join_state}`)"
            )),
        }
    }
}

/// Stops tracking revoked partitions, so that no late ack commits an offset of a partition that another consumer reads.
impl ConsumerContext for Context<ConsumerRole> {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                for partition in partitions.elements() {
                    // Other members of the group may assign topics whose names rdkafka cannot read.
                    if let Some(topic) = catch_quietly(|| partition.topic().to_owned()) {
                        self.role().tracker.revoke(&topic, partition.partition());
                    }
                }
            }
            Rebalance::Error(error) => {
                self.state().record_failure(format!("rebalance failed: {error}"));
                tracing::warn!(%error, "rebalance failed");
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) => self.state().broker_responded(),
            // The next commit includes these offsets; after a restart their records are redelivered.
            Err(error) => {
                self.state().record_failure(format!("offset commit failed: {error}"));
                tracing::warn!(%error, "offset commit failed");
            }
        }
    }
}
