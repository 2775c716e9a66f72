//! `cargo xtask api`: the public API of each library crate, listed in `docs/api`.
//!
//! The lists show in a review what a change does to callers. Blanket and auto trait implementations are left out.

pub mod foreign;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::Package;

use crate::cargo_tool::CargoTool;
use crate::generated::Generated;
use crate::output::progress;
use crate::{command, nightly, release};

const CARGO_PUBLIC_API: CargoTool = CargoTool {
    name: "cargo-public-api",
    version: "0.52.0",
};

/// Writes the lists.
///
/// # Errors
/// Returns an error without a nightly toolchain, if a crate does not build, or if its API names a crate that it must not.
pub fn write(root: &Path) -> Result<()> {
    let mut skipped = Vec::new();
    if !nightly::is_installed(root, "public API", &mut skipped) {
        bail!("the public API is listed by nightly rustdoc");
    }
    generate(root)?.write(root)?;
    check_names(root)
}

/// Checks that the lists are current. Without a nightly toolchain, only the names in the lists are checked: a line about that is
/// printed and added to `not_checked`.
///
/// # Errors
/// Returns an error if a list is out of date, if a crate does not build, or if its API names a crate that it must not.
pub fn check(root: &Path, not_checked: &mut Vec<String>) -> Result<()> {
    check_names(root)?;
    if nightly::is_installed(root, "docs/api is current", not_checked) {
        generate(root)?.check(root)?;
    }
    Ok(())
}

/// Checks the committed lists for crates that an API must not name.
///
/// # Errors
/// Returns all findings, one a line, or an error if a list is missing.
pub fn check_names(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    for name in libraries(root)? {
        let path = path(&name);
        let list = fs::read_to_string(root.join(&path))
            .with_context(|| format!("cannot read {path}: run `cargo xtask api`"))?;
        findings.extend(foreign::find(&name, &list));
    }
    if !findings.is_empty() {
        bail!("foreign types in a public API:\n  {}", findings.join("\n  "));
    }
    progress("every public API names only crates that it may name");
    Ok(())
}

fn generate(root: &Path) -> Result<Generated> {
    let program = CARGO_PUBLIC_API.program(root)?;
    let mut lists = Generated::new("cargo xtask api");
    for name in libraries(root)? {
        progress(format_args!("public API of {name}"));
        let mut list = nightly::command(root, &program);
        list.args(["-ss", "--all-features", "--color=never", "--package", &name]);
        list.env("CARGO_TARGET_DIR", release::packages::target(root));
        lists.add(path(&name), command::output(&mut list)?);
    }
    Ok(lists)
}

fn libraries(root: &Path) -> Result<Vec<String>> {
    let packages = release::published::read(root)?.into_iter();
    let libraries = packages.filter(release::published::is_library);
    Ok(libraries.map(|Package { name, .. }| name.to_string()).collect())
}

fn path(name: &str) -> String {
    format!("docs/api/{name}.txt")
}
