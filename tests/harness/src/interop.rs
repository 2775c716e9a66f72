//! Programs in other languages, as independent witnesses of what goes over a wire.
//!
//! Where the interpreters and compilers come from is the machine's affair; what the programs need beside is installed
//! into `target/brokers`, as their lock files say.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::file_lock::FileLock;
use crate::folders;
use crate::provision::{once, output};

/// Names a Python that has the packages already.
const PYTHON: &str = "INTEROP_PYTHON";
/// Names the `go` to build with, where it is not the one on the path.
const GO: &str = "INTEROP_GO";

/// A Python with packages.
#[derive(Debug)]
pub struct Python {
    program: OsString,
    /// Where the packages are; none where the Python has them itself.
    packages: Option<PathBuf>,
}

/// Python 3 with the packages that `requirements` names, a file for pip with versions and hashes.
///
/// It is the one that the environment variable `INTEROP_PYTHON` names, which must have the packages, or else the
/// `python3` on the path, for which they are installed once.
///
/// # Errors
/// When there is no Python, or pip cannot install the packages. The error says what to do.
pub fn python(requirements: &Path) -> Result<Python> {
    if let Some(program) = env::var_os(PYTHON) {
        output(Command::new(&program).arg("--version")).with_context(|| format!("{PYTHON} names no Python"))?;
        return Ok(Python {
            program,
            packages: None,
        });
    }
    let wanted = fs::read(requirements).with_context(|| format!("{} cannot be read", requirements.display()))?;
    let packages = folders::brokers().join(format!("python-{:016x}", fingerprint(&wanted)));
    let install = |workshop: &Path| {
        let folder = workshop.join("packages");
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--target"]);
        output(pip.arg(&folder).arg("--requirement").arg(requirements))?;
        Ok(folder)
    };
    once(&packages, install).with_context(|| {
        format!(
            "no Python with the packages of {}: install Python 3 with pip, or name a Python that has them in {PYTHON}",
            requirements.display()
        )
    })?;
    Ok(Python {
        program: "python3".into(),
        packages: Some(packages),
    })
}

impl Python {
    /// A command that runs this script.
    #[must_use]
    pub fn command(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // What Python compiles is not left beside the script.
        command.arg("-B").arg(script);
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages);
        }
        command
    }
}

/// The program of the Go module in `folder`, built anew where it has changed, with the modules that its `go.sum` names.
///
/// It is built with the `go` that the environment variable `INTEROP_GO` names, or else with the one on the path.
///
/// # Errors
/// When there is no Go, and when the program cannot be built. The error says what to do.
pub fn go_program(folder: &Path) -> Result<PathBuf> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    let program = folders::brokers().join(format!("go-{:016x}", fingerprint(&folder)));
    let _lock = FileLock::wait(&program.with_extension("lock"))?;
    // Others may be running the program as it was, so that it is replaced and not overwritten.
    let built = program.with_extension("new");
    let mut go = Command::new(env::var_os(GO).unwrap_or_else(|| "go".into()));
    go.current_dir(&folder).args(["build", "-buildvcs=false", "-o"]);
    output(go.arg(&built).arg(".")).with_context(|| {
        format!(
            "the Go program in {} cannot be built: install Go (https://go.dev/dl), or name a `go` in {GO}",
            folder.display()
        )
    })?;
    fs::rename(&built, &program).with_context(|| format!("{} was not built", program.display()))?;
    Ok(program)
}

/// Tells what is installed already from what is not.
fn fingerprint(content: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
