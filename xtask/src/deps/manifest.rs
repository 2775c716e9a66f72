//! The types crate's manifest says on its own what the workspace's says.
//!
//! It inherits nothing, so that its folder builds anywhere. What other manifests inherit it repeats, and a copy that
//! nobody checks goes stale.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use toml::{Table, Value};

use crate::workspace::{TYPES_CRATE, manifest};

/// A line for each thing that the types crate's manifest inherits or says otherwise than the workspace's.
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
            findings.push(format!("package.{key} is not the workspace's, which is {value}"));
        }
    }
    if table(types, "lints") != table(workspace, "lints") {
        findings.push("the lints are not the workspace's".to_owned());
    }
    let known = table(workspace, "dependencies");
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, dependency) in table(types, section) {
            let fault = dependency_fault(&dependency, known.get(&name));
            findings.extend(fault.map(|fault| format!("{section}.{name}: {fault}")));
        }
    }
    findings
}

/// The keys of everything that is left to the workspace.
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
                findings.push(format!("{path}: nothing may be inherited, the folder must build alone"));
            }
            Value::Table(inner) => findings.extend(inherited(inner, &path)),
            _ => {}
        }
    }
    findings
}

fn dependency_fault(dependency: &Value, expected: Option<&Value>) -> Option<String> {
    let mut ways_out = ["path", "git", "registry"].into_iter();
    if let Some(key) = ways_out.find(|key| dependency.get(*key).is_some()) {
        return Some(format!("a {key} leads out of the folder"));
    }
    let Some(expected) = expected else {
        return Some("the workspace's dependencies do not have it".to_owned());
    };
    (Meant::by(dependency) != Meant::by(expected)).then(|| format!("not as in the workspace, which has {expected}"))
}

/// What a dependency means, in whichever form it is written.
#[derive(PartialEq)]
struct Meant<'a> {
    version: Option<&'a str>,
    has_default_features: bool,
    features: BTreeSet<&'a str>,
    package: Option<&'a str>,
}

impl<'a> Meant<'a> {
    fn by(dependency: &'a Value) -> Self {
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

/// The table at `key`, empty when there is none.
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

    fn found(types: &str) -> Vec<String> {
        check(&types.parse().unwrap(), &WORKSPACE.parse().unwrap())
    }

    #[test]
    fn another_form_of_the_same_passes() {
        assert_eq!(found(TYPES), [""; 0]);
    }

    #[test]
    fn every_difference_is_named() {
        for (from, to, finding) in [
            (
                r#"edition = "2024""#,
                r#"edition = "2021""#,
                "package.edition is not the workspace's",
            ),
            (
                r#"edition = "2024""#,
                "edition.workspace = true",
                "package.edition.workspace: nothing may be inherited",
            ),
            (r#""forbid""#, r#""deny""#, "the lints are not the workspace's"),
            (
                r#""2.4""#,
                r#""2.3""#,
                "dependencies.humantime: not as in the workspace",
            ),
            (
                r#""2.4""#,
                r#""2.4", path = "../humantime""#,
                "dependencies.humantime: a path leads out",
            ),
            (
                r#"["v4", "std"]"#,
                r#"["std"]"#,
                "dependencies.uuid: not as in the workspace",
            ),
            (
                "default-features = false",
                "optional = false",
                "dependencies.uuid: not as in the workspace",
            ),
            (
                "humantime =",
                "chrono =",
                "dependencies.chrono: the workspace's dependencies do not have it",
            ),
        ] {
            assert!(TYPES.contains(from), "{from}");
            let findings = found(&TYPES.replace(from, to));
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].starts_with(finding), "{findings:?}");
        }
    }
}
