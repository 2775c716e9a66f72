//! The system clock of the driver is stepped, with libfaketime.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::rig::{Rig, Target};
use crate::kafka::Servers;
use crate::random::Random;
use crate::row::{Fault, Row};

const LIBRARIES: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
/// Offsets of the clock, in seconds.
const STEPS: [i32; 4] = [3_600, -86_400, 30_000_000, 0];
const EVENTS: u64 = 300;

/// The clock jumps under load, forwards and backwards, also between two processes.
pub(super) async fn run(servers: &mut Servers, random: &mut Random, row: &mut Row) -> Result<()> {
    let Some(library) = library() else {
        row.skipped = Some("libfaketime is not installed (Debian package `faketime`)".into());
        return Ok(());
    };
    let mut rig = Rig::start(servers, &[Target::JetStream]).await?;
    let clock = rig.path("clock");
    fs::write(&clock, "+0")?;
    rig.environment = [
        ("LD_PRELOAD", library.to_string_lossy()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_string_lossy()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value.into_owned()))
    .into();
    rig.start_driver()?;
    for step in STEPS {
        rig.wait_accepted(usize::try_from(1 + random.below(EVENTS))?).await?;
        // In one call, so that the driver reads no half of it.
        let next = rig.path("clock.next");
        fs::write(&next, format!("{step:+}"))?;
        fs::rename(&next, &clock)?;
        row.count_fault(Fault::Other);
        rig.wait_accepted(usize::try_from(1 + random.below(EVENTS))?).await?;
        rig.kill_driver(row)?;
        rig.start_driver()?;
    }
    rig.finish(servers, row).await
}

/// Returns the library, in the folder of the machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir(LIBRARIES).ok()?;
    let candidates = folders.flatten().map(|folder| folder.path().join(LIBRARY));
    candidates.into_iter().find(|path| path.exists())
}
