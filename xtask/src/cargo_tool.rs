//! Programs from crates.io that the gates run, in locked versions.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, workspace};

/// A program that has the name of its package.
#[derive(Clone, Copy, Debug)]
pub struct CargoTool {
    /// Name on crates.io and on the `PATH`.
    pub name: &'static str,
    /// Version that is installed.
    pub version: &'static str,
}

impl CargoTool {
    /// Returns the program on the `PATH`, or the one in `target/tools`, which is built once.
    ///
    /// # Errors
    /// Returns an error if cargo cannot install it. The error says how to install it.
    pub fn program(self, root: &Path) -> Result<PathBuf> {
        let Self { name, version } = self;
        let on_path = PathBuf::from(name);
        if command::output(Command::new(&on_path).arg("--version")).is_ok() {
            return Ok(on_path);
        }
        let folder = workspace::target(root).join(format!("tools/{name}-{version}"));
        let installed = folder.join("bin").join(name).with_extension(env::consts::EXE_EXTENSION);
        if installed.is_file() {
            return Ok(installed);
        }
        let mut install = command::cargo(root);
        // Not optimised: it builds three times as fast, and a run takes seconds.
        install.args(["install", name, "--version", version, "--locked", "--debug", "--root"]);
        install.arg(&folder);
        // The build is in a temporary folder.
        install
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command::run(&mut install)
            .with_context(|| format!("install {name} {version} or newer, so that it is on the PATH"))?;
        Ok(installed)
    }
}
