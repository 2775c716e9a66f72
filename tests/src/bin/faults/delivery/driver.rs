//! The driver process: a loop that ignores the errors of its sink. The campaign kills it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driver_events_core::{DriverEventSink, Stamped};
use driver_events_kafka::KafkaEventSink;
use driver_events_nats::{JetStreamEventSink, NatsOptions};
use driver_events_spool::{SpoolBuilder, SpooledSink, TargetState};
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::goal_run::RunEvent;
use super::ledger::{Entry, LedgerWriter};

/// First argument of the driver process. The second one is its settings, as JSON.
pub(crate) const DRIVER_ARGUMENT: &str = "delivery-driver";
/// Line on standard input that ends the process in order. Without it, the end of the input does so at once.
pub(super) const CLOSE: &str = "close";

const SOURCE: &str = "urn:example:faults";
/// Short, so that an outage takes several calls.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const HEALTH_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DriverSettings {
    pub(super) spool: PathBuf,
    pub(super) ledger: PathBuf,
    pub(super) jetstream: Option<JetStreamTarget>,
    pub(super) kafka: Option<KafkaTarget>,
    /// Tasks that send runs, each one event at a time.
    pub(super) tasks: u32,
    /// Time between two events of a task.
    pub(super) pause: Duration,
    pub(super) max_bytes: u64,
    pub(super) close_timeout: Duration,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct JetStreamTarget {
    pub(super) server: String,
    pub(super) stream: String,
    /// User and password.
    pub(super) login: Option<(String, String)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KafkaTarget {
    pub(super) config: BTreeMap<String, String>,
    pub(super) topic: String,
}

/// Runs the process until it is killed, or told to close.
pub(crate) fn run(settings: &str) -> Result<()> {
    let settings: DriverSettings = serde_json::from_str(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(drive(settings))
}

async fn drive(settings: DriverSettings) -> Result<()> {
    let ledger = Arc::new(LedgerWriter::open(&settings.ledger)?);
    let (close, mut is_closing) = watch::channel(false);
    std::thread::spawn(move || read_command(&close));
    let spool = Arc::new(builder(&settings).open().await?);
    let sink = Arc::new(Stamped::new(Arc::clone(&spool), SOURCE)?);
    let mut tasks = JoinSet::new();
    for _ in 0..settings.tasks {
        let (sink, ledger, is_closing) = (Arc::clone(&sink), Arc::clone(&ledger), is_closing.clone());
        tasks.spawn(async move { send_runs(&*sink, &ledger, settings.pause, &is_closing).await });
    }
    let reporting = tokio::spawn(report_states(Arc::clone(&spool), Arc::clone(&ledger)));
    is_closing.wait_for(|is_closing| *is_closing).await?;
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let closed = spool.close().await;
    reporting.abort();
    let health = spool.health();
    ledger.append(&Entry::Closed {
        result: closed.map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        dead: health.targets.iter().map(|target| target.dead).sum(),
    })
}

/// Waits for the command to close. Exits at the end of the input: the campaign has ended.
fn read_command(close: &watch::Sender<bool>) {
    let lines = std::io::stdin().lock().lines();
    for line in lines.map_while(Result::ok) {
        if line == CLOSE {
            close.send_replace(true);
        }
    }
    if !*close.borrow() {
        std::process::exit(1);
    }
}

fn builder(settings: &DriverSettings) -> SpoolBuilder {
    let mut builder = SpooledSink::builder(&settings.spool)
        .max_bytes(settings.max_bytes)
        .close_timeout(settings.close_timeout);
    if let Some(target) = settings.jetstream.clone() {
        builder = builder.deliver_to_opened("jetstream", move || {
            let mut options = NatsOptions::new(target.server.as_str())
                .reconnect_delay(Duration::from_millis(1), Duration::from_millis(50))
                .ping_interval(Duration::from_millis(500));
            if let Some((user, password)) = target.login.clone() {
                options = options.user_and_password(user, password);
            }
            let sink = JetStreamEventSink::builder(target.stream.as_str()).options(options);
            sink.retry_timeout(CALL_TIMEOUT).build()
        });
    }
    if let Some(target) = settings.kafka.clone() {
        builder = builder.deliver_to_opened("kafka", move || {
            let mut config = ClientConfig::new();
            for (key, value) in &target.config {
                config.set(key, value);
            }
            config.set("message.timeout.ms", CALL_TIMEOUT.as_millis().to_string());
            let sink = KafkaEventSink::builder(config).topic(target.topic.as_str()).build();
            async move { sink }
        });
    }
    builder
}

/// Sends one run after the other. An error changes nothing but the ledger.
async fn send_runs(
    sink: &dyn DriverEventSink,
    ledger: &LedgerWriter,
    pause: Duration,
    is_closing: &watch::Receiver<bool>,
) -> Result<()> {
    loop {
        for event in RunEvent::new_run() {
            if *is_closing.borrow() {
                return Ok(());
            }
            let entry = match sink.send(event.envelope()?).await {
                Ok(_) => Entry::Accepted(event),
                Err(error) => Entry::Refused(event, format!("{:?}", error.kind())),
            };
            ledger.append(&entry)?;
            sleep(pause).await;
        }
    }
}

/// Writes the state of each target to the ledger, and its last error, when they change.
async fn report_states(spool: Arc<SpooledSink>, ledger: Arc<LedgerWriter>) -> Result<()> {
    let mut states: BTreeMap<String, (TargetState, Option<String>)> = BTreeMap::new();
    loop {
        for target in spool.health().targets {
            let state = (target.state, target.last_error);
            if states.get(&target.name) != Some(&state) {
                ledger.append(&Entry::State {
                    target: target.name.clone(),
                    state: format!("{:?}", state.0),
                    error: state.1.clone().unwrap_or_default().replace('\n', " "),
                })?;
                states.insert(target.name, state);
            }
        }
        sleep(HEALTH_INTERVAL).await;
    }
}
