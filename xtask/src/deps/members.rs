//! Every crate of the workspace has a rule in deny.toml, and only tests of published crates use unpublished ones.

use cargo_metadata::{Dependency, DependencyKind, Package};
use toml::{Table, Value};

/// Returns a line for each finding.
pub(super) fn check(packages: &[Package], deny: &Table) -> Vec<String> {
    let rules = deny.get("bans").and_then(|bans| bans.get("deny")?.as_array());
    let is_unpublished = |name: &str| {
        let mut unpublished = packages.iter().filter(|package| !is_published(package));
        unpublished.any(|package| package.name.as_str() == name)
    };
    let mut findings = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let is_own = |rule: &Value| rule.get("crate").and_then(Value::as_str) == Some(name);
        if !rules.is_some_and(|rules| rules.iter().any(is_own)) {
            findings.push(format!("{name} has no rule: list it in `bans.deny` of deny.toml"));
        }
        for Dependency { name: other, kind, .. } in &package.dependencies {
            let is_for_tests = *kind == DependencyKind::Development;
            if is_published(package) && !is_for_tests && is_unpublished(other) {
                findings.push(format!("{name} must not depend on {other}, which is not published"));
            }
        }
    }
    findings
}

fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

#[cfg(test)]
mod tests {
    use cargo_metadata::MetadataCommand;

    use super::*;
    use crate::workspace;

    #[test]
    fn crate_without_a_rule_and_normal_use_of_the_harness_are_reported() {
        let root = workspace::root();
        let mut metadata = MetadataCommand::new().current_dir(&root).no_deps().exec().unwrap();
        let mut deny = workspace::toml(&root.join("deny.toml")).unwrap();
        assert_eq!(check(&metadata.packages, &deny), [""; 0]);

        let is_stdout = |package: &&mut Package| package.name.as_str() == "driver-events-stdout";
        let stdout = metadata.packages.iter_mut().find(is_stdout).unwrap();
        stdout.dependencies[0].name = "driver-events-harness".to_owned();
        let rules = deny["bans"]["deny"].as_array_mut().unwrap();
        rules.retain(|rule| rule["crate"].as_str() != Some("driver-events-nats"));
        assert_eq!(
            check(&metadata.packages, &deny),
            [
                "driver-events-nats has no rule: list it in `bans.deny` of deny.toml",
                "driver-events-stdout must not depend on driver-events-harness, which is not published",
            ]
        );
    }
}
