//! Programs in other languages, which check the wire format independently.
//!
//! Python, Go and Node must be installed. The programs' dependencies are installed into `target/brokers`, as locked by their
//! lock files.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::file_lock::FileLock;
use crate::folders;
use crate::provision::{install_once, run};

mod node;

pub use self::node::{NodeProject, node_project};

/// Environment variable with a Python that has the packages.
const PYTHON: &str = "INTEROP_PYTHON";
/// Environment variable with the `go` command.
const GO: &str = "INTEROP_GO";

/// A Python interpreter with packages.
#[derive(Debug)]
pub struct Python {
    program: OsString,
    /// Folders of packages, in the order in which they are searched. Empty if the Python has all installed.
    folders: Vec<PathBuf>,
}

/// Returns a Python 3 with the packages of `requirements`, a pip requirements file with hashes.
///
/// It is the Python of the environment variable `INTEROP_PYTHON`, which must have pip and the packages, or the `python3` on the
/// `PATH`, for which they are installed once.
///
/// # Errors
/// Returns an error, with what to install, if there is no Python or pip fails.
pub fn python(requirements: &Path) -> Result<Python> {
    if let Some(program) = env::var_os(PYTHON) {
        run(Command::new(&program).arg("--version"))
            .with_context(|| format!("invalid {PYTHON} `{}`", program.display()))?;
        return Ok(Python {
            program,
            folders: Vec::new(),
        });
    }
    let content = fs::read(requirements).with_context(|| format!("cannot read `{}`", requirements.display()))?;
    let packages = folders::brokers().join(format!("python-{:016x}", fingerprint(&content)));
    let install = |temporary: &Path| {
        let folder = temporary.join("packages");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--target"]);
        run(pip.arg(&folder).arg("--requirement").arg(requirements))?;
        Ok(folder)
    };
    install_once(&packages, install).with_context(|| {
        format!(
            "cannot install the packages of `{}`: install Python 3 with pip, or set {PYTHON} to a Python that has them",
            requirements.display()
        )
    })?;
    Ok(Python {
        program: "python3".into(),
        folders: vec![packages],
    })
}

impl Python {
    /// Adds a folder of packages, which is searched first.
    #[must_use]
    pub fn with_folder(mut self, folder: &Path) -> Self {
        self.folders.insert(0, folder.to_owned());
        self
    }

    /// Returns a command that runs this script.
    #[must_use]
    pub fn command(&self, script: &Path) -> Command {
        let mut command = self.interpreter();
        command.arg(script);
        command
    }

    /// Returns a command that runs this module, as `python3 -m` does.
    #[must_use]
    pub fn module(&self, name: &str) -> Command {
        let mut command = self.interpreter();
        command.args(["-m", name]);
        command
    }

    fn interpreter(&self) -> Command {
        let mut command = Command::new(&self.program);
        // `-B`: no bytecode files next to the script.
        command.arg("-B");
        if !self.folders.is_empty() {
            let folders: Vec<_> = self.folders.iter().map(|folder| folder.as_os_str()).collect();
            command.env("PYTHONPATH", folders.join(OsStr::new(":")));
        }
        command
    }
}

/// Builds the Go module in `folder`, and returns the path of the program.
///
/// It is built with the `go` of the environment variable `INTEROP_GO`, or the one on the `PATH`.
///
/// # Errors
/// Returns an error, with what to install, if there is no Go or the build fails.
pub fn go_program(folder: &Path) -> Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot read `{}`", folder.display()))?;
    let program = folders::brokers().join(format!("go-{:016x}", fingerprint(&folder)));
    let _lock = FileLock::acquire(&program.with_extension("lock"))?;
    // Built next to the program and renamed: another process may be running the old one.
    let built = program.with_extension("new");
    let mut go = Command::new(env::var_os(GO).unwrap_or_else(|| "go".into()));
    go.current_dir(&folder).args(["build", "-buildvcs=false", "-o"]);
    run(go.arg(&built).arg(".")).with_context(|| {
        format!(
            "cannot build the Go program in `{}`: install Go (https://go.dev/dl) or set {GO} to a `go` command",
            folder.display()
        )
    })?;
    fs::rename(&built, &program)
        .with_context(|| format!("cannot move `{}` to `{}`", built.display(), program.display()))?;
    Ok(program)
}

/// Returns a hash for the name of an installation.
fn fingerprint(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
