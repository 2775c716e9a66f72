//! A disk that is full until the broker returns.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::ledger::Entry;
use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

const DISK: &str = "8m";
/// The default of a spool, and far more than the disk has.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
const REFUSED: usize = 300;
const ACCEPTED: usize = 300;
const MAX_KILL_DELAY: Duration = Duration::from_millis(300);

/// A small file system in memory. Unmounted on drop.
#[derive(Debug)]
struct Disk(TempDir);

impl Disk {
    fn mount() -> Result<Self> {
        let folder = TempDir::new()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"]);
        let output = mount.arg(folder.path()).output().context("cannot run mount")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot mount a tmpfs: {}", stderr.trim());
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// Events are refused with `Full`, terminal ones later than others; the driver is killed and starts on the full disk; work
/// resumes once the broker is back.
pub(super) async fn run(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(error) => {
            row.skipped = Some(format!("{error:#}"));
            return Ok(());
        }
    };
    let mut rig = Rig::start(servers, &[Target::JetStream]).await?;
    rig.settings.spool = disk.path().join("events.db");
    rig.settings.max_bytes = MAX_BYTES;
    rig.settings.pause = Duration::from_micros(200);
    rig.kill_broker(Target::JetStream, row)?;
    rig.start_driver()?;
    row.count_fault(Fault::Other);
    let is_refused = |entry: &Entry| matches!(entry, Entry::Refused(..));
    rig.wait_entries(0, REFUSED, "events are refused", is_refused).await?;
    let full = rig.ledger.entries.iter().position(is_refused).unwrap_or_default();
    let micros = u64::try_from(MAX_KILL_DELAY.as_micros())?;
    tokio::time::sleep(Duration::from_micros(random.below(micros))).await;
    rig.kill_driver(row)?;
    rig.start_driver()?;
    let first = rig.entries()?;
    rig.wait_entries(first, REFUSED, "events are refused", is_refused)
        .await?;
    let is_reserved = |entry: &Entry| matches!(entry, Entry::Accepted(event) if event.is_terminal());
    let reserved = rig.ledger.count_from(full, is_reserved);
    row.check(reserved > 0, || {
        "no terminal event was accepted from the reserve".into()
    });
    let first = rig.entries()?;
    rig.restart_broker(Target::JetStream)?;
    let is_accepted = |entry: &Entry| matches!(entry, Entry::Accepted(event) if !event.is_terminal());
    rig.wait_entries(first, ACCEPTED, "events are accepted again", is_accepted)
        .await?;
    rig.finish(servers, row).await
}
