use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    Certificates, KafkaAdmin, KafkaBroker, KafkaCluster, KafkaConfig, KafkaListener, KafkaOperation, KafkaResource,
};

/// Of the tool and of the crates, which access rules name.
const TOPIC: &str = "agent.driver";
/// Of both users. The brokers are on this machine, for trying out.
const PASSWORD: &str = "secret";

/// Brokers of Kafka that stay, and how clients come in: as lines for a shell's `eval`, with comments.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DetachedKafka {
    /// Where everybody may do everything, without TLS.
    pub plain: String,
    /// Where users come, over TLS, and do what they are allowed.
    pub sasl: String,
    /// Where clients with the certificate come, and may do everything.
    pub mutual_tls: String,
    /// A file of librdkafka's properties for the user who may make the topic and write to it.
    pub driver: PathBuf,
    /// The same for the user who may read it, in any group.
    pub reader: PathBuf,
    /// The same for the client with a certificate.
    pub certified: PathBuf,
}

/// Starts an Apache Kafka broker, or a cluster of several, with every listener, and leaves it running.
///
/// # Errors
/// As [`KafkaBroker::start`] and [`KafkaCluster::start`].
pub fn up_kafka(size: usize) -> Result<DetachedKafka> {
    let certificates = Certificates::generate()?;
    let config = KafkaConfig::new()
        .sasl(&certificates)
        .user("driver", PASSWORD)
        .user("reader", PASSWORD)
        .mutual_tls(&certificates)
        .acls()
        .property("super.users", "User:ANONYMOUS;User:CN=client");
    let cluster = match size {
        0 => bail!("a cluster has at least one broker"),
        1 => KafkaCluster::from(KafkaBroker::start_to_stay(&config)?),
        _ => KafkaCluster::start_to_stay(size, &config)?,
    };
    allow(&cluster.admin()?)?;
    // It is removed with the first broker.
    let folder = cluster.brokers().first().context("no broker was started")?.folder();
    let kafka = write(&cluster, folder, &certificates)?;
    for broker in cluster.into_brokers() {
        broker.leave()?;
    }
    Ok(kafka)
}

fn allow(admin: &KafkaAdmin) -> Result<()> {
    use KafkaOperation::{Create, Describe, DescribeConfigs, Read, Write};
    for operation in [Write, Create, Describe, DescribeConfigs] {
        admin.allow("User:driver", KafkaResource::Topic(TOPIC), operation)?;
    }
    admin.allow("User:reader", KafkaResource::Topic(TOPIC), Read)?;
    // An asterisk is every group.
    admin.allow("User:reader", KafkaResource::Group("*"), Read)
}

/// Writes the client's side into `folder`.
fn write(cluster: &KafkaCluster, folder: &Path, certificates: &Certificates) -> Result<DetachedKafka> {
    let copy = |from: PathBuf| {
        let to = folder.join(from.file_name().context("a certificate is a file")?);
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
        writeln!(f, "export KAFKA_BOOTSTRAP_SERVERS={plain}")?;
        writeln!(f)?;
        writeln!(
            f,
            "# With TLS and a password, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; access rules hold:"
        )?;
        writeln!(
            f,
            "# `driver` may make {TOPIC} and write to it, `reader` may read it. Their password: {PASSWORD}"
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
        writeln!(f, "# With TLS and a certificate of the client, who may do everything:")?;
        writeln!(
            f,
            "#   driver-events tail --from kafka://{mutual_tls}/{TOPIC} --kafka-config '{certified}'"
        )?;
        write!(f, "export KAFKA_TLS_SERVERS={mutual_tls}")
    }
}
