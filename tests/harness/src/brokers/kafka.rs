use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{PortConflict, up};
use crate::{Certificates, KafkaAdmin, KafkaCluster, KafkaConfig, KafkaListener, KafkaOperation, KafkaResource};

/// The standard port of Kafka.
pub const KAFKA_PORT: u16 = 9092;

/// The topic of the ACLs and examples.
const TOPIC: &str = "agent.driver";
/// Password of both users. The brokers listen on this machine only.
const PASSWORD: &str = "secret";

/// Detached Kafka brokers. Displayed as lines for a shell's `eval`, with comments.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DetachedKafka {
    /// Bootstrap servers without TLS and authentication. All operations are allowed.
    pub plain: String,
    /// Set if the preferred port was in use.
    pub port_conflict: Option<PortConflict>,
    /// Bootstrap servers with TLS and passwords. ACLs apply.
    pub sasl: String,
    /// Bootstrap servers with client certificates. All operations are allowed.
    pub mutual_tls: String,
    /// File with librdkafka properties for the user that may create the topic and write to it.
    pub driver: PathBuf,
    /// File with librdkafka properties for the user that may read the topic, in any group.
    pub reader: PathBuf,
    /// File with librdkafka properties for the client with a certificate.
    pub certified: PathBuf,
}

/// Starts an Apache Kafka broker, or a cluster of `size` brokers, with every listener, and leaves it running.
///
/// The plain listener of the first broker has `preferred_port` if it is free. All other listeners have random ports.
///
/// # Errors
/// Returns the errors of [`Cluster::start`](crate::Cluster::start).
pub fn up_kafka(size: usize, preferred_port: u16) -> Result<DetachedKafka> {
    let certificates = Certificates::generate()?;
    let config = KafkaConfig::new()
        .sasl(&certificates)
        .user("driver", PASSWORD)
        .user("reader", PASSWORD)
        .mutual_tls(&certificates)
        .acls()
        .property("super.users", "User:ANONYMOUS;User:CN=client");
    let cluster: KafkaCluster = up(size, &config, preferred_port)?;
    add_acls(&cluster.admin()?)?;
    let first = cluster.servers().first().context("no broker was started")?;
    // The files are in the first broker's folder, and removed with it.
    let mut kafka = write_client_files(&cluster, first.folder(), &certificates)?;
    kafka.port_conflict = PortConflict::check("Kafka", preferred_port, &cluster);
    cluster.detach()?;
    Ok(kafka)
}

fn add_acls(admin: &KafkaAdmin) -> Result<()> {
    use KafkaOperation::{Create, Describe, DescribeConfigs, Read, Write};
    for operation in [Write, Create, Describe, DescribeConfigs] {
        admin.allow("User:driver", KafkaResource::Topic(TOPIC), operation)?;
    }
    admin.allow("User:reader", KafkaResource::Topic(TOPIC), Read)?;
    // `*` is every group.
    admin.allow("User:reader", KafkaResource::Group("*"), Read)
}

/// Writes the certificates and property files of clients into `folder`.
fn write_client_files(cluster: &KafkaCluster, folder: &Path, certificates: &Certificates) -> Result<DetachedKafka> {
    let copy = |from: PathBuf| {
        let to = folder.join(from.file_name().context("a certificate has a file name")?);
        fs::copy(from, &to)?;
        anyhow::Ok(to.display().to_string())
    };
    let authority = copy(certificates.authority())?;
    let (client, key) = (copy(certificates.client())?, copy(certificates.client_key())?);
    let file = |name: &str, properties: &[(&str, &str)]| {
        let path = folder.join(format!("{name}.properties"));
        let lines = properties.iter().map(|(name, value)| format!("{name}={value}\n"));
        fs::write(&path, lines.collect::<String>())?;
        anyhow::Ok(path)
    };
    let user = |name: &str| {
        let properties = [
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", &*authority),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", name),
            ("sasl.password", PASSWORD),
        ];
        file(name, &properties)
    };
    let certified = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", &*authority),
        ("ssl.certificate.location", &*client),
        ("ssl.key.location", &*key),
    ];
    Ok(DetachedKafka {
        plain: cluster.bootstrap_servers(KafkaListener::Plain)?,
        port_conflict: None,
        sasl: cluster.bootstrap_servers(KafkaListener::Sasl)?,
        mutual_tls: cluster.bootstrap_servers(KafkaListener::MutualTls)?,
        driver: user("driver")?,
        reader: user("reader")?,
        certified: file("certified", &certified)?,
    })
}

impl fmt::Display for DetachedKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plain,
            sasl,
            mutual_tls,
            ..
        } = self;
        let [driver, reader, certified] = [&self.driver, &self.reader, &self.certified].map(|path| path.display());
        if let Some(conflict) = &self.port_conflict {
            writeln!(f, "# {conflict}")?;
        }
        writeln!(f, "export KAFKA_BOOTSTRAP_SERVERS={plain}")?;
        writeln!(f)?;
        writeln!(
            f,
            "# TLS and a password (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512), with ACLs:"
        )?;
        writeln!(
            f,
            "# `driver` may create {TOPIC} and write to it, `reader` may read it. Password of both: {PASSWORD}"
        )?;
        writeln!(
            f,
            "#   driver-events publish --to kafka://{sasl}/{TOPIC} --create-topic --kafka-config '{driver}'"
        )?;
        writeln!(
            f,
            "#   driver-events tail --from kafka://{sasl}/{TOPIC} --kafka-config '{reader}'"
        )?;
        writeln!(f, "export KAFKA_SASL_SERVERS={sasl}")?;
        writeln!(f)?;
        writeln!(f, "# TLS and a client certificate, all operations allowed:")?;
        writeln!(
            f,
            "#   driver-events tail --from kafka://{mutual_tls}/{TOPIC} --kafka-config '{certified}'"
        )?;
        write!(f, "export KAFKA_TLS_SERVERS={mutual_tls}")
    }
}
