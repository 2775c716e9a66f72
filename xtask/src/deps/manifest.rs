//! The types crate's manifest repeats the values of the workspace.
//!
//! It inherits nothing, so that a copy of its folder builds. This check keeps the repeated values up to date.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use toml::{Table, Value};

use crate::workspace::{TYPES_CRATE, manifest};

/// Returns a line for each value that the types crate inherits, or that differs from the workspace's.
pub(super) fn check_files(root: &Path) -> Result<Vec<String>> {
    let types = manifest(&root.join(TYPES_CRATE))?;
    let findings = check(&types, &table(&manifest(root)?, "workspace"));
    Ok(findings
        .into_iter()
        .map(|finding| format!("{TYPES_CRATE}/Cargo.toml: {finding}"))
        .collect())
}

fn check(types: &Table, workspace: &Table) -> Vec<String> {
    let mut findings = inherited(types, "");
    if !findings.is_empty() {
        return findings;
    }
    let package = table(types, "package");
    for (key, value) in table(workspace, "package") {
        if package.get(&key) != Some(&value) {
            findings.push(format!("package.{key} differs from the workspace's, which is {value}"));
        }
    }
    if table(types, "lints") != table(workspace, "lints") {
        findings.push("the lints differ from the workspace's".to_owned());
    }
    let workspace_dependencies = table(workspace, "dependencies");
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, dependency) in table(types, section) {
            let fault = dependency_fault(&dependency, workspace_dependencies.get(&name));
            findings.extend(fault.map(|fault| format!("{section}.{name}: {fault}")));
        }
    }
    findings
}

/// Returns a finding for each inherited key.
fn inherited(manifest: &Table, path: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (key, value) in manifest {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            Value::Boolean(true) if key == "workspace" => {
                findings.push(format!(
                    "{path}: inherited values are not allowed, the folder must build alone"
                ));
            }
            Value::Table(inner) => findings.extend(inherited(inner, &path)),
            _ => {}
        }
    }
    findings
}

fn dependency_fault(dependency: &Value, expected: Option<&Value>) -> Option<String> {
    let mut outside_keys = ["path", "git", "registry"].into_iter();
    if let Some(key) = outside_keys.find(|key| dependency.get(*key).is_some()) {
        return Some(format!("`{key}` points outside the folder"));
    }
    let Some(expected) = expected else {
        return Some("missing in the workspace's dependencies".to_owned());
    };
    (Requirement::new(dependency) != Requirement::new(expected))
        .then(|| format!("differs from the workspace, which has {expected}"))
}

/// A dependency, independent of the TOML form in which it is written.
#[derive(PartialEq)]
struct Requirement<'a> {
    version: Option<&'a str>,
    has_default_features: bool,
    features: BTreeSet<&'a str>,
    package: Option<&'a str>,
}

impl<'a> Requirement<'a> {
    fn new(dependency: &'a Value) -> Self {
        let features = dependency.get("features").and_then(Value::as_array);
        Self {
            version: dependency.as_str().or_else(|| dependency.get("version")?.as_str()),
            has_default_features: dependency
                .get("default-features")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            features: features.into_iter().flatten().filter_map(Value::as_str).collect(),
            package: dependency.get("package").and_then(Value::as_str),
        }
    }
}

/// Returns the table at `key`, or an empty one.
fn table(parent: &Table, key: &str) -> Table {
    parent.get(key).and_then(Value::as_table).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = r#"
        package = { edition = "2024" }
        lints.rust.unsafe_code = "forbid"
        [dependencies]
        humantime = "2.4"
        uuid = { version = "1.29", default-features = false, features = ["std", "v4"] }
    "#;

    const TYPES: &str = r#"
        package = { name = "types", edition = "2024" }
        lints.rust.unsafe_code = "forbid"
        [dependencies]
        humantime = { version = "2.4" }
        uuid = { version = "1.29", features = ["v4", "std"], default-features = false }
    "#;

    fn findings(types: &str) -> Vec<String> {
        check(&types.parse().unwrap(), &WORKSPACE.parse().unwrap())
    }

    #[test]
    fn workspace_has_every_table_that_is_compared() {
        let manifest = manifest(&crate::workspace::root()).unwrap();
        let workspace = table(&manifest, "workspace");
        for key in ["package", "lints", "dependencies"] {
            assert!(!table(&workspace, key).is_empty(), "{key}");
        }
    }

    #[test]
    fn equal_dependencies_pass_in_any_form() {
        assert_eq!(findings(TYPES), [""; 0]);
    }

    #[test]
    fn each_difference_is_reported() {
        for (from, to, finding) in [
            (
                r#"edition = "2024""#,
                r#"edition = "2021""#,
                "package.edition differs from the workspace's",
            ),
            (
                r#"edition = "2024""#,
                "edition.workspace = true",
                "package.edition.workspace: inherited values are not allowed",
            ),
            (r#""forbid""#, r#""deny""#, "the lints differ from the workspace's"),
            (
                r#""2.4""#,
                r#""2.3""#,
                "dependencies.humantime: differs from the workspace",
            ),
            (
                r#""2.4""#,
                r#""2.4", path = "../humantime""#,
                "dependencies.humantime: `path` points outside",
            ),
            (
                r#"["v4", "std"]"#,
                r#"["std"]"#,
                "dependencies.uuid: differs from the workspace",
            ),
            (
                "default-features = false",
                "optional = false",
                "dependencies.uuid: differs from the workspace",
            ),
            (
                "humantime =",
                "chrono =",
                "dependencies.chrono: missing in the workspace's dependencies",
            ),
        ] {
            assert!(TYPES.contains(from), "{from}");
            let findings = findings(&TYPES.replace(from, to));
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].starts_with(finding), "{findings:?}");
        }
    }
}
