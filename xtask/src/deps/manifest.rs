//! The types crate's manifest repeats the values of the workspace.
//!
//! It inherits nothing, so that a copy of its folder builds. This check keeps the repeated values up to date.

use std::path::Path;

use anyhow::Result;
use toml::{Table, Value};

use crate::workspace::{TYPES_CRATE, manifest};

/// Returns a line for each value that the types crate inherits, or that differs from the workspace's.
pub(super) fn check_files(root: &Path) -> Result<Vec<String>> {
    let types = manifest(&root.join(TYPES_CRATE))?;
    let findings = check(&types, &table(&manifest(root)?, "workspace")).into_iter();
    let line = |finding| format!("{TYPES_CRATE}/Cargo.toml: {finding}");
    Ok(findings.map(line).collect())
}

fn check(types: &Table, workspace: &Table) -> Vec<String> {
    // Written again, each inherited value has the same form.
    if types.to_string().contains("workspace = true") {
        return vec!["inherited values are not allowed, the folder must build alone".to_owned()];
    }
    let mut findings = Vec::new();
    let package = table(types, "package");
    for (key, value) in table(workspace, "package") {
        if package.get(&key) != Some(&value) {
            findings.push(format!("package.{key} differs from the workspace's, which is {value}"));
        }
    }
    if table(types, "lints") != table(workspace, "lints") {
        findings.push("the lints differ from the workspace's".to_owned());
    }
    let all = table(workspace, "dependencies");
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, dependency) in table(types, section) {
            let mut sources = ["path", "git", "registry"].iter();
            let fault = match all.get(&name) {
                _ if sources.any(|key| dependency.get(key).is_some()) => "its source is outside the folder".to_owned(),
                None => "missing in the workspace's dependencies".to_owned(),
                Some(expected) if requirement(&dependency) == requirement(expected) => continue,
                Some(expected) => format!("differs from the workspace, which has {expected}"),
            };
            findings.push(format!("{section}.{name}: {fault}"));
        }
    }
    findings
}

/// Returns the version, the default features, the features and the package of a dependency in any TOML form.
fn requirement(dependency: &Value) -> (Option<&str>, bool, Vec<&str>, Option<&str>) {
    let text = |key| dependency.get(key).and_then(Value::as_str);
    let defaults = dependency.get("default-features").and_then(Value::as_bool);
    let features = dependency.get("features").and_then(Value::as_array);
    let mut features: Vec<_> = features.into_iter().flatten().filter_map(Value::as_str).collect();
    features.sort_unstable();
    let version = dependency.as_str().or(text("version"));
    (version, defaults.unwrap_or(true), features, text("package"))
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
            (r#""2024""#, r#""2021""#, "package.edition differs from"),
            (r#" = "2024""#, ".workspace = true", "inherited values are not"),
            (r#""forbid""#, r#""deny""#, "the lints differ"),
            (r#""2.4""#, r#""2.3""#, "dependencies.humantime: differs"),
            ("\"2.4\"", "\"2.4\", path = \"../x\"", "dependencies.humantime: its"),
            (r#"["v4", "std"]"#, r#"["std"]"#, "dependencies.uuid: differs"),
            ("default-features", "optional", "dependencies.uuid: differs"),
            ("humantime =", "chrono =", "dependencies.chrono: missing"),
        ] {
            assert!(TYPES.contains(from), "{from}");
            let findings = findings(&TYPES.replace(from, to));
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].starts_with(finding), "{findings:?}");
        }
    }
}
