//! The scenarios of NATS.

mod core_links;
mod core_refusals;
mod core_server;
mod reference_subscriber;

mod jetstream_cluster;
mod jetstream_deleted;
mod jetstream_load;
mod stream;

use anyhow::Result;

use crate::load::SendMode;
use crate::random::Random;
use crate::row::Row;

/// A fault scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    CoreCuts,
    CoreKills,
    CoreRevoked,
    CoreSlowConsumer,
    JetStreamSingle,
    JetStreamBatch,
    JetStreamOneGoal,
    JetStreamCluster,
    JetStreamDeleted,
}

impl Scenario {
    pub(crate) const ALL: [Self; 9] = [
        Self::CoreCuts,
        Self::CoreKills,
        Self::CoreRevoked,
        Self::CoreSlowConsumer,
        Self::JetStreamSingle,
        Self::JetStreamBatch,
        Self::JetStreamOneGoal,
        Self::JetStreamCluster,
        Self::JetStreamDeleted,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CoreCuts => "core: links cut under load",
            Self::CoreKills => "core: server killed under load",
            Self::CoreRevoked => "core: permission revoked",
            Self::CoreSlowConsumer => "core: slow consumer",
            Self::JetStreamSingle => "jetstream: send, 16 goals, kills and cuts",
            Self::JetStreamBatch => "jetstream: send_batch, 128 goals, kills and cuts",
            Self::JetStreamOneGoal => "jetstream: send_batch, one goal, kills and cuts",
            Self::JetStreamCluster => "jetstream: cluster of 3, leader killed",
            Self::JetStreamDeleted => "jetstream: stream deleted",
        }
    }

    /// Runs the scenario once. The number of faults under load is divided by `fault_divisor`.
    pub(crate) async fn run(self, random: &mut Random, fault_divisor: usize, row: &mut Row) -> Result<()> {
        match self {
            Self::CoreCuts => core_links::cuts(random, fault_divisor, row).await,
            Self::CoreKills => core_server::kills(random, row).await,
            Self::CoreRevoked => core_refusals::revoked(row).await,
            Self::CoreSlowConsumer => core_refusals::slow_consumer(row).await,
            Self::JetStreamSingle => {
                jetstream_load::run(SendMode::Send { goals: 16 }, random, fault_divisor, row).await
            }
            Self::JetStreamBatch => {
                jetstream_load::run(
                    SendMode::SendBatch {
                        goals: 128,
                        events_per_goal: 4,
                    },
                    random,
                    fault_divisor,
                    row,
                )
                .await
            }
            Self::JetStreamOneGoal => {
                jetstream_load::run(
                    SendMode::SendBatch {
                        goals: 1,
                        events_per_goal: 500,
                    },
                    random,
                    fault_divisor,
                    row,
                )
                .await
            }
            Self::JetStreamCluster => jetstream_cluster::leader_killed(random, row).await,
            Self::JetStreamDeleted => jetstream_deleted::run(row).await,
        }
    }
}
