//! The part of the workspace that a run checks: its packages, their features, their tests.

use std::path::Path;

use anyhow::Result;
use cargo_metadata::{MetadataCommand, Package};

use crate::output::progress;
use crate::transport::Transport;

const CLI: &str = "driver-events-cli";
const FRONT_DOOR: &str = "driver-events";
const HARNESS: &str = "driver-events-harness";
const KAFKA: &str = "driver-events-kafka";
const NATS: &str = "driver-events-nats";
/// End-to-end tests, faults and benchmarks. It depends on both transports, and on OpenSSL.
const TESTS: &str = "driver-events-tests";
const XTASK: &str = "xtask";

/// Packages that are built without a transport, but have tests that need its server. The names of these tests, and of
/// no other in these packages, contain [`server_test_prefix`].
const PACKAGES_OF_SERVER_TESTS: [&str; 2] = [HARNESS, XTASK];

/// The options that leave something out. By default everything is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Selection {
    /// Leave out every test that needs a server, and TLS for Kafka. Needs Rust, a C and a C++ compiler, make and git
    #[arg(long, conflicts_with = "without")]
    pub no_brokers: bool,
    /// Leave out a transport: its crate, its tests, and the end-to-end tests. May be given more than once
    #[arg(long, value_name = "TRANSPORT")]
    pub without: Vec<Transport>,
}

impl Selection {
    /// Returns `true` if nothing is left out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.no_brokers && self.without.is_empty()
    }

    /// Returns `true` if the crate of this transport is built.
    #[must_use]
    pub fn builds(&self, transport: Transport) -> bool {
        !self.without.contains(&transport)
    }

    /// Returns `true` if tests run against servers of this transport.
    #[must_use]
    pub fn has_servers(&self, transport: Transport) -> bool {
        self.builds(transport) && !self.no_brokers
    }

    /// Returns `true` if TLS for Kafka is built, which needs OpenSSL.
    #[must_use]
    pub fn has_kafka_tls(&self) -> bool {
        self.has_servers(Transport::Kafka)
    }

    /// Returns `true` if the end-to-end tests run, which need Go and Python.
    #[must_use]
    pub fn has_end_to_end_tests(&self) -> bool {
        self.is_complete()
    }

    /// Returns the options as they are written on the command line, each after a space.
    #[must_use]
    pub fn options(&self) -> String {
        let without = self.without.iter().map(|transport| format!(" --without {transport}"));
        let no_brokers = self.no_brokers.then(|| " --no-brokers".to_owned());
        no_brokers.into_iter().chain(without).collect()
    }

    /// Returns the arguments that make cargo build the selected packages with the selected features.
    #[must_use]
    pub fn build_arguments(&self, workspace: &Workspace) -> Vec<String> {
        self.arguments(workspace, |package| !self.builds_package(package))
    }

    /// Returns the arguments of each `cargo test` that together run the selected tests.
    #[must_use]
    pub fn test_runs(&self, workspace: &Workspace) -> Vec<Vec<String>> {
        if self.is_complete() {
            return vec![self.build_arguments(workspace)];
        }
        if self.no_brokers {
            return vec![self.arguments(workspace, |package| {
                !self.builds_package(package) || uses_servers(package)
            })];
        }
        let has_filtered_tests = |package: &Package| PACKAGES_OF_SERVER_TESTS.contains(&package.name.as_str());
        let whole = self.arguments(workspace, |package| {
            !self.builds_package(package) || has_filtered_tests(package)
        });
        let mut filtered = self.arguments(workspace, |package| !has_filtered_tests(package));
        filtered.push("--".to_owned());
        for transport in &self.without {
            filtered.extend(["--skip".to_owned(), server_test_prefix(*transport)]);
        }
        vec![whole, filtered]
    }

    /// Returns a line for each part of the workspace that is left out.
    #[must_use]
    pub fn left_out(&self, workspace: &Workspace) -> Vec<String> {
        let mut lines = Vec::new();
        for package in &workspace.packages {
            let name = &package.name;
            if !self.builds_package(package) {
                lines.push(format!("{name}: not built, not tested"));
                continue;
            }
            if self.no_brokers && uses_servers(package) {
                lines.push(format!("{name}: no test was run"));
            }
            if !self.no_brokers && PACKAGES_OF_SERVER_TESTS.contains(&name.as_str()) {
                let mut tests = self.without.iter().map(|transport| server_test_prefix(*transport));
                lines.extend(tests.next().map(|first| {
                    let more: String = tests.map(|next| format!(" or `{next}`")).collect();
                    format!("{name}: no test whose name contains `{first}`{more}")
                }));
            }
            for feature in features(package).filter(|feature| !self.builds_feature(package, feature)) {
                lines.push(format!("{name}: without the feature `{feature}`"));
            }
        }
        lines
    }

    /// Warns about everything that is left out.
    pub fn warn(&self, workspace: &Workspace) {
        if self.is_complete() {
            return;
        }
        progress(format_args!("\n!!! NOT CHECKED, because of{}:", self.options()));
        for line in self.left_out(workspace) {
            progress(format_args!("!!!   {line}"));
        }
    }

    fn builds_package(&self, package: &Package) -> bool {
        match package.name.as_str() {
            TESTS => self.has_end_to_end_tests(),
            NATS => self.builds(Transport::Nats),
            KAFKA => self.builds(Transport::Kafka),
            _ => true,
        }
    }

    fn builds_feature(&self, package: &Package, feature: &str) -> bool {
        match (package.name.as_str(), feature) {
            (CLI | FRONT_DOOR, "nats") => self.builds(Transport::Nats),
            (CLI | FRONT_DOOR, "kafka") => self.builds(Transport::Kafka),
            (CLI | FRONT_DOOR, "kafka-tls") | (KAFKA, "tls") => self.has_kafka_tls(),
            _ => true,
        }
    }

    /// Selects the packages that are not excluded, with all features that this selection builds.
    fn arguments(&self, workspace: &Workspace, is_excluded: impl Fn(&Package) -> bool) -> Vec<String> {
        let mut arguments = vec!["--workspace".to_owned()];
        if self.is_complete() {
            arguments.push("--all-features".to_owned());
            return arguments;
        }
        let mut selected = Vec::new();
        for package in &workspace.packages {
            if is_excluded(package) {
                arguments.extend(["--exclude".to_owned(), package.name.to_string()]);
                continue;
            }
            let features = features(package).filter(|feature| self.builds_feature(package, feature));
            selected.extend(features.map(|feature| format!("{}/{feature}", package.name)));
        }
        arguments.extend(["--no-default-features".to_owned(), "--features".to_owned()]);
        arguments.push(selected.join(","));
        arguments
    }
}

/// The packages of the workspace.
#[derive(Debug)]
pub struct Workspace {
    packages: Vec<Package>,
}

impl Workspace {
    /// Reads the manifests of the workspace in `root`.
    ///
    /// # Errors
    /// Returns cargo's error if it cannot read them.
    pub fn read(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
        Ok(Self {
            packages: metadata.packages,
        })
    }
}

/// The tests of [`PACKAGES_OF_SERVER_TESTS`] that need a server of `transport` have this in their names.
fn server_test_prefix(transport: Transport) -> String {
    format!("{transport}_")
}

/// Returns `true` for the harness, which starts the servers, and for the packages whose tests use it.
fn uses_servers(package: &Package) -> bool {
    let mut dependencies = package.dependencies.iter();
    package.name.as_str() == HARNESS || dependencies.any(|dependency| dependency.name == HARNESS)
}

fn features(package: &Package) -> impl Iterator<Item = &str> {
    let names = package.features.keys().map(String::as_str);
    names.filter(|feature| *feature != "default")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn this_workspace() -> Workspace {
        Workspace::read(&workspace::root()).unwrap()
    }

    fn without(transports: &[Transport]) -> Selection {
        Selection {
            without: transports.to_vec(),
            ..Selection::default()
        }
    }

    fn no_brokers() -> Selection {
        Selection {
            no_brokers: true,
            ..Selection::default()
        }
    }

    fn excluded(arguments: &[String]) -> Vec<&str> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == "--exclude");
        pairs.map(|pair| pair[1].as_str()).collect()
    }

    fn selected_features(arguments: &[String]) -> Vec<&str> {
        let list = arguments.windows(2).find(|pair| pair[0] == "--features");
        list.map_or(Vec::new(), |pair| pair[1].split(',').collect())
    }

    #[test]
    fn default_selection_is_the_whole_workspace() {
        let (all, workspace) = (Selection::default(), this_workspace());
        assert_eq!(all.build_arguments(&workspace), ["--workspace", "--all-features"]);
        assert_eq!(all.test_runs(&workspace), [["--workspace", "--all-features"]]);
        assert_eq!(all.left_out(&workspace), [""; 0]);
        assert_eq!(all.options(), "");
    }

    #[test]
    fn transport_left_out_is_not_built() {
        let (selection, workspace) = (without(&[Transport::Kafka]), this_workspace());
        let build = selection.build_arguments(&workspace);
        let mut left_out = excluded(&build);
        left_out.sort_unstable();
        assert_eq!(left_out, [KAFKA, TESTS]);
        assert!(build.contains(&"--no-default-features".to_owned()), "{build:?}");
        let features = selected_features(&build);
        assert!(features.contains(&"driver-events-cli/nats"), "{features:?}");
        assert!(
            !features.iter().any(|feature| feature.contains("kafka")),
            "{features:?}"
        );

        let [whole, filtered] = selection.test_runs(&workspace).try_into().unwrap();
        assert!(
            excluded(&whole).contains(&HARNESS) && !excluded(&whole).contains(&NATS),
            "{whole:?}"
        );
        assert!(
            !excluded(&filtered).contains(&HARNESS) && excluded(&filtered).contains(&NATS),
            "{filtered:?}"
        );
        assert_eq!(filtered[filtered.len() - 3..], ["--", "--skip", "kafka_"]);
    }

    #[test]
    fn tls_is_built_without_nats() {
        let (selection, workspace) = (without(&[Transport::Nats]), this_workspace());
        let build = selection.build_arguments(&workspace);
        assert!(
            excluded(&build).contains(&NATS) && !excluded(&build).contains(&KAFKA),
            "{build:?}"
        );
        let features = selected_features(&build);
        assert!(features.contains(&"driver-events-cli/kafka-tls") && features.contains(&"driver-events-kafka/tls"));
        assert!(!features.contains(&"driver-events-cli/nats"), "{features:?}");
    }

    #[test]
    fn no_brokers_builds_both_transports_without_openssl() {
        let (selection, workspace) = (no_brokers(), this_workspace());
        let build = selection.build_arguments(&workspace);
        assert_eq!(excluded(&build), [TESTS]);
        let features = selected_features(&build);
        assert!(features.contains(&"driver-events-cli/kafka") && features.contains(&"driver-events-kafka/zstd"));
        assert!(!features.iter().any(|feature| feature.contains("tls")), "{features:?}");

        let [tests] = selection.test_runs(&workspace).try_into().unwrap();
        for package in [CLI, HARNESS, KAFKA, NATS, TESTS, XTASK] {
            assert!(excluded(&tests).contains(&package), "{package}: {tests:?}");
        }
        for package in ["driver-events-types", "driver-events-core", "driver-events-stdout"] {
            assert!(!excluded(&tests).contains(&package), "{package}: {tests:?}");
        }
    }

    #[test]
    fn left_out_parts_are_listed() {
        let workspace = this_workspace();
        let lines = without(&[Transport::Kafka, Transport::Nats]).left_out(&workspace);
        for line in [
            "driver-events-kafka: not built, not tested",
            "driver-events-nats: not built, not tested",
            "driver-events-tests: not built, not tested",
            "driver-events-cli: without the feature `kafka-tls`",
            "driver-events-cli: without the feature `nats`",
            "driver-events-harness: no test whose name contains `kafka_` or `nats_`",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
        }
        let lines = no_brokers().left_out(&workspace);
        for line in [
            "driver-events-kafka: no test was run",
            "driver-events-kafka: without the feature `tls`",
            "driver-events-tests: not built, not tested",
            "xtask: no test was run",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn options_are_written_as_on_the_command_line() {
        assert_eq!(no_brokers().options(), " --no-brokers");
        assert_eq!(without(&Transport::ALL).options(), " --without nats --without kafka");
    }
}
