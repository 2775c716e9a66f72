//! The crates that are published, in the order of their publication.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Reads the published crates of the workspace. Each is behind its dependencies.
///
/// # Errors
/// Returns cargo's error, or an error if crates depend on each other.
pub fn read(root: &Path) -> Result<Vec<Package>> {
    let packages = MetadataCommand::new().current_dir(root).no_deps().exec()?.packages;
    let is_published = |package: &Package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    in_order(packages.into_iter().filter(is_published).collect())
}

/// Returns `true` if others can depend on the crate.
#[must_use]
pub fn is_library(package: &Package) -> bool {
    package.targets.iter().any(|target| target.is_lib())
}

fn in_order(mut waiting: Vec<Package>) -> Result<Vec<Package>> {
    waiting.sort_by(|left, right| left.name.cmp(&right.name));
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.iter().map(|package| package.name.to_string()).collect();
        let is_ready = |package: &mut Package| {
            let mut needed = package
                .dependencies
                .iter()
                .filter(|each| each.kind != DependencyKind::Development);
            needed.all(|dependency| !names.contains(&dependency.name))
        };
        let ready: Vec<Package> = waiting.extract_if(.., is_ready).collect();
        ensure!(
            !ready.is_empty(),
            "no order of publication: {names:?} depend on each other"
        );
        order.extend(ready);
    }
    Ok(order)
}
