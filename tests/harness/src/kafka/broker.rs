use anyhow::{Context, Result, ensure};

use super::admin::KafkaAdmin;
use super::console::{self, KafkaRecord};
use super::listener::KafkaListener;
use super::program::{Kafka, KafkaBroker};
use super::raw_record::{self, KafkaBatchDefect, KafkaRawRecord};
use crate::proxy::Proxy;
use crate::servers::{Cluster, Server};

impl Server<Kafka> {
    /// Returns the address of a listener, such as `127.0.0.1:12345`.
    ///
    /// # Errors
    /// Returns an error if the broker was started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        Ok(self.program.listener(listener)?.address().to_string())
    }

    /// Returns the proxy of [`KafkaListener::Proxied`].
    ///
    /// # Errors
    /// Returns an error if the broker was started without [`KafkaConfig::proxied`](crate::KafkaConfig::proxied).
    pub fn proxy(&self) -> Result<&Proxy> {
        let listener = self.program.listener(KafkaListener::Proxied)?;
        listener.proxy().context("the listener has no proxy")
    }

    /// Returns an admin client, for topics, partitions and ACLs.
    #[must_use]
    pub fn admin(&self) -> KafkaAdmin {
        KafkaAdmin::new(self.client_address())
    }

    /// Changes a user's password for `SCRAM-SHA-256` or `SCRAM-SHA-512` with Kafka's own tool, which takes three seconds.
    /// Connected clients stay connected until they must reauthenticate, see `connections.max.reauth.ms`.
    ///
    /// # Errors
    /// Returns an error if the tool fails.
    pub fn change_password(&self, mechanism: &str, user: &str, password: &str) -> Result<()> {
        let added = format!("{mechanism}=[password={password}]");
        let arguments = [
            "--alter",
            "--entity-type",
            "users",
            "--entity-name",
            user,
            "--add-config",
            &added,
        ];
        self.run("kafka.admin.ConfigCommand", &arguments)
            .with_context(|| format!("cannot change the password of `{user}`"))
    }

    /// Runs Kafka's `kafka-acls` with these arguments and `--bootstrap-server`, which takes two seconds. The ACLs are in
    /// effect when the call returns.
    ///
    /// # Errors
    /// Returns an error if the tool fails.
    pub fn run_acl_command(&self, arguments: &[&str]) -> Result<()> {
        self.run("org.apache.kafka.tools.AclCommand", arguments)
            .and_then(|()| self.admin().wait_for_acls())
            .context("cannot change the ACLs")
    }

    /// Reads the first `count` records of a topic with Kafka's console consumer, which takes two seconds. Returns them
    /// sorted by partition and offset. The consumer has a random group.
    ///
    /// # Errors
    /// Returns an error if the next record does not arrive within a minute, or a record is not valid UTF-8.
    pub fn read_with_console(&self, topic: &str, count: usize) -> Result<Vec<KafkaRecord>> {
        console::read(&self.program.java, self.client_address(), topic, count)
    }

    /// Writes records, each a key and a value, with Kafka's console producer, which takes two seconds. They must not
    /// contain control characters.
    ///
    /// # Errors
    /// Returns an error if the producer fails.
    pub fn write_with_console(&self, topic: &str, records: &[(&str, &str)]) -> Result<()> {
        console::write(&self.program.java, self.client_address(), topic, records)
    }

    /// Writes records of any bytes to a partition, as one batch.
    ///
    /// # Errors
    /// Returns an error if the broker refuses the batch or does not respond.
    pub fn write_raw(&self, topic: &str, partition: i32, records: &[KafkaRawRecord]) -> Result<()> {
        raw_record::write(self.client_address(), topic, partition, records, None)
    }

    /// Writes records to a partition as one batch that librdkafka cannot read.
    ///
    /// # Errors
    /// Returns an error if the broker refuses the batch or does not respond.
    pub fn write_defective(
        &self,
        topic: &str,
        partition: i32,
        records: &[KafkaRawRecord],
        defect: KafkaBatchDefect,
    ) -> Result<()> {
        raw_record::write(self.client_address(), topic, partition, records, Some(defect))
    }

    /// Returns the address of a listener itself: that of [`Proxied`](KafkaListener::Proxied) bypasses its proxy.
    ///
    /// # Errors
    /// Returns an error if the broker was started without this listener.
    pub fn unadvertised_address(&self, listener: KafkaListener) -> Result<String> {
        Ok(self.program.listener(listener)?.bound_address().to_string())
    }

    /// Returns the broker's id: 1, or 1, 2 and so on in a cluster.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.program.id
    }

    fn run(&self, class: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.program.java.command(class, "64m", "WARN", &[]);
        command
            .args(["--bootstrap-server", &self.client_address().to_string()])
            .args(arguments);
        let output = command.output().context("cannot run java")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{class} failed: {stderr}");
        Ok(())
    }
}

impl Cluster<Kafka> {
    /// Returns the broker of this id, such as the leader of a partition.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub fn broker(&mut self, id: i32) -> Result<&mut KafkaBroker> {
        self.find(|broker| broker.id() == id)
            .with_context(|| format!("the cluster has no broker {id}"))
    }

    /// Returns the brokers' addresses, separated by commas.
    ///
    /// # Errors
    /// Returns an error if the brokers were started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        let servers = self.servers().iter().map(|broker| broker.bootstrap_servers(listener));
        Ok(servers.collect::<Result<Vec<_>>>()?.join(","))
    }

    /// Returns an admin client of the first running broker.
    ///
    /// # Errors
    /// Returns an error if no broker runs.
    pub fn admin(&self) -> Result<KafkaAdmin> {
        let broker = self.running().next().context("no broker of the cluster is running")?;
        Ok(broker.admin())
    }
}
