//! The allowed dependencies between the crates of the workspace.

use cargo_metadata::{DependencyKind, Metadata};

pub(super) const TYPES: &str = "driver-events-types";
pub(super) const CORE: &str = "driver-events-core";
pub(super) const STDOUT: &str = "driver-events-stdout";
pub(super) const NATS: &str = "driver-events-nats";
pub(super) const KAFKA: &str = "driver-events-kafka";
pub(super) const SPOOL: &str = "driver-events-spool";
pub(super) const CLI: &str = "driver-events-cli";
pub(super) const HARNESS: &str = "driver-events-harness";
const TESTS: &str = "driver-events-tests";
const XTASK: &str = "xtask";

/// A dependency between two crates of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// Whether it is a dev-dependency.
    pub(super) is_for_tests: bool,
}

/// The allowed dependencies of a crate.
struct Rule {
    of: &'static str,
    uses: &'static [&'static str],
    /// Additional crates that are allowed as dev-dependencies.
    tests_use: &'static [&'static str],
}

/// All allowed dependencies. The harness depends on no crate of the product, so that each crate's tests can use it. The
/// types crate's tests cannot: they are copied with its folder.
const RULES: [Rule; 10] = [
    Rule {
        of: TYPES,
        uses: &[],
        tests_use: &[],
    },
    Rule {
        of: CORE,
        uses: &[TYPES],
        tests_use: &[HARNESS],
    },
    Rule {
        of: STDOUT,
        uses: &[TYPES, CORE],
        tests_use: &[HARNESS],
    },
    Rule {
        of: NATS,
        uses: &[TYPES, CORE],
        tests_use: &[HARNESS],
    },
    Rule {
        of: KAFKA,
        uses: &[TYPES, CORE],
        tests_use: &[HARNESS],
    },
    Rule {
        of: SPOOL,
        uses: &[TYPES, CORE],
        tests_use: &[HARNESS],
    },
    Rule {
        of: CLI,
        uses: &[TYPES, CORE, STDOUT, NATS, KAFKA, SPOOL],
        tests_use: &[HARNESS],
    },
    Rule {
        of: HARNESS,
        uses: &[],
        tests_use: &[],
    },
    Rule {
        of: TESTS,
        uses: &[TYPES, CORE, STDOUT, NATS, KAFKA, SPOOL, CLI, HARNESS],
        tests_use: &[],
    },
    Rule {
        of: XTASK,
        uses: &[TYPES, HARNESS],
        tests_use: &[],
    },
];

/// Returns the dependencies between the crates of the workspace.
pub(super) fn of(metadata: &Metadata) -> Vec<Dependency<'_>> {
    let dependencies = metadata
        .packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(move |dependency| (package, dependency)));
    dependencies
        .filter(|(_, dependency)| dependency.path.is_some())
        .map(|(package, dependency)| Dependency {
            from: &package.name,
            to: &dependency.name,
            is_for_tests: dependency.kind == DependencyKind::Development,
        })
        .collect()
}

/// Returns a line for each crate without a rule, and for each dependency that no rule allows.
///
/// A crate may be its own dev-dependency, so that its tests have its features.
pub(super) fn check(crates: &[&str], dependencies: &[Dependency<'_>]) -> Vec<String> {
    let unknown = crates
        .iter()
        .filter(|name| rule(name).is_none())
        .map(|name| format!("{name} has no rule: add one to xtask/src/deps/layers.rs"));
    let forbidden = dependencies
        .iter()
        .filter(|dependency| !is_allowed(dependency))
        .map(|dependency| {
            let verb = if dependency.is_for_tests {
                "have a dev-dependency"
            } else {
                "depend"
            };
            format!("{} must not {verb} on {}", dependency.from, dependency.to)
        });
    unknown.chain(forbidden).collect()
}

fn is_allowed(dependency: &Dependency<'_>) -> bool {
    let Dependency { from, to, is_for_tests } = dependency;
    // A crate without a rule is already reported.
    rule(from).is_none_or(|rule| {
        let in_tests = *is_for_tests && (to == from || rule.tests_use.contains(to));
        in_tests || rule.uses.contains(to)
    })
}

fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.of == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency<'a>(from: &'a str, to: &'a str, is_for_tests: bool) -> Dependency<'a> {
        Dependency { from, to, is_for_tests }
    }

    #[test]
    fn dependencies_go_down_the_layers() {
        let allowed = [
            dependency(CORE, TYPES, false),
            dependency(CORE, CORE, true),
            dependency(NATS, CORE, false),
            dependency(NATS, HARNESS, true),
            dependency(CLI, KAFKA, false),
            dependency(TESTS, CLI, true),
            dependency(XTASK, TYPES, false),
        ];
        assert_eq!(check(&[TYPES, CORE, TESTS], &allowed), Vec::<String>::new());
    }

    #[test]
    fn dependencies_of_this_workspace_are_found() {
        let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
        let found = of(&metadata);
        for expected in [dependency(CLI, KAFKA, false), dependency(KAFKA, HARNESS, true)] {
            assert!(found.contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn other_dependencies_are_reported() {
        for (from, to, is_for_tests, finding) in [
            (
                TYPES,
                CORE,
                false,
                "driver-events-types must not depend on driver-events-core",
            ),
            (
                TYPES,
                HARNESS,
                true,
                "driver-events-types must not have a dev-dependency on driver-events-harness",
            ),
            (
                CORE,
                STDOUT,
                true,
                "driver-events-core must not have a dev-dependency on driver-events-stdout",
            ),
            (
                NATS,
                KAFKA,
                false,
                "driver-events-nats must not depend on driver-events-kafka",
            ),
            (
                STDOUT,
                HARNESS,
                false,
                "driver-events-stdout must not depend on driver-events-harness",
            ),
            (
                HARNESS,
                TYPES,
                false,
                "driver-events-harness must not depend on driver-events-types",
            ),
            (
                CORE,
                CLI,
                false,
                "driver-events-core must not depend on driver-events-cli",
            ),
            (TESTS, XTASK, false, "driver-events-tests must not depend on xtask"),
            (XTASK, CORE, false, "xtask must not depend on driver-events-core"),
            (
                CORE,
                CORE,
                false,
                "driver-events-core must not depend on driver-events-core",
            ),
        ] {
            assert_eq!(check(&[], &[dependency(from, to, is_for_tests)]), [finding]);
        }
    }

    #[test]
    fn new_crate_needs_a_rule() {
        let findings = check(
            &["driver-events-mqtt"],
            &[dependency("driver-events-mqtt", CORE, false)],
        );
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            findings[0].starts_with("driver-events-mqtt has no rule"),
            "{findings:?}"
        );
    }
}
