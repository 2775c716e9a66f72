//! librdkafka's callbacks of a consumer.

use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaResult;

use super::offset_tracker::OffsetTracker;
use crate::client::context::{ClientRole, Context};

/// librdkafka's consumer.
pub(super) type Client = StreamConsumer<Context<Arc<OffsetTracker>>>;

impl ClientRole for Arc<OffsetTracker> {}

/// Stops tracking revoked partitions, so that no late ack commits an offset of a partition that another consumer reads.
impl ConsumerContext for Context<Arc<OffsetTracker>> {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                for partition in partitions.elements() {
                    self.role().revoke(partition.topic(), partition.partition());
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) => self.state().broker_responded(),
            // The next commit includes these offsets; after a restart their records are redelivered.
            Err(error) => tracing::warn!(%error, "offset commit failed"),
        }
    }
}
