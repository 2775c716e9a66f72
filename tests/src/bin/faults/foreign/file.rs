//! Lines of a file.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use driver_events_core::{DriverEventSource, NdjsonSource, Position};
use tokio::fs::File;
use tokio::io::BufReader;
use tokio::time::timeout;

use super::Size;
use super::hostile::Generator;
use super::ledger::{Expected, Ledger};
use crate::fault_timer::STEP_TIMEOUT;
use crate::memory;
use crate::random::Random;
use crate::row::Row;

pub(super) async fn run(random: &mut Random, size: Size, row: &mut Row) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    let name: Arc<str> = file.path().to_string_lossy().into();
    let mut generator = Generator::new(random, 0);
    let mut ledger = Ledger::default();
    let mut offset = 0;
    for line in 1..=size.messages as u64 {
        let (mut value, expected) = match generator.random.below(20) {
            0 => (b" \t ".to_vec(), Expected::Nothing),
            _ => generator.value(),
        };
        // One line, whatever the bytes.
        value
            .iter_mut()
            .filter(|byte| **byte == b'\n')
            .for_each(|byte| *byte = b'\x0b');
        let expected = if value.is_empty() { Expected::Nothing } else { expected };
        value.extend_from_slice(if generator.random.below(2) == 0 { b"\n" } else { b"\r\n" });
        let position = Position::Line {
            name: Arc::clone(&name),
            line,
            offset,
        };
        offset += value.len() as u64;
        ledger.publish(position, expected);
        file.write_all(&value)?;
    }
    let memory = memory::resident();
    let reader = BufReader::new(File::open(file.path()).await?);
    let mut source = NdjsonSource::new(name, reader);
    while let Some(delivery) = timeout(STEP_TIMEOUT, source.next()).await.context("the source waits")? {
        ledger.deliver(&delivery?);
    }
    ledger.add_to(row);
    row.check_memory(memory);
    Ok(())
}
