//! Summary of a release.

use anyhow::Result;
use cargo_metadata::Package;

use crate::output::print;

/// Prints the order of publication, the versions, the part of the changelog and the commands that publish.
///
/// # Errors
/// Returns an error if stdout cannot be written.
pub(super) fn write(packages: &[Package], changelog: &str, version: &str) -> Result<()> {
    print("Order of publication:")?;
    for (index, package) in packages.iter().enumerate() {
        print(format_args!("{:>3}. {} {}", index + 1, package.name, package.version))?;
    }
    print(format_args!("\nChangelog:\n\n{changelog}"))?;
    print(format_args!("\nTo publish:\n{}", commands(version)))
}

/// Returns the commands that publish.
pub(super) fn commands(version: &str) -> String {
    format!(
        "  # rename `[Unreleased]` in CHANGELOG.md to `[{version}] - YYYY-MM-DD`, add `[Unreleased]` with `### Added` above, commit\n  \
         cargo publish --workspace\n  git tag v{version}\n  git push origin v{version}"
    )
}
