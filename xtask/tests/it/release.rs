//! The rules of a release, on small repositories that break them.

use std::fs;

use tempfile::TempDir;
use xtask::release::{self, packages, published, rules};

use crate::repository::Repository;

const DOCS: &str = "[package.metadata.docs.rs]\nall-features = true\nrustdoc-args = [\"--cfg\", \"docsrs\"]\n";

/// A workspace of version 0.2.0 with three crates, the first of which depends on the last.
struct Workspace {
    repository: Repository,
    _folder: TempDir,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path());
        repository.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.package]\nversion = \"0.2.0\"\n",
        );
        repository.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- all\n");
        let workspace = Self {
            repository,
            _folder: folder,
        };
        workspace.add(
            "alpha",
            "[dependencies.omega]\npath = \"../omega\"\nversion = \"0.2.0\"\n",
        );
        workspace.add("omega", "");
        workspace.add("unpublished", "");
        workspace.manifest("unpublished", "publish = false\n");
        workspace
    }

    /// Adds a crate with complete metadata. `tables` follow them.
    fn add(&self, name: &str, tables: &str) {
        self.manifest(name, &format!("{DOCS}{tables}"));
        for file in ["src/lib.rs", "README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            self.repository.write(&format!("crates/{name}/{file}"), "");
        }
    }

    fn manifest(&self, name: &str, rest: &str) {
        let package = format!("[package]\nname = \"{name}\"\nversion.workspace = true\nedition = \"2024\"\n{rest}");
        self.repository.write(&format!("crates/{name}/Cargo.toml"), &package);
    }

    fn check(&self) -> Result<(), String> {
        self.repository.commit_all();
        let packages = published::read(&self.repository.root).unwrap();
        rules::check(&self.repository.root, &packages).map_err(|error| error.to_string())
    }

    fn expect_finding(&self, finding: &str) {
        let error = self.check().unwrap_err();
        assert_eq!(error, format!("not fit for publication:\n  {finding}"));
    }
}

#[test]
fn dependencies_are_published_first() {
    let workspace = Workspace::new();
    let packages = published::read(&workspace.repository.root).unwrap();
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["omega", "alpha"]);
    workspace.check().unwrap();
}

#[test]
fn crates_that_depend_on_each_other_have_no_order() {
    let workspace = Workspace::new();
    workspace.add(
        "omega",
        "[dependencies.alpha]\npath = \"../alpha\"\nversion = \"0.2.0\"\n",
    );
    let error = published::read(&workspace.repository.root).unwrap_err().to_string();
    assert!(error.starts_with("no order of publication"), "{error}");
}

#[test]
fn other_versions_are_reported() {
    let own = Workspace::new();
    own.repository.write(
        "crates/omega/Cargo.toml",
        &format!("[package]\nname = \"omega\"\nversion = \"0.2.1\"\nedition = \"2024\"\n{DOCS}"),
    );
    own.expect_finding("omega has version 0.2.1, the workspace 0.2.0");

    let required = Workspace::new();
    required.add(
        "alpha",
        "[dependencies.omega]\npath = \"../omega\"\nversion = \"0.2\"\n",
    );
    required.expect_finding("alpha asks for omega ^0.2, not for the workspace's version 0.2.0");
}

#[test]
fn incomplete_documentation_metadata_are_reported() {
    let workspace = Workspace::new();
    workspace.manifest("omega", "[package.metadata.docs.rs]\nall-features = true\n");
    workspace.expect_finding("omega has no `all-features` and `--cfg docsrs` in `package.metadata.docs.rs`");
}

#[test]
fn package_without_a_licence_is_reported() {
    let workspace = Workspace::new();
    workspace.manifest("omega", &format!("exclude = [\"/LICENSE-MIT\"]\n{DOCS}"));
    workspace.expect_finding("the package of omega lacks LICENSE-MIT");
}

#[test]
fn tests_that_cannot_run_in_their_package_are_reported() {
    let workspace = Workspace::new();
    let harness = "[dev-dependencies.unpublished]\npath = \"../unpublished\"\n";
    workspace.add("omega", harness);
    workspace.check().unwrap();
    workspace.repository.write("crates/omega/tests/it.rs", "");
    workspace.expect_finding("the package of omega has tests, but not unpublished, which they need: exclude `/tests`");
}

#[test]
fn missing_part_of_the_changelog_is_reported() {
    let workspace = Workspace::new();
    workspace
        .repository
        .write("CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-01-01\n\n- old\n");
    workspace.expect_finding("CHANGELOG.md has neither `## [0.2.0]` nor `## [Unreleased]`");
}

#[test]
fn unpacked_files_are_new_so_that_cargo_builds_them() {
    let workspace = Workspace::new();
    workspace.repository.write("Cargo.lock", "version = 4\n");
    workspace.repository.commit_all();
    let root = &workspace.repository.root;
    let mut packages = published::read(root).unwrap();
    packages.retain(|package| package.name.as_str() == "omega");
    let before = fs::metadata(root.join("crates/omega/src/lib.rs"))
        .unwrap()
        .modified()
        .unwrap();
    let unpacked = root.join("unpacked");
    packages::unpack(root, &packages, &unpacked, &["--allow-dirty"]).unwrap();
    let file = unpacked.join("omega-0.2.0/src/lib.rs");
    assert!(fs::metadata(file).unwrap().modified().unwrap() >= before);
}

#[test]
fn changed_work_tree_is_refused() {
    let workspace = Workspace::new();
    workspace.repository.commit_all();
    packages::require_clean(&workspace.repository.root).unwrap();
    workspace.repository.write("crates/omega/src/lib.rs", "// changed");
    workspace.repository.write("new.rs", "");
    let error = packages::require_clean(&workspace.repository.root)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the work tree has changes that are not committed"),
        "{error}"
    );
    assert!(error.ends_with(" M crates/omega/src/lib.rs\n?? new.rs"), "{error}");
}

#[test]
fn released_version_is_refused() {
    let workspace = Workspace::new();
    workspace.repository.commit_all();
    workspace.repository.git(&["tag", "v0.2.0"]);
    rules::require_unreleased(&workspace.repository.root).unwrap();
    workspace.repository.commit_all();
    let error = rules::require_unreleased(&workspace.repository.root)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("the tag v0.2.0 names an older commit"), "{error}");
}

#[test]
fn release_without_dry_run_prints_the_commands_and_fails() {
    let workspace = Workspace::new();
    let error = release::run(&workspace.repository.root, false).unwrap_err().to_string();
    assert!(error.starts_with("publishing is done by hand"), "{error}");
    assert!(error.contains("cargo publish --workspace\n  git tag v0.2.0"), "{error}");
}
