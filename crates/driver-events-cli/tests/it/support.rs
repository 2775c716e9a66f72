use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use driver_events_harness::poll_for_blocking;

/// Timeout of one step of a test, longer than any step takes on a busy machine.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout of a process that a test talks to in several steps.
const SESSION_TIMEOUT: Duration = Duration::from_secs(300);

pub(crate) const GOAL_RUN: &str = include_str!("../../demo/goal-run.ndjson");

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../driver-events-types/tests/fixtures")
        .join(name)
}

/// Returns an `escalate` event with this reason.
pub(crate) fn escalate(reason: &str) -> String {
    format!(r#"{{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"{reason}"}}"#)
}

/// Returns an `escalate` CloudEvent with this id and sequence number.
pub(crate) fn sequenced(id: &str, sequence: u64) -> String {
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

/// Groups the lines by goal, in order.
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

/// Returns a command without the caller's credentials: standard input is empty, the output is captured.
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
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Child process that is killed when its timeout expires and when it is dropped.
pub(crate) struct Process {
    child: Arc<Mutex<Child>>,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
    timeout: Duration,
    /// Ends the watchdog thread when dropped.
    _watchdog: Sender<()>,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command, timeout: Duration) -> Self {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let (watchdog, is_dropped) = channel::<()>();
        thread::spawn({
            let child = Arc::clone(&child);
            move || {
                if is_dropped.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                    kill(&mut child.lock().unwrap());
                }
            }
        });
        Self {
            child,
            stdin,
            stdout,
            stderr,
            timeout,
            _watchdog: watchdog,
        }
    }

    /// Returns the exit code, or `None` while the process is running.
    pub(crate) fn try_wait(&self) -> Option<i32> {
        let status = self.child.lock().unwrap().try_wait().unwrap();
        status.map(|status| self.exit_code(status))
    }

    /// Waits for the end of the process and returns its exit code.
    pub(crate) fn wait(&self) -> i32 {
        // The watchdog kills the process at the timeout.
        poll_for_blocking(2 * self.timeout, || self.try_wait()).expect("the process ends")
    }

    fn exit_code(&self, status: ExitStatus) -> i32 {
        let killed = || panic!("{status}, or killed after the timeout of {:?}", self.timeout);
        status.code().unwrap_or_else(killed)
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.lock().unwrap().id().to_string();
        let mut kill = Command::new("kill");
        assert_eq!(Process::spawn(kill.args([signal, &pid]), TEST_TIMEOUT).wait(), 0);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(&mut self.child.lock().unwrap());
    }
}

/// Kills the process, and on Unix the processes that it started.
fn kill(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    #[cfg(unix)]
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{}", child.id())])
        .status();
    // Fails if the process has exited.
    let _ = child.kill();
    let _ = child.wait();
}

/// Exit code and output of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    fn new(code: i32, stdout: Vec<u8>, stderr: String) -> Self {
        assert_causes_once(&stderr);
        Self { code, stdout, stderr }
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Checks that no error or warning repeats a cause.
fn assert_causes_once(stderr: &str) {
    for line in stderr.lines() {
        if !line.starts_with("error: ") && !line.starts_with("warning: ") {
            continue;
        }
        let mut causes: Vec<&str> = line.split(": ").collect();
        let count = causes.len();
        causes.sort_unstable();
        causes.dedup();
        assert_eq!(causes.len(), count, "repeated cause: {line}");
    }
}

/// Runs the command to its end and returns what it wrote to pipes.
pub(crate) fn finish(command: &mut Command) -> Ended {
    finish_with(b"", command)
}

/// Runs the command to its end. `stdin` is written if standard input is a pipe.
pub(crate) fn finish_with(stdin: &[u8], command: &mut Command) -> Ended {
    let mut process = Process::spawn(command, TEST_TIMEOUT);
    if let Some(mut pipe) = process.stdin.take() {
        let stdin = stdin.to_vec();
        // Fails if the command exits before it has read its input.
        thread::spawn(move || drop(pipe.write_all(&stdin)));
    }
    let stdout = process.stdout.take().map(contents);
    let stderr = process.stderr.take().map(contents);
    let code = process.wait();
    let received = |pipe: Option<Receiver<Vec<u8>>>| match pipe {
        Some(pipe) => pipe.recv_timeout(TEST_TIMEOUT).expect("the pipe must be closed"),
        None => Vec::new(),
    };
    Ended::new(code, received(stdout), String::from_utf8(received(stderr)).unwrap())
}

/// Reads the pipe to its end on a thread.
fn contents(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut contents = Vec::new();
        pipe.read_to_end(&mut contents).unwrap();
        // Fails if the test has ended.
        let _ = sender.send(contents);
    });
    receiver
}

/// Runs `driver-events` to its end with `stdin` as standard input.
pub(crate) fn run_with<S: AsRef<OsStr>>(stdin: &[u8], arguments: impl IntoIterator<Item = S>) -> Ended {
    finish_with(stdin, command(arguments).stdin(Stdio::piped()))
}

/// Runs `driver-events` to its end without input.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    finish(&mut command(arguments))
}

/// Running command that is written to and read from line by line.
pub(crate) struct Running {
    process: Process,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut process = Process::spawn(command(arguments).stdin(Stdio::piped()), SESSION_TIMEOUT);
        Self {
            stdout: lines(process.stdout.take().unwrap()),
            stderr: lines(process.stderr.take().unwrap()),
            process,
        }
    }

    /// Writes to standard input. A command that has ended reads nothing: the test looks at its end.
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.process.stdin.as_mut().unwrap();
        match stdin.write_all(text.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            result => result.unwrap(),
        }
    }

    pub(crate) fn close_stdin(&mut self) {
        self.process.stdin = None;
    }

    /// Returns the next line of standard output, without its ending.
    pub(crate) fn stdout_line(&self) -> String {
        self.stdout
            .recv_timeout(TEST_TIMEOUT)
            .expect("a line on standard output")
    }

    /// Returns the next line of standard output if there is one already.
    pub(crate) fn try_stdout_line(&self) -> Option<String> {
        self.stdout.try_recv().ok()
    }

    /// Returns the next line of standard error, without its ending.
    pub(crate) fn stderr_line(&self) -> String {
        let line = self.stderr.recv_timeout(TEST_TIMEOUT);
        let line = line.expect("a line on standard error");
        assert_causes_once(&line);
        line
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits for the end, at most [`TEST_TIMEOUT`], with standard input still open. Returns the lines not read yet.
    pub(crate) fn wait(self) -> Ended {
        let code = poll_for_blocking(TEST_TIMEOUT, || self.process.try_wait()).expect("the command must exit");
        let rest = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect::<String>();
        Ended::new(code, rest(&self.stdout).into_bytes(), rest(&self.stderr))
    }
}

/// Reads the lines of the pipe on a thread.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
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

/// Returns the lines of a file with the events of its CloudEvents in place of the CloudEvents.
pub(crate) fn bare_lines(path: impl AsRef<Path>) -> String {
    let text = fs::read_to_string(path).unwrap();
    let bare = |line: &str| {
        // The last brace of a line closes the CloudEvent.
        let data = line
            .split_once(r#","data":"#)
            .and_then(|(_, data)| data.strip_suffix("}\n"));
        data.map_or(line.to_owned(), |data| format!("{data}\n"))
    };
    text.split_inclusive('\n').map(bare).collect()
}
