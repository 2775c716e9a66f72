//! The check of the types crate's folder, on a repository without its README.

use xtask::vendor;

use crate::repository::Repository;

#[test]
fn folder_without_a_tracked_readme_fails() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(folder.path());
    repository.write("crates/driver-events-types/Cargo.toml", "");
    repository.commit_all();
    repository.write("crates/driver-events-types/README.md", "not tracked");
    let error = vendor::check(&repository.root).unwrap_err().to_string();
    assert!(
        error.starts_with("crates/driver-events-types/README.md is not tracked by git"),
        "{error}"
    );
}
