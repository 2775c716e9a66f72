//! librdkafka's callbacks of a producer. They record what happened; the poll thread and the callers act on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use super::delivery_future::{DeliveryFailure, DeliveryOpaque, StoredRecord};
use super::errors::{is_refused_batch, may_be_resent};
use super::in_flight::{InFlight, Moving};
use super::queue_full::QueueFull;
use super::report_lease::ReportLease;
use crate::client::context::{ClientRole, Context};

/// librdkafka's producer, which runs its callbacks only while it is polled.
pub(super) type Client = BaseProducer<Context<Arc<ProducerRole>>>;

/// The state that a producer's callbacks share with its callers and its poll thread.
#[derive(Debug, Default)]
pub(super) struct ProducerRole {
    pub(super) in_flight: InFlight,
    /// The records of the sink that are in flight in none of its producers: they wait for another attempt.
    pub(super) moving: Arc<InFlight>,
    pub(super) queue_full: QueueFull,
    pub(super) lease: ReportLease,
    are_credentials_refused: AtomicBool,
}

impl ProducerRole {
    /// Returns whether all brokers have refused the credentials since the last call.
    pub(super) fn take_credentials_refused(&self) -> bool {
        self.are_credentials_refused.load(Ordering::Relaxed)
            && self.are_credentials_refused.swap(false, Ordering::Relaxed)
    }
}

impl Context<Arc<ProducerRole>> {
    /// Creates the context of another producer of the sink.
    pub(super) fn renewed(&self) -> Self {
        self.with_role(Arc::new(ProducerRole {
            moving: Arc::clone(&self.role().moving),
            ..ProducerRole::default()
        }))
    }
}

impl ClientRole for Arc<ProducerRole> {
    fn credentials_refused(&self) {
        self.are_credentials_refused.store(true, Ordering::Relaxed);
    }
}

impl ProducerContext for Context<Arc<ProducerRole>> {
    type DeliveryOpaque = Arc<DeliveryOpaque>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Arc<DeliveryOpaque>) {
        let role = self.role();
        let report = match result {
            Ok(message) => {
                self.state().broker_responded();
                Ok(StoredRecord {
                    partition: message.partition(),
                    offset: message.offset(),
                })
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                let is_needed = may_be_resent(code) || is_refused_batch(code);
                Err(Box::new(DeliveryFailure {
                    code,
                    was_queued: true,
                    record: is_needed.then(|| opaque.copy_failed(message)),
                    moving: is_needed.then(|| Moving::start(&role.moving)),
                }))
            }
        };
        opaque.complete(report, &role.in_flight);
        role.queue_full.reported();
    }
}
