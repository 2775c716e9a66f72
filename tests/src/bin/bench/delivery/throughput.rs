//! Events per second into the spool.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::DriverEventSink;
use driver_events_spool::Durability;
use tokio::task::JoinSet;

use super::raw_store::RawStore;
use super::spools::{new_file, with_dead_target};
use crate::Failure;
use crate::events::envelopes;
use crate::report::{Report, Row};
use crate::rounds::timed;
use crate::runtimes::many_threads;

const EVENTS: usize = 44 * 1_000;
const TASKS: usize = 64;

pub(super) fn run(report: &Report, folder: &Path) -> Result<(), Failure> {
    report.ratios(&format!(
        "Into the file, {EVENTS} events, target dead, per event; ratio of speeds, more is better"
    ));
    report.compare(
        Row::speed("64 tasks, process / SQLite, batches of 64", EVENTS).target(0.8),
        || spooled(folder),
        |_| raw(folder),
    )
}

fn spooled(folder: &Path) -> Result<Duration, Failure> {
    let path = new_file(folder);
    let runtime = many_threads()?;
    let spool = Arc::new(runtime.block_on(with_dead_target(&path, Durability::Process))?);
    let mut envelopes = envelopes(EVENTS)?;
    let time = timed(|| {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                let own = envelopes.split_off(envelopes.len() - EVENTS / TASKS);
                let spool = Arc::clone(&spool);
                tasks.spawn(async move {
                    for envelope in own {
                        spool.send(envelope).await?;
                    }
                    Ok::<_, Failure>(())
                });
            }
            while let Some(sent) = tasks.join_next().await {
                sent??;
            }
            Ok(())
        })
    });
    // What is not delivered is no failure here.
    let _ = runtime.block_on(spool.close());
    std::fs::remove_file(&path)?;
    time
}

fn raw(folder: &Path) -> Result<Duration, Failure> {
    let path = new_file(folder);
    let mut store = RawStore::create(&path, "NORMAL")?;
    let envelopes = envelopes(EVENTS)?;
    let time = timed(|| envelopes.chunks(64).try_for_each(|batch| store.insert(batch)));
    drop(store);
    std::fs::remove_file(&path)?;
    time
}
