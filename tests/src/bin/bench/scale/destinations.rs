use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use driver_events_core::{DriverEventSink, Envelope, NoopEventSink};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, NatsConfig, NatsServer};
use driver_events_kafka::KafkaEventSink;
use driver_events_nats::{JetStreamEventSink, NatsEventSink, StreamSettings, ensure_stream};
use driver_events_spool::{Durability, SpooledSink};
use driver_events_stdout::WriterEventSink;
use rdkafka::ClientConfig;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::runtimes::many_threads;
use crate::{Failure, cpu_time};

const STREAM: &str = "SCALE";
const TOPIC: &str = "scale";
const PARTITIONS: i32 = 4;

/// A sink with its real server or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// A writer that discards the lines.
    Writer,
    Nats,
    JetStream,
    Kafka,
    /// A file whose only target discards the events.
    Spool,
}

impl Destination {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer, CloudEvents",
            Self::Nats => "NATS",
            Self::JetStream => "JetStream",
            Self::Kafka => "Kafka",
            Self::Spool => "spool, process",
        }
    }
}

/// The servers and the folder.
pub(super) struct Destinations {
    pub(super) runtime: Runtime,
    folder: TempDir,
    nats: NatsServer,
    kafka: KafkaBroker,
}

impl Destinations {
    pub(super) fn start() -> Result<Self, Failure> {
        let destinations = Self {
            runtime: many_threads()?,
            folder: tempfile::tempdir()?,
            nats: NatsServer::start(NatsConfig::new().jetstream())?,
            kafka: KafkaBroker::start(KafkaConfig::new())?,
        };
        let admin = destinations.kafka.admin();
        admin.create_topic(TOPIC, PARTITIONS, 1, &[])?;
        Ok(destinations)
    }

    /// Opens a sink, and an empty file or stream.
    pub(super) fn open(&self, destination: Destination) -> Result<Arc<dyn DriverEventSink>, Failure> {
        self.runtime.block_on(async {
            Ok::<Arc<dyn DriverEventSink>, Failure>(match destination {
                Destination::Writer => {
                    let writer = WriterEventSink::builder().format(driver_events_stdout::Format::CloudEvents);
                    Arc::new(writer.build(io::sink()))
                }
                Destination::Nats => {
                    let client = async_nats::connect(self.nats.client_url()).await?;
                    Arc::new(NatsEventSink::new(client))
                }
                Destination::JetStream => {
                    let client = async_nats::connect(self.nats.client_url()).await?;
                    ensure_stream(&client, &StreamSettings::new(STREAM)).await?;
                    let stream = jetstream::new(client.clone()).get_stream(STREAM).await?;
                    stream.purge().await?;
                    Arc::new(JetStreamEventSink::new(client, STREAM).await?)
                }
                Destination::Kafka => {
                    let mut config = ClientConfig::new();
                    config.set("bootstrap.servers", self.kafka.bootstrap_servers(KafkaListener::Plain)?);
                    Arc::new(KafkaEventSink::builder(config).topic(TOPIC).build()?)
                }
                Destination::Spool => {
                    let file = tempfile::Builder::new().suffix(".db").tempfile_in(&self.folder)?;
                    let path = file.into_temp_path();
                    let builder = SpooledSink::builder(path.to_path_buf()).durability(Durability::Process);
                    path.close()?;
                    Arc::new(builder.deliver_to("nothing", NoopEventSink).open().await?)
                }
            })
        })
    }

    /// Returns the CPU time that the broker has used since it started, in steps of 10 ms.
    pub(super) fn cpu_time(&self, destination: Destination) -> Result<Duration, Failure> {
        let id = match destination {
            Destination::Kafka => self.kafka.process_id(),
            _ => self.nats.process_id(),
        };
        cpu_time::of_process(id.ok_or("the broker does not run")?)
    }

    /// Returns the size of an event in the stream, with its headers.
    pub(super) fn stored_bytes_per_event(&self) -> Result<u64, Failure> {
        self.runtime.block_on(async {
            let client = async_nats::connect(self.nats.client_url()).await?;
            let mut stream = jetstream::new(client).get_stream(STREAM).await?;
            let state = &stream.info().await?.state;
            Ok(state.bytes / state.messages.max(1))
        })
    }

    /// Sends one batch and waits for its results.
    pub(super) fn send(&self, sink: &dyn DriverEventSink, envelopes: Vec<Envelope>) -> Result<(), Failure> {
        self.runtime.block_on(async {
            for result in sink.send_batch(envelopes).await {
                result?;
            }
            Ok(())
        })
    }

    /// Sends each part from a task of its own, which awaits each receipt, and flushes.
    pub(super) fn send_in_tasks(
        &self,
        sink: &Arc<dyn DriverEventSink>,
        parts: Vec<Vec<Envelope>>,
    ) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for part in parts {
                let sink = Arc::clone(sink);
                running.spawn(async move {
                    for envelope in part {
                        sink.send(envelope).await?;
                    }
                    Ok::<_, Failure>(())
                });
            }
            while let Some(sent) = running.join_next().await {
                sent??;
            }
            Ok(sink.flush().await?)
        })
    }
}
