//! A shell that a reader pastes commands into.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use driver_events_harness::provision;
use tempfile::TempDir;

use super::root;

/// Limit for one command. The first ones compile the workspace.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(900);
/// Printed after the output of each command. Does not occur in any output.
const END_OF_OUTPUT: u8 = 0x1e;

/// A single bash process for all commands of a page, so that variables and functions last. Its servers have their own
/// folder: those that a developer started with `cargo xtask brokers up` are not stopped.
#[derive(Debug)]
pub(super) struct Shell {
    process: Child,
    stdin: Option<ChildStdin>,
    outputs: Receiver<String>,
    /// Replaces `/tmp` in commands.
    folder: TempDir,
}

impl Shell {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bash = Self::in_workspace("bash", folder.path());
        // A group of its own: a command that hangs is killed with its children.
        let bash = bash.args(["-euo", "pipefail"]).process_group(0);
        let mut process = bash.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, outputs) = channel();
        thread::spawn(move || {
            loop {
                let mut output = Vec::new();
                let length = stdout.read_until(END_OF_OUTPUT, &mut output).unwrap_or(0);
                if length == 0 || output.pop() != Some(END_OF_OUTPUT) {
                    break;
                }
                if sender.send(String::from_utf8_lossy(&output).into_owned()).is_err() {
                    break;
                }
            }
        });
        Self {
            stdin: process.stdin.take(),
            process,
            outputs,
            folder,
        }
    }

    /// `program` in the root of the workspace, with the installed brokers and the folder for servers of the page.
    fn in_workspace(program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(root())
            .env("BROKERS_FOLDER", folder.join("brokers"))
            .env("NATS_SERVER", provision::nats_server().unwrap())
            .env("KAFKA_HOME", provision::kafka().unwrap())
            .env("PATH", path_with_kafka_tools(folder))
            // No `__pycache__` in the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one command and returns its standard output. Its standard error is that of the test.
    ///
    /// # Panics
    /// If the command fails or exceeds its time limit.
    pub(super) fn run(&mut self, command: &str) -> String {
        let typed = command.replace("/tmp/", &format!("{}/", self.folder().display()));
        eprintln!("$ {typed}");
        // The command does not read the commands after it.
        let script = format!("{typed} </dev/null\nprintf '\\036'\n");
        self.stdin.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
        match self.outputs.recv_timeout(COMMAND_TIMEOUT) {
            Ok(output) => output,
            Err(RecvTimeoutError::Disconnected) => panic!("`{command}` failed"),
            Err(RecvTimeoutError::Timeout) => panic!("`{command}` did not return within {COMMAND_TIMEOUT:?}"),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).output();
        let _ = self.process.wait();
        // Servers that the page started run in sessions of their own.
        let down = Self::in_workspace("cargo", self.folder())
            .args(["xtask", "brokers", "down"])
            .output();
        if let Err(error) = down {
            eprintln!("cannot stop the brokers of the page: {error}");
        }
    }
}

/// The search path, with `kafka-acls` as an installed Kafka has it: the libraries alone have no scripts.
fn path_with_kafka_tools(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let script = folder.join("bin/kafka-acls");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    let text = "#!/bin/sh\nexec java -cp \"$KAFKA_HOME/libs/*\" org.apache.kafka.tools.AclCommand \"$@\"\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap())
}
