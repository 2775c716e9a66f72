use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::wire::{self, Answer, Api, Request};

const METADATA: Api = Api { key: 3, version: 4 };
const CREATE_TOPICS: Api = Api { key: 19, version: 4 };
const DELETE_TOPICS: Api = Api { key: 20, version: 3 };
const DESCRIBE_ACLS: Api = Api { key: 29, version: 1 };
const CREATE_ACLS: Api = Api { key: 30, version: 1 };
const DELETE_ACLS: Api = Api { key: 31, version: 1 };

/// A broker that is well answers in milliseconds; one that looks for its controller takes longer.
const PATIENCE: Duration = Duration::from_secs(15);
const PATIENCE_IN_MILLISECONDS: i32 = 10_000;

/// The name of a resource of the type [`KafkaResource::Cluster`].
const CLUSTER: &str = "kafka-cluster";
const LITERAL: i8 = 3;
const ALLOW: i8 = 3;
const ANY_HOST: &str = "*";

/// Looks into a broker and arranges things there, on its plaintext listener, where everything is allowed.
///
/// Calls block their thread, for milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct KafkaAdmin {
    broker: SocketAddr,
}

/// A partition, as a broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaPartition {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The id of the broker that leads it; none while there is no leader.
    pub leader: Option<i32>,
    /// The ids of the brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that have all of it.
    pub in_sync: Vec<i32>,
}

/// What an access rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaResource<'a> {
    /// The topic of this name.
    Topic(&'a str),
    /// The consumer group of this name.
    Group(&'a str),
    /// The cluster as a whole.
    Cluster,
}

/// What an access rule allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum KafkaOperation {
    /// All that can be done with the resource.
    All = 2,
    /// To consume; of a group, to be a member.
    Read = 3,
    /// To produce.
    Write = 4,
    /// To create a topic.
    Create = 5,
    /// To see that it is there. Whoever may read or write may do that.
    Describe = 8,
    /// To read its configuration.
    DescribeConfigs = 10,
    /// To produce with idempotence, of the cluster. Whoever may write to any topic may do that.
    IdempotentWrite = 12,
}

/// What a broker knows of its cluster.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The ids of the brokers that are let in.
    pub(super) brokers: Vec<i32>,
    pub(super) partitions: Vec<KafkaPartition>,
}

impl KafkaAdmin {
    pub(super) fn new(broker: SocketAddr) -> Self {
        Self { broker }
    }

    /// Creates a topic. `settings` are those of the topic, such as `("max.message.bytes", "1000")`.
    ///
    /// The broker that was asked knows it when the call returns, with a leader for every partition.
    ///
    /// # Errors
    /// When the broker refuses, or does not answer.
    pub fn create_topic(&self, topic: &str, partitions: i32, replicas: i16, settings: &[(&str, &str)]) -> Result<()> {
        let mut request = Request::new().i32(1).string(topic).i32(partitions).i16(replicas);
        // The brokers choose who holds what.
        request = request.i32(0).i32(i32::try_from(settings.len())?);
        for (key, value) in settings {
            request = request.string(key).string(value);
        }
        let mut answer = self.ask(CREATE_TOPICS, request.i32(PATIENCE_IN_MILLISECONDS).bool(false))?;
        let _throttled = answer.i32()?;
        let results = answer.list(|answer| {
            let topic = answer.string()?;
            let (code, message) = (answer.i16()?, answer.string()?);
            ensure!(code == 0, "topic {topic} was not created, error {code}: {message}");
            Ok(())
        })?;
        ensure!(results.len() == 1, "the broker says nothing of topic {topic}");
        let leads = |metadata: &Metadata| {
            let of_topic = metadata.partitions.iter().filter(|found| found.topic == topic);
            i32::try_from(of_topic.filter(|found| found.leader.is_some()).count()) == Ok(partitions)
        };
        let known = crate::wait::became_true(PATIENCE, || self.metadata(PATIENCE).is_ok_and(|seen| leads(&seen)));
        ensure!(known, "topic {topic} has no leader after {PATIENCE:?}");
        Ok(())
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// When there is none, and when the broker does not answer.
    pub fn delete_topic(&self, topic: &str) -> Result<()> {
        let request = Request::new().i32(1).string(topic).i32(PATIENCE_IN_MILLISECONDS);
        let mut answer = self.ask(DELETE_TOPICS, request)?;
        let _throttled = answer.i32()?;
        answer.list(|answer| {
            let (topic, code) = (answer.string()?, answer.i16()?);
            ensure!(code == 0, "topic {topic} was not deleted, error {code}");
            Ok(())
        })?;
        Ok(())
    }

    /// All partitions, the brokers' own topics among them.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn partitions(&self) -> Result<Vec<KafkaPartition>> {
        Ok(self.metadata(PATIENCE)?.partitions)
    }

    /// The id of the broker that leads this partition.
    ///
    /// # Errors
    /// When there is no such partition or it has no leader, and when the broker does not answer.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<i32> {
        let partitions = self.partitions()?;
        let mut found = partitions.iter().filter(|found| found.topic == topic);
        let found = found.find(|found| found.partition == partition);
        let found = found.with_context(|| format!("there is no partition {partition} of {topic}"))?;
        found
            .leader
            .with_context(|| format!("partition {partition} of {topic} has no leader"))
    }

    /// Allows somebody something. `principal` is `User:NAME` for a user with a password, and `User:CN=client` for the
    /// client of [`Certificates`](crate::Certificates).
    ///
    /// The broker that was asked keeps to it when the call returns; the others of a cluster take it up within
    /// milliseconds.
    ///
    /// # Errors
    /// When the brokers have no access rules, see [`KafkaConfig::acls`](super::KafkaConfig::acls), and
    /// when the broker does not answer.
    pub fn allow(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<()> {
        let request = Request::new().i32(1).rule(principal, resource, operation);
        let mut answer = self.ask(CREATE_ACLS, request)?;
        let _throttled = answer.i32()?;
        answer.list(rule_result)?;
        self.await_rule(principal, resource, operation, true)
    }

    /// Takes back what was allowed, with the same arguments. It is in force as after [`KafkaAdmin::allow`].
    ///
    /// # Errors
    /// When it was not allowed, and when the broker does not answer.
    pub fn revoke(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<()> {
        let request = Request::new().i32(1).rule(principal, resource, operation);
        let mut answer = self.ask(DELETE_ACLS, request)?;
        let _throttled = answer.i32()?;
        let revoked = answer.list(|answer| {
            rule_result(answer)?;
            answer.list(|answer| {
                rule_result(answer)?;
                skip_resource(answer)?;
                skip_permission(answer)
            })
        })?;
        if revoked.iter().all(Vec::is_empty) {
            bail!("{principal} was not allowed {operation:?} of {resource:?}");
        }
        self.await_rule(principal, resource, operation, false)
    }

    /// Waits until the broker keeps to whatever rules were changed before. Brokers take changes up in their order.
    pub(super) fn await_rules(&self) -> Result<()> {
        let (principal, resource, operation) = ("User:nobody", KafkaResource::Cluster, KafkaOperation::Describe);
        self.allow(principal, resource, operation)?;
        self.revoke(principal, resource, operation)
    }

    /// The controller answers for a change before the brokers keep to it.
    fn await_rule(
        &self,
        principal: &str,
        resource: KafkaResource<'_>,
        operation: KafkaOperation,
        is_allowed: bool,
    ) -> Result<()> {
        let is_known = || {
            self.allows(principal, resource, operation)
                .is_ok_and(|allows| allows == is_allowed)
        };
        let known = crate::wait::became_true(PATIENCE, is_known);
        ensure!(
            known,
            "the broker does not keep to the rules of {principal} after {PATIENCE:?}"
        );
        Ok(())
    }

    fn allows(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<bool> {
        let request = Request::new().rule(principal, resource, operation);
        let mut answer = self.ask(DESCRIBE_ACLS, request)?;
        let _throttled = answer.i32()?;
        rule_result(&mut answer)?;
        let resources = answer.list(|answer| {
            skip_resource(answer)?;
            answer.list(skip_permission)
        })?;
        Ok(resources.iter().any(|rules| !rules.is_empty()))
    }

    pub(super) fn metadata(&self, patience: Duration) -> Result<Metadata> {
        // Of all topics, and none is created.
        let request = Request::new().i32(-1).bool(false);
        let mut answer = wire::ask(self.broker, METADATA, request, patience)?;
        let _throttled = answer.i32()?;
        let brokers = answer.list(|answer| {
            let id = answer.i32()?;
            let (_host, _port, _rack) = (answer.string()?, answer.i32()?, answer.string()?);
            Ok(id)
        })?;
        let (_cluster, _controller) = (answer.string()?, answer.i32()?);
        let topics = answer.list(topic)?;
        Ok(Metadata {
            brokers,
            partitions: topics.into_iter().flatten().collect(),
        })
    }

    fn ask(&self, api: Api, request: Request) -> Result<Answer> {
        wire::ask(self.broker, api, request, PATIENCE)
    }
}

impl KafkaResource<'_> {
    fn code(self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Group(_) => 3,
            Self::Cluster => 4,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Topic(name) | Self::Group(name) => name,
            Self::Cluster => CLUSTER,
        }
    }
}

impl Request {
    /// A rule and a filter for the same rule have the same fields.
    fn rule(self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Self {
        self.i8(resource.code())
            .string(resource.name())
            .i8(LITERAL)
            .string(principal)
            .string(ANY_HOST)
            .i8(operation as i8)
            .i8(ALLOW)
    }
}

fn rule_result(answer: &mut Answer) -> Result<()> {
    let (code, message) = (answer.i16()?, answer.string()?);
    ensure!(code == 0, "the access rule was refused, error {code}: {message}");
    Ok(())
}

fn skip_resource(answer: &mut Answer) -> Result<()> {
    let (_type, _name, _pattern) = (answer.i8()?, answer.string()?, answer.i8()?);
    Ok(())
}

fn skip_permission(answer: &mut Answer) -> Result<()> {
    let (_principal, _host) = (answer.string()?, answer.string()?);
    let (_operation, _permission) = (answer.i8()?, answer.i8()?);
    Ok(())
}

fn topic(answer: &mut Answer) -> Result<Vec<KafkaPartition>> {
    let _error = answer.i16()?;
    let topic = answer.string()?;
    let _is_internal = answer.bool()?;
    answer.list(|answer| {
        let _error = answer.i16()?;
        Ok(KafkaPartition {
            topic: topic.clone(),
            partition: answer.i32()?,
            leader: Some(answer.i32()?).filter(|leader| *leader >= 0),
            replicas: answer.list(Answer::i32)?,
            in_sync: answer.list(Answer::i32)?,
        })
    })
}
