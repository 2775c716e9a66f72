use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::wire::{self, Api, Request, Response};

const METADATA: Api = Api { key: 3, version: 4 };
const CREATE_TOPICS: Api = Api { key: 19, version: 4 };
const DELETE_TOPICS: Api = Api { key: 20, version: 3 };
const DELETE_RECORDS: Api = Api { key: 21, version: 1 };
const DESCRIBE_ACLS: Api = Api { key: 29, version: 1 };
const CREATE_ACLS: Api = Api { key: 30, version: 1 };
const DELETE_ACLS: Api = Api { key: 31, version: 1 };

/// A healthy broker responds in milliseconds, a broker that waits for its controller in seconds.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout that requests carry. Shorter than [`TIMEOUT`], so that the broker reports it.
const BROKER_TIMEOUT_MS: i32 = 10_000;

/// Name of the resource [`KafkaResource::Cluster`].
const CLUSTER: &str = "kafka-cluster";
const LITERAL: i8 = 3;
const ALLOW: i8 = 3;
const ANY_HOST: &str = "*";

/// An admin client of a broker, on its plaintext listener, which allows everything.
///
/// Calls block their thread for milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct KafkaAdmin {
    broker: SocketAddr,
}

/// A partition in the metadata of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaPartition {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Id of the leader, if there is one.
    pub leader: Option<i32>,
    /// Ids of the brokers with a replica.
    pub replicas: Vec<i32>,
    /// Ids of the brokers with an in-sync replica.
    pub in_sync: Vec<i32>,
}

/// The resource of an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaResource<'a> {
    /// Topic of this name.
    Topic(&'a str),
    /// Consumer group of this name.
    Group(&'a str),
    /// The cluster.
    Cluster,
}

/// The operation of an ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum KafkaOperation {
    /// All operations on the resource.
    All = 2,
    /// Consume from a topic, or join a group.
    Read = 3,
    /// Produce to a topic.
    Write = 4,
    /// Create a topic.
    Create = 5,
    /// See that the resource exists. Implied by `Read` and `Write`.
    Describe = 8,
    /// Read the configuration.
    DescribeConfigs = 10,
    /// Produce with idempotence, on the cluster. Implied by `Write` on any topic.
    IdempotentWrite = 12,
}

/// Metadata of the cluster.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Ids of the registered brokers.
    pub(super) brokers: Vec<i32>,
    pub(super) partitions: Vec<KafkaPartition>,
}

impl KafkaAdmin {
    pub(super) fn new(broker: SocketAddr) -> Self {
        Self { broker }
    }

    /// Creates a topic. `settings` are properties of the topic, such as `("max.message.bytes", "1000")`.
    ///
    /// When the call returns, every partition has a leader in this broker's metadata.
    ///
    /// # Errors
    /// Returns an error if the broker rejects the request or does not respond.
    pub fn create_topic(&self, topic: &str, partitions: i32, replicas: i16, settings: &[(&str, &str)]) -> Result<()> {
        let mut request = Request::new().i32(1).string(topic).i32(partitions).i16(replicas);
        // No assignment of replicas: the controller chooses.
        request = request.i32(0).i32(i32::try_from(settings.len())?);
        for (key, value) in settings {
            request = request.string(key).string(value);
        }
        let mut response = self.send(CREATE_TOPICS, request.i32(BROKER_TIMEOUT_MS).bool(false))?;
        let _throttled = response.i32()?;
        let results = response.list(|response| {
            let topic = response.string()?;
            let (code, message) = (response.i16()?, response.string()?);
            ensure!(code == 0, "cannot create topic `{topic}`: error {code}: {message}");
            Ok(())
        })?;
        ensure!(results.len() == 1, "the response does not contain topic `{topic}`");
        let has_leaders = |metadata: &Metadata| {
            let of_topic = metadata.partitions.iter().filter(|found| found.topic == topic);
            i32::try_from(of_topic.filter(|found| found.leader.is_some()).count()) == Ok(partitions)
        };
        let is_ready = crate::wait::poll_until(TIMEOUT, || {
            self.metadata(TIMEOUT).is_ok_and(|metadata| has_leaders(&metadata))
        });
        ensure!(is_ready, "topic `{topic}` has no leader after {TIMEOUT:?}");
        Ok(())
    }

    /// Deletes a topic.
    ///
    /// When the call returns, this broker's metadata no longer has the topic.
    ///
    /// # Errors
    /// Returns an error if the topic does not exist or the broker does not respond.
    pub fn delete_topic(&self, topic: &str) -> Result<()> {
        let request = Request::new().i32(1).string(topic).i32(BROKER_TIMEOUT_MS);
        let mut response = self.send(DELETE_TOPICS, request)?;
        let _throttled = response.i32()?;
        response.list(|response| {
            let (topic, code) = (response.string()?, response.i16()?);
            ensure!(code == 0, "cannot delete topic `{topic}`: error {code}");
            Ok(())
        })?;
        let has_topic = |metadata: Metadata| metadata.partitions.iter().any(|found| found.topic == topic);
        let is_deleted = crate::wait::poll_until(TIMEOUT, || {
            self.metadata(TIMEOUT).is_ok_and(|metadata| !has_topic(metadata))
        });
        ensure!(is_deleted, "topic `{topic}` is still in the metadata after {TIMEOUT:?}");
        Ok(())
    }

    /// Deletes the records of a partition before this offset, as retention does.
    ///
    /// # Errors
    /// Returns an error if the broker rejects the request or does not respond.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<()> {
        let request = Request::new().i32(1).string(topic).i32(1).i32(partition).i64(before);
        let mut response = self.send(DELETE_RECORDS, request.i32(BROKER_TIMEOUT_MS))?;
        let _throttled = response.i32()?;
        response.list(|response| {
            let topic = response.string()?;
            response.list(|response| {
                let (partition, _low_watermark, code) = (response.i32()?, response.i64()?, response.i16()?);
                ensure!(
                    code == 0,
                    "cannot delete records of partition {partition} of `{topic}`: error {code}"
                );
                Ok(())
            })
        })?;
        Ok(())
    }

    /// Returns all partitions, including those of internal topics.
    ///
    /// # Errors
    /// Returns an error if the broker does not respond.
    pub fn partitions(&self) -> Result<Vec<KafkaPartition>> {
        Ok(self.metadata(TIMEOUT)?.partitions)
    }

    /// Returns the id of the leader of a partition.
    ///
    /// # Errors
    /// Returns an error if the partition does not exist or has no leader, or the broker does not respond.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<i32> {
        let partitions = self.partitions()?;
        let mut found = partitions.iter().filter(|found| found.topic == topic);
        let found = found.find(|found| found.partition == partition);
        let found = found.with_context(|| format!("partition {partition} of topic `{topic}` does not exist"))?;
        found
            .leader
            .with_context(|| format!("partition {partition} of topic `{topic}` has no leader"))
    }

    /// Returns a partition, once this broker knows it and its leader: a broker of a cluster learns of a new topic a moment
    /// after the others.
    ///
    /// # Errors
    /// Returns an error if the broker does not know the partition or its leader in time.
    pub fn wait_for_partition(&self, topic: &str, partition: i32) -> Result<KafkaPartition> {
        let is_wanted = |found: &KafkaPartition| found.topic == topic && found.partition == partition;
        let found = crate::wait::poll_for_blocking(TIMEOUT, || {
            let mut partitions = self.partitions().ok()?.into_iter();
            partitions.find(|found| is_wanted(found) && found.leader.is_some())
        });
        found.with_context(|| format!("partition {partition} of topic `{topic}` has no leader after {TIMEOUT:?}"))
    }

    /// Adds an ACL. `principal` is `User:NAME` for a user with a password, and `User:CN=client` for the client of
    /// [`Certificates`](crate::Certificates).
    ///
    /// The ACL is in effect on this broker when the call returns, and on the others of a cluster within milliseconds.
    ///
    /// # Errors
    /// Returns an error if the broker was started without [`KafkaConfig::acls`](super::KafkaConfig::acls) or does not
    /// respond.
    pub fn allow(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<()> {
        let request = Request::new().i32(1).acl(principal, resource, operation);
        let mut response = self.send(CREATE_ACLS, request)?;
        let _throttled = response.i32()?;
        response.list(acl_result)?;
        self.wait_for_acl(principal, resource, operation, true)
    }

    /// Deletes an ACL that [`allow`](Self::allow) added with the same arguments. In effect as after `allow`.
    ///
    /// # Errors
    /// Returns an error if the ACL does not exist or the broker does not respond.
    pub fn revoke(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<()> {
        let request = Request::new().i32(1).acl(principal, resource, operation);
        let mut response = self.send(DELETE_ACLS, request)?;
        let _throttled = response.i32()?;
        let revoked = response.list(|response| {
            acl_result(response)?;
            response.list(|response| {
                acl_result(response)?;
                skip_resource(response)?;
                skip_acl(response)
            })
        })?;
        if revoked.iter().all(Vec::is_empty) {
            bail!("no ACL allows `{principal}` {operation:?} on {resource:?}");
        }
        self.wait_for_acl(principal, resource, operation, false)
    }

    /// Waits until all earlier changes of ACLs are in effect on the broker. Brokers apply changes in order.
    pub(super) fn wait_for_acls(&self) -> Result<()> {
        let (principal, resource, operation) = ("User:nobody", KafkaResource::Cluster, KafkaOperation::Describe);
        self.allow(principal, resource, operation)?;
        self.revoke(principal, resource, operation)
    }

    /// Waits until a change is in effect: the controller responds before the brokers apply it.
    fn wait_for_acl(
        &self,
        principal: &str,
        resource: KafkaResource<'_>,
        operation: KafkaOperation,
        is_allowed: bool,
    ) -> Result<()> {
        let is_in_effect = || {
            self.allows(principal, resource, operation)
                .is_ok_and(|allows| allows == is_allowed)
        };
        ensure!(
            crate::wait::poll_until(TIMEOUT, is_in_effect),
            "the ACLs of `{principal}` are not in effect after {TIMEOUT:?}"
        );
        Ok(())
    }

    fn allows(&self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Result<bool> {
        let request = Request::new().acl(principal, resource, operation);
        let mut response = self.send(DESCRIBE_ACLS, request)?;
        let _throttled = response.i32()?;
        acl_result(&mut response)?;
        let resources = response.list(|response| {
            skip_resource(response)?;
            response.list(skip_acl)
        })?;
        Ok(resources.iter().any(|acls| !acls.is_empty()))
    }

    pub(super) fn metadata(&self, timeout: Duration) -> Result<Metadata> {
        // All topics, without creating any.
        let request = Request::new().i32(-1).bool(false);
        let mut response = wire::send(self.broker, METADATA, request, timeout)?;
        let _throttled = response.i32()?;
        let brokers = response.list(|response| {
            let id = response.i32()?;
            let (_host, _port, _rack) = (response.string()?, response.i32()?, response.string()?);
            Ok(id)
        })?;
        let (_cluster, _controller) = (response.string()?, response.i32()?);
        let topics = response.list(topic)?;
        Ok(Metadata {
            brokers,
            partitions: topics.into_iter().flatten().collect(),
        })
    }

    fn send(&self, api: Api, request: Request) -> Result<Response> {
        wire::send(self.broker, api, request, TIMEOUT)
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
    /// An ACL and a filter for it have the same fields.
    fn acl(self, principal: &str, resource: KafkaResource<'_>, operation: KafkaOperation) -> Self {
        self.i8(resource.code())
            .string(resource.name())
            .i8(LITERAL)
            .string(principal)
            .string(ANY_HOST)
            .i8(operation as i8)
            .i8(ALLOW)
    }
}

fn acl_result(response: &mut Response) -> Result<()> {
    let (code, message) = (response.i16()?, response.string()?);
    ensure!(code == 0, "the broker rejected the ACL: error {code}: {message}");
    Ok(())
}

fn skip_resource(response: &mut Response) -> Result<()> {
    let (_type, _name, _pattern) = (response.i8()?, response.string()?, response.i8()?);
    Ok(())
}

fn skip_acl(response: &mut Response) -> Result<()> {
    let (_principal, _host) = (response.string()?, response.string()?);
    let (_operation, _permission) = (response.i8()?, response.i8()?);
    Ok(())
}

fn topic(response: &mut Response) -> Result<Vec<KafkaPartition>> {
    let _error = response.i16()?;
    let topic = response.string()?;
    let _is_internal = response.bool()?;
    response.list(|response| {
        let _error = response.i16()?;
        Ok(KafkaPartition {
            topic: topic.clone(),
            partition: response.i32()?,
            leader: Some(response.i32()?).filter(|leader| *leader >= 0),
            replicas: response.list(Response::i32)?,
            in_sync: response.list(Response::i32)?,
        })
    })
}
