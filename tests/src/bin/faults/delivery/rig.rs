//! A driver process, its spool and its brokers.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::brokers::{Kafka, Nats};
use super::compare::{Expected, Faults, check};
use super::driver::DriverSettings;
use super::ledger::{Entry, Ledger};
use super::process::DriverProcess;
use super::read_back::{kafka_topic, stream};
use crate::fault_timer::STEP_TIMEOUT;
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

/// Enough for the longest outage. The write-ahead log is copied into the database at a sixteenth of it.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
pub(super) const TASKS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(3);
/// Less than the limit of a step.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(50);

/// Time between two looks at the file: short against a checkpoint.
const SPIN: Duration = Duration::from_micros(200);

#[derive(Debug)]
pub(super) struct Rig {
    directory: TempDir,
    pub(super) settings: DriverSettings,
    /// Environment variables of the driver.
    pub(super) environment: Vec<(String, String)>,
    pub(super) ledger: Ledger,
    pub(super) nats: Option<Nats>,
    pub(super) kafka: Option<Kafka>,
    pub(super) expected: Expected,
    driver: Option<DriverProcess>,
    /// Kills of the driver, and of a broker.
    kills: u64,
}

/// A broker of the rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    JetStream,
    Kafka,
}

impl Rig {
    pub(super) async fn start(servers: &mut Servers, targets: &[Target]) -> Result<Self> {
        let nats = match targets.contains(&Target::JetStream) {
            true => Some(Nats::start().await?),
            false => None,
        };
        let kafka = match targets.contains(&Target::Kafka) {
            true => Some(Kafka::start(servers).await?),
            false => None,
        };
        let directory = TempDir::new()?;
        let ledger = directory.path().join("ledger");
        let settings = DriverSettings {
            spool: directory.path().join("events.db"),
            ledger: ledger.clone(),
            jetstream: nats.as_ref().map(Nats::target),
            kafka: kafka.as_ref().map(Kafka::target).transpose()?,
            tasks: TASKS,
            pause: PAUSE,
            max_bytes: MAX_BYTES,
            close_timeout: CLOSE_TIMEOUT,
        };
        Ok(Self {
            directory,
            settings,
            environment: Vec::new(),
            ledger: Ledger::new(ledger),
            nats,
            kafka,
            expected: Expected::default(),
            driver: None,
            kills: 0,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn nats(&mut self) -> Result<&mut Nats> {
        self.nats.as_mut().context("the scenario has no JetStream")
    }

    pub(super) fn kafka(&mut self) -> Result<&mut Kafka> {
        self.kafka.as_mut().context("the scenario has no Kafka")
    }

    /// Grants or revokes the driver's permission to publish.
    pub(super) fn set_permission(&mut self, target: Target, may_publish: bool) -> Result<()> {
        match target {
            Target::JetStream => self.nats()?.set_permission(may_publish),
            Target::Kafka => self.kafka()?.set_permission(may_publish),
        }
    }

    pub(super) fn start_driver(&mut self) -> Result<()> {
        let log = self.path("driver.log");
        self.driver = Some(DriverProcess::start(&self.settings, &log, &self.environment)?);
        Ok(())
    }

    pub(super) fn kill_driver(&mut self, row: &mut Row) -> Result<()> {
        let driver = self.driver.take().context("the driver does not run")?;
        driver.kill().with_context(|| self.driver_log())?;
        row.driver_kills += 1;
        self.kills += 1;
        Ok(())
    }

    /// Lets the driver close its sink and end, and checks the result.
    pub(super) async fn close_driver(&mut self) -> Result<()> {
        let driver = self.driver.take().context("the driver does not run")?;
        driver.close().await.with_context(|| self.driver_log())?;
        self.ledger.update()
    }

    /// Kills the driver at a random moment within `max_delay`: of its start, or of its load.
    pub(super) async fn kill_driver_at_random(
        &mut self,
        random: &mut Random,
        max_delay: Duration,
        row: &mut Row,
    ) -> Result<()> {
        if random.below(4) > 0 {
            self.wait_accepted(1).await?;
        }
        let micros = u64::try_from(max_delay.as_micros())?;
        tokio::time::sleep(Duration::from_micros(random.below(micros))).await;
        self.kill_driver(row)
    }

    /// Kills the driver while it copies the write-ahead log into the database.
    pub(super) fn kill_driver_in_checkpoint(&mut self, row: &mut Row) -> Result<()> {
        let modified = |spool: &Path| fs::metadata(spool).and_then(|metadata| metadata.modified()).ok();
        let wait = |spool: &Path| {
            let start = Instant::now();
            let created = loop {
                match modified(spool) {
                    Some(created) => break created,
                    None => thread::sleep(SPIN),
                }
                ensure!(start.elapsed() < STEP_TIMEOUT, "there is no spool file");
            };
            while modified(spool) == Some(created) {
                ensure!(start.elapsed() < STEP_TIMEOUT, "no checkpoint");
                thread::sleep(SPIN);
            }
            Ok(())
        };
        block_in_place(|| wait(&self.settings.spool)).with_context(|| self.driver_log())?;
        self.kill_driver(row)
    }

    pub(super) fn kill_broker(&mut self, target: Target, row: &mut Row) -> Result<()> {
        block_in_place(|| match target {
            Target::JetStream => self.nats()?.server.kill(),
            Target::Kafka => self.kafka()?.broker.kafka.kill(),
        })?;
        row.count_fault(Fault::Kill);
        self.kills += 1;
        Ok(())
    }

    pub(super) fn restart_broker(&mut self, target: Target) -> Result<()> {
        block_in_place(|| match target {
            Target::JetStream => self.nats()?.server.restart(),
            Target::Kafka => self.kafka()?.broker.kafka.restart(),
        })
    }

    /// Lets a last driver deliver everything, and compares the ledger with what the brokers hold.
    pub(super) async fn finish(mut self, servers: &mut Servers, row: &mut Row) -> Result<()> {
        if self.driver.is_none() {
            self.settings.tasks = 0;
            self.settings.close_timeout = CLOSE_TIMEOUT;
            self.start_driver()?;
        }
        self.close_driver().await?;
        self.ledger.update()?;
        let faults = Faults {
            kills: self.kills,
            set_aside: self.set_aside()?.iter().map(fs::read).collect::<Result<_, _>>()?,
            databases: self.set_aside()?.iter().filter(|path| is_database(path)).count() as u64,
            expected: self.expected,
        };
        row.set_aside += faults.databases;
        row.add_ledger(&self.ledger);
        if let Some(nats) = self.nats.take() {
            let stored = stream(&nats.client().await?, row).await?;
            let found = check(&self.ledger, &stored, Target::JetStream, &faults, row)?;
            row.stored_jetstream += found;
        }
        if let Some(kafka) = self.kafka.take() {
            let stored = block_in_place(|| kafka_topic(&kafka.config()?, &kafka.topic, row))?;
            let found = check(&self.ledger, &stored, Target::Kafka, &faults, row)?;
            row.stored_kafka += found;
            servers.put_back_broker(kafka.broker);
        }
        Ok(())
    }

    /// Returns the damaged files that were set aside, and their logs.
    fn set_aside(&self) -> Result<Vec<PathBuf>> {
        let folder = self.settings.spool.parent().context("the spool has a folder")?;
        let paths = fs::read_dir(folder)?.flatten().map(|file| file.path());
        Ok(paths
            .filter(|path| path.to_string_lossy().contains(".corrupt-"))
            .collect())
    }

    /// Returns what the driver said last, for an error.
    pub(super) fn driver_log(&self) -> String {
        let log = fs::read_to_string(self.path("driver.log")).unwrap_or_default();
        let end: Vec<_> = log.lines().rev().take(5).collect();
        let entries = self.ledger.entries.iter().rev();
        let states: Vec<_> = entries
            .filter(|entry| matches!(entry, Entry::State { .. }))
            .take(3)
            .collect();
        format!("the driver process, latest first: {end:?}, {states:?}")
    }
}

fn is_database(path: &Path) -> bool {
    let path = path.to_string_lossy();
    !path.ends_with("-wal") && !path.ends_with("-shm")
}
