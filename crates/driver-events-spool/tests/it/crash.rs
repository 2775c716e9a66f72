//! A process that is killed at random moments.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use async_trait::async_trait;
use driver_events_core::{DriverEventSink, Envelope, Guarantee, MemoryEventSink, Receipt, SinkError, SinkErrorKind};
use driver_events_types::DriverEvent;

use crate::support::{Directory, Switch, builder, event, send_all};

/// Tells the child its directory and its first number.
const DIRECTORY: &str = "SPOOL_TEST_DIRECTORY";
const FIRST: &str = "SPOOL_TEST_FIRST";

const GOALS: u32 = 5;

/// Appends the number of each event to a file, as a broker stores it.
#[derive(Debug)]
struct Log(Mutex<std::fs::File>);

#[async_trait]
impl DriverEventSink for Log {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        let line = format!("{}\n", number_of(&envelope));
        let written = self.0.lock().unwrap().write_all(line.as_bytes());
        written.map_err(|error| SinkError::new(SinkErrorKind::Disconnected, "log").with_source(error))?;
        Ok(Receipt::Written)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Written
    }
}

fn number_of(envelope: &Envelope) -> u32 {
    match envelope.event() {
        Some(DriverEvent::AttemptStarted { turn_index, .. }) => *turn_index,
        _ => panic!("unexpected event {envelope:?}"),
    }
}

/// Sends numbered events, and prints the number of each that is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child process of the test below"]
async fn child() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join("log"))
        .unwrap();
    let spool = builder(directory.join("events.db"))
        .deliver_to("dead", Switch::failing(SinkErrorKind::Disconnected))
        .deliver_to("log", Log(Mutex::new(log)));
    let spool = spool.open().await.unwrap();
    for number in first.. {
        send_all(&spool, &[event(number % GOALS, number)]).await;
        println!("accepted {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_process_loses_no_accepted_event() {
    let directory = Directory::new();
    let mut accepted = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FIRST, accepted.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stop = round * round * 7 + 1;
        let mut count = 0;
        while count < stop {
            let line = lines.next().expect("the child runs").unwrap();
            if let Some((_, number)) = line.split_once("accepted ") {
                accepted = number.parse::<u32>().unwrap() + 1;
                count += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line
                .split_once("accepted ")
                .and_then(|(_, number)| number.parse::<u32>().ok())
            {
                accepted = number + 1;
            }
        }
    }

    let (dead, rest) = (MemoryEventSink::new(), MemoryEventSink::new());
    let spool = builder(directory.file())
        .deliver_to("dead", dead.clone())
        .deliver_to("log", rest.clone());
    let spool = spool.open().await.unwrap();
    assert!(spool.health().set_aside.is_empty());
    spool.close().await.unwrap();

    // An event whose process was killed before it could say so may be there too: the next process numbers from there again.
    let numbers: Vec<_> = dead.envelopes().iter().map(number_of).collect();
    let mut log: Vec<u32> = std::fs::read_to_string(directory.path().join("log"))
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    log.extend(rest.envelopes().iter().map(number_of));
    for found in [numbers, log] {
        for goal in 0..GOALS {
            let mut first_copies = Vec::new();
            for number in found.iter().filter(|number| *number % GOALS == goal) {
                if !first_copies.contains(number) {
                    first_copies.push(*number);
                }
            }
            let expected: Vec<_> = (0..accepted).filter(|number| number % GOALS == goal).collect();
            assert_eq!(first_copies[..expected.len()], expected);
            assert!(first_copies.len() <= expected.len() + 1);
        }
    }
}
