//! The example consumers of the documentation, as processes.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use driver_events_harness::interop::{self, NodeProject};
use driver_events_harness::wait_until;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any successful operation takes.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Go,
    /// NATS only.
    TypeScript,
}

pub(super) const LANGUAGES: [Language; 3] = [Language::Python, Language::Go, Language::TypeScript];
pub(super) const KAFKA_LANGUAGES: [Language; 2] = [Language::Python, Language::Go];

/// A running consumer. Killed on drop.
#[derive(Debug)]
pub(super) struct Consumer {
    process: Child,
    folder: TempDir,
}

pub(super) fn examples() -> PathBuf {
    crate::documents::root().join("docs/consumers")
}

/// A Python with the locked packages of the consumer for `nats` or `kafka`, and with the sources of `driver_events`.
pub(super) fn python(server: &str) -> interop::Python {
    let folder = examples().join("python");
    let python = interop::python(&folder.join(format!("{server}-requirements.txt"))).unwrap();
    python.with_folder(&folder.join("src"))
}

/// The package for TypeScript, with its programs.
pub(super) fn typescript() -> NodeProject {
    interop::node_project(&examples().join("typescript"), Some("programs")).unwrap()
}

impl Language {
    /// Starts the consumer of this language for `nats` or `kafka`. All languages accept the same options.
    pub(super) fn start(self, server: &str, environment: &[(&str, &str)], options: &[&str]) -> Consumer {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| Stdio::from(File::create(folder.path().join(name)).unwrap());
        let process = self
            .command(server)
            .args(options)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Consumer { process, folder }
    }

    fn command(self, server: &str) -> Command {
        match self {
            Self::Python => {
                let script = examples().join(format!("python/examples/{server}_consumer.py"));
                python(server).command(&script)
            }
            Self::Go => Command::new(interop::go_program(&examples().join("go").join(server)).unwrap()),
            Self::TypeScript => typescript().command(&format!("build/{server}_consumer.js")),
        }
    }
}

impl Consumer {
    /// # Panics
    /// If the consumer has exited.
    pub(super) fn assert_runs(&mut self) {
        let status = self.process.try_wait().unwrap();
        assert!(status.is_none(), "the consumer exited: {}", self.stderr());
    }

    /// Number of lines printed so far.
    pub(super) fn printed(&mut self) -> usize {
        self.assert_runs();
        fs::read_to_string(self.folder.path().join("stdout"))
            .unwrap()
            .lines()
            .count()
    }

    /// Sends SIGTERM, as an orchestrator does.
    pub(super) fn terminate(&self) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the consumer exits, and returns the printed lines.
    pub(super) async fn lines(mut self) -> Vec<String> {
        wait_until("the consumer exits", TIMEOUT, async || {
            self.process.try_wait().unwrap().is_some()
        })
        .await;
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.stderr());
        let printed = fs::read_to_string(self.folder.path().join("stdout")).unwrap();
        printed.lines().map(String::from).collect()
    }

    /// Waits until the consumer exits, and returns the printed lines, parsed as JSON.
    pub(super) async fn messages(self) -> Vec<Value> {
        let lines = self.lines().await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the consumer logged: {}", self.stderr());
        }
        // Fails if the consumer has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
