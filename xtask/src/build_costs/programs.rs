//! The programs that are built: each uses one crate as a driver loop would.

/// A program, or a binary of the workspace.
pub(super) struct Program {
    /// Name in the table.
    pub(super) name: &'static str,
    /// The crate that is touched, a folder of the workspace; `None` for a client alone.
    pub(super) touched: Option<&'static str>,
    /// Crates of the workspace, each with its features.
    pub(super) own: &'static [(&'static str, &'static [&'static str])],
    /// Other crates, as lines of a manifest.
    pub(super) other: &'static str,
    /// The text of the function `main`.
    pub(super) main: &'static str,
}

const TOKIO: &str = r#"tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "macros"] }"#;
/// The features that the sink has.
const TOKIO_AND_NATS: &str = r#"async-nats = { version = "0.51", default-features = false, features = ["jetstream", "nkeys", "nuid", "ring", "server_2_10", "server_2_11", "server_2_12"] }
tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "macros"] }"#;
const TOKIO_AND_KAFKA: &str = r#"rdkafka = { version = "0.39", default-features = false, features = ["tokio"] }
tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "macros"] }"#;
const TOKIO_AND_SQLITE: &str = r#"rusqlite = { version = "0.43", default-features = false, features = ["bundled", "cache"] }
tokio = { version = "1", default-features = false, features = ["rt-multi-thread", "macros"] }"#;

pub(super) const PROGRAMS: [Program; 11] = [
    Program {
        name: "types",
        touched: Some("driver-events-types"),
        own: &[("driver-events-types", &[])],
        other: "",
        main: r#"fn main() -> Result<(), Box<dyn std::error::Error>> {
    let line = std::io::read_to_string(std::io::stdin())?;
    let event = driver_events_types::DriverEvent::from_json(line.as_bytes())?;
    println!("{}", String::from_utf8(event.to_json()?)?);
    Ok(())
}
"#,
    },
    Program {
        name: "core",
        touched: Some("driver-events-core"),
        own: &[("driver-events-core", &[])],
        other: "",
        main: r#"fn main() -> Result<(), Box<dyn std::error::Error>> {
    let line = std::io::read_to_string(std::io::stdin())?;
    let envelope = driver_events_core::Envelope::from_json(line)?;
    println!("{} {}", envelope.id(), envelope.kind());
    Ok(())
}
"#,
    },
    Program {
        name: "tokio alone",
        touched: None,
        own: &[],
        other: TOKIO,
        main: r#"#[tokio::main]
async fn main() {
    println!("no event");
}
"#,
    },
    Program {
        name: "stdout",
        touched: Some("driver-events-stdout"),
        own: &[("driver-events-core", &[]), ("driver-events-stdout", &[])],
        other: TOKIO,
        main: r#"use driver_events_core::{DriverEventSink, Envelope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sink = driver_events_stdout::WriterEventSink::new(std::io::stdout());
    sink.send(Envelope::from_json(std::io::read_to_string(std::io::stdin())?)?).await?;
    Ok(sink.close().await?)
}
"#,
    },
    Program {
        name: "async-nats alone",
        touched: None,
        own: &[],
        other: TOKIO_AND_NATS,
        main: r#"#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = async_nats::connect("nats://127.0.0.1:4222").await?;
    let context = async_nats::jetstream::new(client);
    context.publish("agent.driver.escalate", "{}".into()).await?.await?;
    Ok(())
}
"#,
    },
    Program {
        name: "nats",
        touched: Some("driver-events-nats"),
        own: &[("driver-events-core", &[]), ("driver-events-nats", &[])],
        other: TOKIO,
        main: r#"use driver_events_core::{DriverEventSink, Envelope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = driver_events_nats::async_nats::connect("nats://127.0.0.1:4222").await?;
    let sink = driver_events_nats::JetStreamEventSink::new(client, "DRIVER").await?;
    sink.send(Envelope::from_json(std::io::read_to_string(std::io::stdin())?)?).await?;
    Ok(sink.close().await?)
}
"#,
    },
    Program {
        name: "rdkafka alone",
        touched: None,
        own: &[],
        other: TOKIO_AND_KAFKA,
        main: r#"use rdkafka::producer::{FutureProducer, FutureRecord};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let producer: FutureProducer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", "127.0.0.1:9092").create()?;
    let record = FutureRecord::to("agent.driver").key("goal").payload("{}");
    producer.send(record, rdkafka::util::Timeout::Never).await.map_err(|(error, _)| error)?;
    Ok(())
}
"#,
    },
    Program {
        name: "kafka",
        touched: Some("driver-events-kafka"),
        own: &[("driver-events-core", &[]), ("driver-events-kafka", &[])],
        other: TOKIO,
        main: r#"use driver_events_core::{DriverEventSink, Envelope};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = driver_events_kafka::rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", "127.0.0.1:9092");
    let sink = driver_events_kafka::KafkaEventSink::new(config)?;
    sink.send(Envelope::from_json(std::io::read_to_string(std::io::stdin())?)?).await?;
    Ok(sink.close().await?)
}
"#,
    },
    Program {
        name: "rusqlite alone",
        touched: None,
        own: &[],
        other: TOKIO_AND_SQLITE,
        main: r#"#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = rusqlite::Connection::open("events.db")?;
    connection.execute("INSERT INTO events VALUES ('{}')", [])?;
    Ok(())
}
"#,
    },
    Program {
        name: "spool",
        touched: Some("driver-events-spool"),
        own: &[("driver-events-core", &[]), ("driver-events-spool", &[])],
        other: TOKIO,
        main: r#"use driver_events_core::{DriverEventSink, Envelope, NoopEventSink};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = driver_events_spool::SpooledSink::builder("events.db");
    let sink = builder.deliver_to("nothing", NoopEventSink).open().await?;
    sink.send(Envelope::from_json(std::io::read_to_string(std::io::stdin())?)?).await?;
    Ok(sink.close().await?)
}
"#,
    },
    Program {
        name: "front door: nats, kafka, spool",
        touched: Some("driver-events"),
        own: &[("driver-events", &["nats", "kafka", "spool"])],
        other: TOKIO,
        main: r#"use driver_events::{DriverEventSink, Envelope, Options, open_sink};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_default();
    let sink = open_sink(&url, &Options::default()).await?.sink;
    sink.send(Envelope::from_json(std::io::read_to_string(std::io::stdin())?)?).await?;
    Ok(sink.close().await?)
}
"#,
    },
];
