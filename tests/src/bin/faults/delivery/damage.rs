//! The spool file is damaged while no driver runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::compare::Expected;
use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

const EVENTS: u64 = 2_000;
/// Size of SQLite's pages.
const PAGE: u64 = 4_096;
const MAX_FLIPS: u64 = 20;
/// The process ends although the broker is dead.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Bits anywhere behind the first page.
    Bits,
    /// A letter in the JSON of an event.
    Row,
    /// The end of the file is missing.
    Truncated,
}

/// What the damage leaves is delivered, unchanged, and so is everything accepted later.
pub(super) async fn run(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    for damage in [Damage::Bits, Damage::Row, Damage::Truncated] {
        let failures = row.failures.len();
        let mut rig = Rig::start(servers, &[Target::JetStream]).await?;
        rig.settings.pause = Duration::from_millis(1);
        rig.kill_broker(Target::JetStream, row)?;
        rig.start_driver()?;
        rig.wait_accepted(usize::try_from(EVENTS / 2 + random.below(EVENTS))?)
            .await?;
        let close_timeout = std::mem::replace(&mut rig.settings.close_timeout, CLOSE_TIMEOUT);
        rig.kill_driver(row)?;
        // Its close copies the write-ahead log into the file.
        rig.start_driver()?;
        rig.close_driver().await?;
        rig.settings.close_timeout = close_timeout;
        let done = damage.apply(&rig.settings.spool, random)?;
        let damaged = fs::read(&rig.settings.spool)?;
        row.count_fault(Fault::Other);
        rig.expected = Expected {
            first_counted: rig.entries()?,
            is_damaged: true,
        };
        rig.start_driver()?;
        rig.wait_accepted(usize::try_from(EVENTS / 4)?).await?;
        rig.restart_broker(Target::JetStream)?;
        rig.finish(servers, row).await.with_context(|| done.clone())?;
        if row.failures.len() > failures {
            let kept = std::env::temp_dir().join(format!("driver-events-damaged-{}.db", std::process::id()));
            fs::write(&kept, damaged)?;
            row.fail(format!(
                "the failures above are after: {done}; the file is {}",
                kept.display()
            ));
        }
    }
    Ok(())
}

impl Damage {
    /// Damages the file. Returns a description.
    fn apply(self, file: &Path, random: &mut Random) -> Result<String> {
        let mut bytes = fs::read(file)?;
        let length = bytes.len() as u64;
        let done = match self {
            Self::Bits => {
                let mut flips = Vec::new();
                for _ in 0..=random.below(MAX_FLIPS) {
                    let (offset, bit) = (PAGE + random.below(length - PAGE), random.below(8));
                    flip(&mut bytes, offset, bit)?;
                    flips.push((offset, bit));
                }
                format!("bits flipped at {flips:?}")
            }
            Self::Row => {
                let start = usize::try_from(random.below(length / 2))?;
                let key = b"{\"kind\":\"";
                let mut windows = bytes.windows(key.len()).enumerate().skip(start);
                let offset = windows.find(|(_, window)| window == key);
                let (offset, _) = offset.context("the file holds no event")?;
                let offset = (offset + key.len()) as u64;
                flip(&mut bytes, offset, 0)?;
                format!("a letter changed at {offset}")
            }
            Self::Truncated => {
                let kept = PAGE + random.below(length - PAGE);
                bytes.truncate(usize::try_from(kept)?);
                format!("truncated from {length} to {kept} bytes")
            }
        };
        fs::write(file, bytes)?;
        Ok(done)
    }
}

fn flip(bytes: &mut [u8], offset: u64, bit: u64) -> Result<()> {
    let byte = bytes.get_mut(usize::try_from(offset)?);
    *byte.context("the file is too short")? ^= 1 << bit;
    Ok(())
}
