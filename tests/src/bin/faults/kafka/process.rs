//! A member of a consumer group that is a process of its own, so that it can be killed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use driver_events_core::DriverEventSource;

use super::group::{Ledger, source};
use super::servers::config;
use super::topic::event;
use crate::event::Event;

/// What such a process does: it writes each event as a line, which is its work, and answers for it then. It never ends by
/// itself.
pub(crate) async fn read_as_process(bootstrap_servers: &str, topic: &str) -> Result<()> {
    let mut source = source(&config(bootstrap_servers), topic).await?;
    let mut output = std::io::stdout();
    while let Some(delivery) = source.next().await {
        // Whatever cannot be read now comes later.
        let Ok(delivery) = delivery else {
            continue;
        };
        let Event { goal, number } = event(&delivery)?;
        writeln!(output, "{goal} {number}")?;
        output.flush()?;
        // Taken or not: the line is there.
        let _ = delivery.ack().await;
    }
    Ok(())
}

/// Such a process, and who takes note of its lines.
#[derive(Debug)]
pub(super) struct ReaderProcess {
    child: Child,
    notes: Option<JoinHandle<Result<()>>>,
}

impl ReaderProcess {
    pub(super) fn start(bootstrap_servers: &str, topic: &str, ledger: &Arc<Ledger>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kafka", "--read", bootstrap_servers, topic]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the reader has no output")?;
        let ledger = Arc::clone(ledger);
        let notes = thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let line = String::from_utf8(line?)?;
                let numbers = line.split_once(' ').context("the reader wrote something else")?;
                // The last line of one that was killed may have no end.
                let (Ok(goal), Ok(number)) = (numbers.0.parse(), numbers.1.parse()) else {
                    continue;
                };
                ledger.done(Event { goal, number });
            }
            Ok(())
        });
        Ok(Self {
            child,
            notes: Some(notes),
        })
    }

    /// Kills it as `kill -9` does, and takes note of what it had written.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        match self.notes.take().map(JoinHandle::join) {
            Some(Ok(noted)) => noted,
            _ => anyhow::bail!("the reader's lines were not read to the end"),
        }
    }
}

impl Drop for ReaderProcess {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
