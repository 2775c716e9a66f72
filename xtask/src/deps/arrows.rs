//! Which crate of the workspace may depend on which.

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

/// A dependency of one crate of the workspace on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// Only its tests, examples and benchmarks see it.
    pub(super) is_for_tests: bool,
}

/// What one crate may depend on.
struct Rule {
    of: &'static str,
    uses: &'static [&'static str],
    /// What its tests may use besides.
    tests_use: &'static [&'static str],
}

/// All that is allowed; the rest never is. The harness knows no crate of the product, so that each crate's own tests
/// may use it. The types crate's tests may not: they travel with its folder.
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

/// The arrows between the crates of the workspace.
pub(super) fn of(metadata: &Metadata) -> Vec<Arrow<'_>> {
    let dependencies = metadata
        .packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(move |dependency| (package, dependency)));
    dependencies
        .filter(|(_, dependency)| dependency.path.is_some())
        .map(|(package, dependency)| Arrow {
            from: &package.name,
            to: &dependency.name,
            is_for_tests: dependency.kind == DependencyKind::Development,
        })
        .collect()
}

/// A line for each crate that has no rule, and for each arrow that no rule allows.
///
/// A crate may name itself in its tests: that is how its tests switch on its features.
pub(super) fn check(crates: &[&str], arrows: &[Arrow<'_>]) -> Vec<String> {
    let strangers = crates
        .iter()
        .filter(|name| rule(name).is_none())
        .map(|name| format!("{name} has no rule: add one to the table in xtask/src/deps/arrows.rs"));
    let forbidden = arrows.iter().filter(|arrow| !is_allowed(arrow)).map(|arrow| {
        let verb = if arrow.is_for_tests {
            "have its tests depend"
        } else {
            "depend"
        };
        format!("{} must not {verb} on {}", arrow.from, arrow.to)
    });
    strangers.chain(forbidden).collect()
}

fn is_allowed(arrow: &Arrow<'_>) -> bool {
    // A crate without a rule is reported once, as such.
    rule(arrow.from).is_none_or(|rule| {
        let in_tests = arrow.is_for_tests && (arrow.to == arrow.from || rule.tests_use.contains(&arrow.to));
        in_tests || rule.uses.contains(&arrow.to)
    })
}

fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.of == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow<'a>(from: &'a str, to: &'a str, is_for_tests: bool) -> Arrow<'a> {
        Arrow { from, to, is_for_tests }
    }

    #[test]
    fn arrows_go_down_the_layers() {
        let allowed = [
            arrow(CORE, TYPES, false),
            arrow(CORE, CORE, true),
            arrow(NATS, CORE, false),
            arrow(NATS, HARNESS, true),
            arrow(CLI, KAFKA, false),
            arrow(TESTS, CLI, true),
            arrow(XTASK, TYPES, false),
        ];
        assert_eq!(check(&[TYPES, CORE, TESTS], &allowed), Vec::<String>::new());
    }

    #[test]
    fn every_other_arrow_is_named() {
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
                "driver-events-types must not have its tests depend on driver-events-harness",
            ),
            (
                CORE,
                STDOUT,
                true,
                "driver-events-core must not have its tests depend on driver-events-stdout",
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
            assert_eq!(check(&[], &[arrow(from, to, is_for_tests)]), [finding]);
        }
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        let findings = check(&["driver-events-mqtt"], &[arrow("driver-events-mqtt", CORE, false)]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            findings[0].starts_with("driver-events-mqtt has no rule"),
            "{findings:?}"
        );
    }
}
