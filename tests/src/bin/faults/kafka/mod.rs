//! The scenarios of Kafka.
//!
//! All scenarios of a run share one broker or cluster, since it takes seconds to start; each has its own topic.

mod cluster;
mod frozen;
mod links;
mod load;
mod permissions;

mod group;
mod readers;

mod log;
mod servers;
mod topic;

use anyhow::Result;

pub(crate) use self::servers::{Broker, Servers, USER, config};
use crate::load::SendMode;
use crate::random::Random;
use crate::row::Row;

/// A fault scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    Single,
    Batch,
    OneGoal,
    Publish,
    LeaderKilled,
    TooFewReplicas,
    Frozen,
    Stall,
    HalfOpen,
    Revoked,
    Reading,
    MembersChange,
}

impl Scenario {
    pub(crate) const ALL: [Self; 12] = [
        Self::Single,
        Self::Batch,
        Self::OneGoal,
        Self::Publish,
        Self::Frozen,
        Self::Stall,
        Self::HalfOpen,
        Self::Revoked,
        Self::Reading,
        Self::MembersChange,
        Self::LeaderKilled,
        Self::TooFewReplicas,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "send, 16 goals, kills and cuts",
            Self::Batch => "send_batch, 128 goals, kills and cuts",
            Self::OneGoal => "send_batch, one goal, kills and cuts",
            Self::Publish => "publish, 256 tasks, kills and cuts",
            Self::LeaderKilled => "cluster of 3, leader killed",
            Self::TooFewReplicas => "cluster of 3, min.insync.replicas not met",
            Self::Frozen => "broker stopped and continued",
            Self::Stall => "stalled link",
            Self::HalfOpen => "half-open link",
            Self::Revoked => "permission revoked and restored",
            Self::Reading => "group: kills and cuts while reading",
            Self::MembersChange => "group: members join and leave",
        }
    }

    /// Whether the scenario needs three brokers, which are slow to start.
    pub(crate) fn needs_cluster(self) -> bool {
        matches!(self, Self::LeaderKilled | Self::TooFewReplicas)
    }

    /// Runs the scenario once. The number of faults under load is divided by `fault_divisor`.
    pub(crate) async fn run(
        self,
        servers: &mut Servers,
        random: &mut Random,
        fault_divisor: usize,
        row: &mut Row,
    ) -> Result<()> {
        match self {
            Self::Single => load::run(SendMode::Send { goals: 16 }, servers, random, fault_divisor, row).await,
            Self::Batch => {
                load::run(
                    SendMode::SendBatch {
                        goals: 128,
                        events_per_goal: 4,
                    },
                    servers,
                    random,
                    fault_divisor,
                    row,
                )
                .await
            }
            Self::OneGoal => {
                load::run(
                    SendMode::SendBatch {
                        goals: 1,
                        events_per_goal: 500,
                    },
                    servers,
                    random,
                    fault_divisor,
                    row,
                )
                .await
            }
            Self::Publish => load::run(SendMode::Publish { goals: 256 }, servers, random, fault_divisor, row).await,
            Self::LeaderKilled => cluster::leader_killed(servers, random, row).await,
            Self::TooFewReplicas => cluster::too_few_replicas(servers, random, row).await,
            Self::Frozen => frozen::run(servers, random, row).await,
            Self::Stall => links::stall(servers, row).await,
            Self::HalfOpen => links::half_open(servers, row).await,
            Self::Revoked => permissions::revoked(servers, random, row).await,
            Self::Reading => readers::kills_and_cuts(servers, random, fault_divisor, row).await,
            Self::MembersChange => readers::members_change(servers, random, fault_divisor, row).await,
        }
    }
}
