//! Rules for manifests, packages and changelog of a release.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{DependencyKind, Package};

use super::{changelog, published};
use crate::command::{cargo, output};
use crate::git::Repository;
use crate::output::progress;
use crate::workspace;

/// Files of every package besides its code.
const REQUIRED_FILES: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Checks the versions, the metadata for docs.rs, the files of each package and the changelog.
///
/// # Errors
/// Returns all findings, one a line, or cargo's error.
pub fn check(root: &Path, packages: &[Package]) -> Result<()> {
    let version = version(root)?;
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(wrong_versions(package, packages, &version));
        findings.extend(missing_docs_metadata(package));
        findings.extend(wrong_files(package, &files(root, package)?));
    }
    if let Err(error) = changelog::read(root, &version) {
        findings.push(format!("{error:#}"));
    }
    if !findings.is_empty() {
        bail!("not fit for publication:\n  {}", findings.join("\n  "));
    }
    let count = packages.len();
    progress(format_args!(
        "{count} published crates have version {version}, complete packages and a part of the changelog"
    ));
    Ok(())
}

/// Refuses a version that has a tag on another commit.
///
/// # Errors
/// Returns an error that names the tag, or an error if git fails.
pub fn require_unreleased(root: &Path) -> Result<()> {
    let tag = format!("v{}", version(root)?);
    let repository = Repository::containing(root)?;
    let tagged = repository.commit(&tag)?;
    ensure!(
        tagged.is_none() || tagged == repository.commit("HEAD")?,
        "the tag {tag} names an older commit: raise `workspace.package.version` in Cargo.toml"
    );
    Ok(())
}

/// Returns the version that all published crates have.
///
/// # Errors
/// Returns an error if the root manifest cannot be read, or has no version for its members.
pub(super) fn version(root: &Path) -> Result<String> {
    let manifest = workspace::manifest(root)?;
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let version = package.and_then(|package| package.get("version")?.as_str());
    Ok(version
        .context("the root manifest has no `workspace.package.version`")?
        .to_owned())
}

fn wrong_versions(package: &Package, published: &[Package], version: &str) -> Vec<String> {
    let name = &package.name;
    let mut findings = Vec::new();
    if package.version.to_string() != version {
        let own = &package.version;
        findings.push(format!("{name} has version {own}, the workspace {version}"));
    }
    for dependency in &package.dependencies {
        let is_published = published.iter().any(|other| other.name.as_str() == dependency.name);
        let required = dependency.req.to_string();
        // Cargo removes dev-dependencies without a version from the package.
        let is_removed = dependency.kind == DependencyKind::Development && required == "*";
        if is_published && !is_removed && required != format!("^{version}") {
            let other = &dependency.name;
            findings.push(format!(
                "{name} asks for {other} {required}, not for the workspace's version {version}"
            ));
        }
    }
    findings
}

fn missing_docs_metadata(package: &Package) -> Option<String> {
    let docs = package.metadata.pointer("/docs/rs");
    let has_all_features = docs.is_some_and(|docs| docs["all-features"] == true);
    let arguments = docs.and_then(|docs| docs["rustdoc-args"].as_array());
    let has_cfg = arguments.is_some_and(|arguments| arguments.iter().any(|argument| argument == "docsrs"));
    let is_complete = !published::is_library(package) || has_all_features && has_cfg;
    (!is_complete).then(|| {
        let name = &package.name;
        format!("{name} has no `all-features` and `--cfg docsrs` in `package.metadata.docs.rs`")
    })
}

fn wrong_files(package: &Package, files: &[String]) -> Vec<String> {
    let name = &package.name;
    let missing = REQUIRED_FILES
        .iter()
        .filter(|required| !files.iter().any(|file| file == *required));
    let mut findings: Vec<String> = missing
        .map(|file| format!("the package of {name} lacks {file}"))
        .collect();
    let mut removed = package.dependencies.iter().filter(|dependency| {
        dependency.kind == DependencyKind::Development && dependency.path.is_some() && dependency.req.to_string() == "*"
    });
    if files.iter().any(|file| file.starts_with("tests/"))
        && let Some(dependency) = removed.next()
    {
        findings.push(format!(
            "the package of {name} has tests, but not {}, which they need: exclude `/tests`",
            dependency.name
        ));
    }
    findings
}

fn files(root: &Path, package: &Package) -> Result<Vec<String>> {
    let list = output(cargo(root).args(["package", "--list", "--allow-dirty", "--package", &package.name]))?;
    // Paths have backslashes on Windows.
    Ok(list.lines().map(|line| line.replace('\\', "/")).collect())
}
