//! The consumers of the documentation, as processes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driver_events_harness::{NatsServer, wait_until, witness};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything takes that works.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(super) enum Language {
    Python,
    Go,
}

pub(super) const LANGUAGES: [Language; 2] = [Language::Python, Language::Go];

/// A consumer that runs, and is ended with this value.
#[derive(Debug)]
pub(super) struct Consumer {
    process: Child,
    folder: TempDir,
}

fn examples() -> PathBuf {
    crate::documents::root().join("docs/examples/nats")
}

impl Language {
    /// Starts the consumer of this language. Options are written in the same way for all.
    pub(super) fn start(self, url: &str, options: &[&str]) -> Consumer {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| Stdio::from(File::create(folder.path().join(name)).unwrap());
        let process = self
            .command()
            .args(options)
            .env("NATS_URL", url)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Consumer { process, folder }
    }

    fn command(self) -> Command {
        match self {
            Self::Python => {
                let python = witness::python(&examples().join("requirements.txt")).unwrap();
                python.command(&examples().join("consumer.py"))
            }
            Self::Go => Command::new(witness::go_program(&examples()).unwrap()),
        }
    }
}

impl Consumer {
    /// Waits until the server has its subscription.
    pub(super) async fn subscribed(&mut self, server: &NatsServer, subject: &str) {
        wait_until(&format!("somebody listens to {subject}"), PATIENCE, async || {
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "the consumer ended: {}",
                self.said()
            );
            let page = server.monitoring("/connz?subs=1").unwrap();
            let mut connections = page["connections"].as_array().unwrap().iter();
            connections.any(|connection| {
                let subscriptions = connection["subscriptions_list"].as_array();
                subscriptions.is_some_and(|subscriptions| subscriptions.iter().any(|each| each == subject))
            })
        })
        .await;
    }

    /// Waits until it ends by itself, and returns the lines that it printed.
    pub(super) async fn lines(mut self) -> Vec<String> {
        wait_until("the consumer has read all", PATIENCE, async || {
            self.process.try_wait().unwrap().is_some()
        })
        .await;
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said());
        let printed = fs::read_to_string(self.folder.path().join("stdout")).unwrap();
        printed.lines().map(String::from).collect()
    }

    /// The same, each line as the JSON that it is.
    pub(super) async fn messages(self) -> Vec<Value> {
        let lines = self.lines().await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What it said of troubles.
    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the consumer said: {}", self.said());
        }
        // One that has ended already cannot be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
