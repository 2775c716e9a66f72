//! Dependencies that depend on features: of the types crate, and of the tool with one transport.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::cargo_tree::{crates, tree};
use crate::output::progress;

const TYPES: &str = "driver-events-types";
const CLI: &str = "driver-events-cli";
const FRONT_DOOR: &str = "driver-events";

/// Limit for the crates of a build of the types crate, which includes itself and excludes procedural macros.
const MAX_CRATES: usize = 16;

const NATS_ONLY: &str = "--no-default-features --features nats";
const KAFKA_ONLY: &str = "--no-default-features --features kafka";

/// A crate, its features, and the crates that it must not depend on with them, directly or not, on any platform.
type Rule = (&'static str, &'static str, &'static [&'static str]);

const RULES: [Rule; 4] = [
    (TYPES, "--all-features", &["tokio", "async-trait"]),
    (FRONT_DOOR, "--no-default-features", &["rdkafka", "async-nats", "toml"]),
    (CLI, NATS_ONLY, &["rdkafka", "rusqlite", "libsqlite3-sys"]),
    (CLI, KAFKA_ONLY, &["async-nats", "rusqlite", "libsqlite3-sys"]),
];

/// Returns a line for each forbidden dependency, and one if the types crate adds too many crates to a build.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for rule @ (of, features, _) in &RULES {
        let tree = tree(root, of, &format!("{features} -e normal,build --target all"))?;
        findings.extend(forbidden(rule, &tree));
    }
    let tree = tree(root, TYPES, "-e normal,no-proc-macro")?;
    let count = crates(&tree).len();
    let line = format!("{TYPES} is {count} crates in a build, itself included; at most {MAX_CRATES} are allowed");
    progress(&line);
    findings.extend((count > MAX_CRATES).then_some(line));
    Ok(findings)
}

fn forbidden((of, _, never): &Rule, tree: &str) -> Vec<String> {
    let names: BTreeSet<_> = crates(tree).into_iter().map(|(name, _)| name).collect();
    let names = names.into_iter().filter(|name| never.contains(name));
    let line = |name| format!("{of} must not depend on {name}: `cargo tree -p {of} -i {name}` shows why");
    names.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_forbids_what_it_lists() {
        for rule @ (of, _, never) in &RULES {
            for name in *never {
                let tree = format!("{of} v0.1.0 (/x)\n{name} v1.2.3 (proc-macro)\n{name} v1.2.3 (*)");
                let findings = forbidden(rule, &tree);
                assert_eq!(findings.len(), 1, "{findings:?}");
                let expected = format!("{of} must not depend on {name}: ");
                assert!(findings[0].starts_with(&expected), "{findings:?}");
            }
            assert_eq!(forbidden(rule, "serde v1.0.0\nasync-natsy v1.0.0"), [""; 0]);
        }
    }

    #[test]
    fn tree_of_a_tool_has_the_client_of_its_transport() {
        for (features, client) in [(NATS_ONLY, "async-nats"), (KAFKA_ONLY, "rdkafka")] {
            let tree = tree(&crate::workspace::root(), CLI, features).unwrap();
            assert!(crates(&tree).iter().any(|(name, _)| *name == client), "{tree}");
        }
    }

    #[test]
    fn repeated_crate_counts_once() {
        let tree = "types v0.1.0 (/x/types)\nserde v1.0.0\nserde_core v1.0.0\nserde_core v1.0.0 (*)\nserde v2.0.0\n";
        assert_eq!(crates(tree).len(), 4);
    }
}
