use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine: what is not there by then never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const GOAL_RUN: &str = include_str!("../../demo/goal-run.ndjson");

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../driver-events-types/tests/fixtures")
        .join(name)
}

/// An `escalate` event whose reason is `reason`.
pub(crate) fn escalate(reason: &str) -> String {
    format!(r#"{{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"{reason}"}}"#)
}

/// The same as a CloudEvent with this id and number.
pub(crate) fn numbered(id: &str, sequence: u64) -> String {
    format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{}","source":"urn:test","type":"agent.driver.escalate","#,
            r#""sequence":"{:020}","producerrun":"run-1","data":{}}}"#
        ),
        id,
        sequence,
        escalate(id)
    )
}

/// The lines of each goal, in their order.
pub(crate) fn by_goal(text: &str) -> HashMap<String, Vec<&str>> {
    let mut goals: HashMap<String, Vec<&str>> = HashMap::new();
    for line in text.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let goal = ["goal_id", "id"]
            .iter()
            .find_map(|name| find(&event, name))
            .unwrap_or_default();
        goals.entry(goal).or_default().push(line);
    }
    goals
}

fn find(event: &serde_json::Value, name: &str) -> Option<String> {
    let member = event.get(name).and_then(|value| value.as_str());
    member
        .map(String::from)
        .or_else(|| event.as_object()?.values().find_map(|value| find(value, name)))
}

pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driver-events"));
    command.args(arguments).env_remove("NO_COLOR");
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"NATS_") || bytes.starts_with(b"KAFKA_") {
            command.env_remove(name);
        }
    }
    command
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Runs the command to its end, with `stdin` as its standard input.
pub(crate) fn run_with<S: AsRef<OsStr>>(stdin: &[u8], arguments: impl IntoIterator<Item = S>) -> Ended {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A command that does not read its input ends all the same.
    let feeding = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    Ended {
        code: output.status.code().expect("no signal ended it"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    run_with(b"", arguments)
}

/// A command that is still running, to be talked with line by line.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut child = command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: lines_of(child.stdout.take().unwrap()),
            stderr: lines_of(child.stderr.take().unwrap()),
            child,
        }
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Closes its standard input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next line of standard output, without its ending.
    pub(crate) fn printed_line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// The same, where there is one already.
    pub(crate) fn printed_line_if_any(&self) -> Option<String> {
        self.stdout.try_recv().ok()
    }

    /// The next line of standard error, without its ending.
    pub(crate) fn told_line(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("a line on standard error")
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; standard input stays open. What was not read yet is in the answer.
    pub(crate) fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it did not end");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let all = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect::<String>();
        Ended {
            code: status.code().expect("no signal ended it"),
            stdout: all(&self.stdout).into_bytes(),
            stderr: all(&self.stderr),
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}
