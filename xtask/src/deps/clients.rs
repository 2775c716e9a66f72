//! The client libraries that each crate of the workspace may depend on, directly or not.

use std::path::Path;

use anyhow::Result;

use super::layers::{CLI, CORE, KAFKA, NATS, SPOOL, STDOUT, TYPES};
use crate::command;

/// Clients of brokers and databases. Each belongs to one transport.
const CLIENTS: [&str; 6] = ["async-nats", "nats", "rdkafka", "rskafka", "rusqlite", "libsqlite3-sys"];

/// The clients that a crate may depend on, and other crates that it must not depend on.
struct Rule {
    of: &'static str,
    /// Features of the crate, as arguments of cargo.
    with: &'static [&'static str],
    clients: &'static [&'static str],
    never: &'static [&'static str],
}

const ALL: &[&str] = &["--all-features"];

const RULES: [Rule; 8] = [
    Rule {
        of: TYPES,
        with: ALL,
        clients: &[],
        never: &["tokio", "async-trait"],
    },
    Rule {
        of: CORE,
        with: ALL,
        clients: &[],
        never: &[],
    },
    Rule {
        of: STDOUT,
        with: ALL,
        clients: &[],
        never: &[],
    },
    Rule {
        of: NATS,
        with: ALL,
        clients: &["async-nats"],
        never: &[],
    },
    Rule {
        of: KAFKA,
        with: ALL,
        clients: &["rdkafka"],
        never: &[],
    },
    Rule {
        of: SPOOL,
        with: ALL,
        clients: &["rusqlite", "libsqlite3-sys"],
        never: &[],
    },
    // The tool with one transport builds no other transport's client.
    Rule {
        of: CLI,
        with: &["--no-default-features", "--features", "nats"],
        clients: &["async-nats"],
        never: &[],
    },
    Rule {
        of: CLI,
        with: &["--no-default-features", "--features", "kafka"],
        clients: &["rdkafka"],
        never: &[],
    },
];

/// Returns a line for each forbidden dependency, on any platform.
pub(super) fn check(root: &Path, crates: &[&str]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| crates.contains(&rule.of)) {
        findings.extend(forbidden(rule, &tree(root, rule)?));
    }
    Ok(findings)
}

/// Returns every crate that the rule's crate depends on, directly or not, one a line.
fn tree(root: &Path, rule: &Rule) -> Result<String> {
    let edges = ["-e", "normal,build", "--target", "all"];
    let format = ["--prefix", "none", "--format", "{p}"];
    let mut tree = command::cargo(root);
    tree.args(["tree", "-p", rule.of]).args(rule.with);
    command::output(tree.args(edges).args(format))
}

fn forbidden(rule: &Rule, tree: &str) -> Vec<String> {
    let is_forbidden = |name: &&str| {
        let is_other_client = CLIENTS.contains(name) && !rule.clients.contains(name);
        is_other_client || rule.never.contains(name)
    };
    let mut names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(is_forbidden)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .iter()
        .map(|name| {
            format!(
                "{} must not depend on {name}: `cargo tree -p {} -i {name}` shows why",
                rule.of, rule.of
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(of: &str, tree: &str) -> Vec<String> {
        forbidden(RULES.iter().find(|rule| rule.of == of).unwrap(), tree)
    }

    #[test]
    fn trees_of_this_workspace_have_the_allowed_clients() {
        for rule in RULES.iter().filter(|rule| [NATS, KAFKA, CLI].contains(&rule.of)) {
            let tree = tree(&crate::workspace::root(), rule).unwrap();
            for client in rule.clients {
                assert!(
                    tree.lines().any(|line| line.starts_with(&format!("{client} v"))),
                    "{tree}"
                );
            }
        }
    }

    #[test]
    fn transport_depends_on_its_own_client_only() {
        assert_eq!(
            found(
                NATS,
                "driver-events-nats v0.1.0 (/x)\nasync-nats v0.51.0\ntokio v1.54.0"
            ),
            [""; 0]
        );
        let findings = found(KAFKA, "rdkafka v0.39.0\nasync-nats v0.51.0\nasync-nats v0.51.0 (*)");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            findings[0].starts_with("driver-events-kafka must not depend on async-nats"),
            "{findings:?}"
        );
    }

    #[test]
    fn core_has_no_client_and_types_no_runtime() {
        assert_eq!(found(CORE, "rusqlite v0.37.0").len(), 1);
        assert_eq!(found(CORE, "tokio v1.54.0"), [""; 0]);
        assert_eq!(found(TYPES, "tokio v1.54.0\nasync-trait v0.1.92 (proc-macro)").len(), 2);
    }
}
