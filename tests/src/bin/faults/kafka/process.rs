//! A member of a consumer group in its own process, so that it can be killed.

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

/// Main loop of the process: prints each event as a line and then acks it. Runs until the process is killed.
pub(crate) async fn read_as_process(bootstrap_servers: &str, topic: &str) -> Result<()> {
    let mut source = source(&config(bootstrap_servers), topic).await?;
    let mut output = std::io::stdout();
    while let Some(delivery) = source.next().await {
        // The source recovers from errors.
        let Ok(delivery) = delivery else {
            continue;
        };
        let Event { goal, number } = event(&delivery)?;
        writeln!(output, "{goal} {number}")?;
        output.flush()?;
        // The line is printed, whether the ack succeeds or not.
        let _ = delivery.ack().await;
    }
    Ok(())
}

/// A reader process, and the thread that records its output.
#[derive(Debug)]
pub(super) struct ReaderProcess {
    child: Child,
    output_thread: Option<JoinHandle<Result<()>>>,
}

impl ReaderProcess {
    pub(super) fn start(bootstrap_servers: &str, topic: &str, ledger: &Arc<Ledger>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["kafka", "--read", bootstrap_servers, topic]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the reader has no output")?;
        let ledger = Arc::clone(ledger);
        let output_thread = thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let line = String::from_utf8(line?)?;
                let numbers = line.split_once(' ').context("unexpected output of the reader")?;
                // The last line of a killed process may be incomplete.
                let (Ok(goal), Ok(number)) = (numbers.0.parse(), numbers.1.parse()) else {
                    continue;
                };
                ledger.record_ack(Event { goal, number });
            }
            Ok(())
        });
        Ok(Self {
            child,
            output_thread: Some(output_thread),
        })
    }

    /// Kills the process with SIGKILL, and records the rest of its output.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        match self.output_thread.take().map(JoinHandle::join) {
            Some(Ok(recorded)) => recorded,
            _ => anyhow::bail!("cannot read the output of the reader"),
        }
    }
}

impl Drop for ReaderProcess {
    fn drop(&mut self) {
        // Errors cannot be reported from drop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
