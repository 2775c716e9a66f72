//! The machine on which the tests will run: its `PATH`, its environment variables, the servers installed on it.

use std::collections::HashMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driver_events_harness::provision;

/// Where tools are looked up. Tests build one with a `PATH` of their own.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) path: Vec<PathBuf>,
    pub(super) variables: HashMap<OsString, OsString>,
    /// Whether a nats-server is installed, or what is wrong with the one in `NATS_SERVER`.
    pub(super) nats_server: Option<Result<(), String>>,
    /// Whether Kafka is installed, or what is wrong with the one in `KAFKA_HOME`.
    pub(super) kafka: Option<Result<(), String>>,
}

impl Machine {
    /// Returns this machine.
    pub(super) fn this() -> Self {
        let installed = |found: anyhow::Result<Option<PathBuf>>| match found {
            Ok(found) => found.map(|_| Ok(())),
            Err(error) => Some(Err(format!("{error:#}"))),
        };
        Self {
            path: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
            variables: env::vars_os().collect(),
            nats_server: installed(provision::installed_nats_server()),
            kafka: installed(provision::installed_kafka()),
        }
    }

    /// Returns the value of an environment variable.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Returns the program's path: as it is if it has a folder, looked up in `PATH` if it is a bare name.
    pub(super) fn find(&self, program: impl AsRef<OsStr>) -> Option<PathBuf> {
        let program = Path::new(program.as_ref());
        if program.components().count() > 1 {
            return program.is_file().then(|| program.to_owned());
        }
        let mut candidates = self.path.iter().map(|folder| folder.join(program));
        candidates.find(|candidate| is_executable(candidate))
    }

    /// Runs the program and returns what it printed to stdout and stderr, or `None` if it fails.
    pub(super) fn output(&self, program: &Path, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.env_clear().envs(&self.variables);
        command.env("PATH", env::join_paths(&self.path).ok()?);
        // Go reads the go.mod of the current folder, and would download the toolchain that it asks for.
        command.current_dir(env::temp_dir());
        let output = command.output().ok().filter(|output| output.status.success())?;
        let text = [output.stdout, output.stderr].concat();
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
