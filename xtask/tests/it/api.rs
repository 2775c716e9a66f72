//! The committed lists of public APIs.

use xtask::{api, workspace};

use crate::repository::Repository;

#[test]
fn listed_apis_name_only_allowed_crates() {
    api::check_names(&workspace::root()).unwrap();
}

#[test]
fn client_library_in_the_api_of_core_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(folder.path());
    repository.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"core\"]\n");
    repository.write(
        "core/Cargo.toml",
        "[package]\nname = \"driver-events-core\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    repository.write("core/src/lib.rs", "");
    let missing = api::check_names(&repository.root).unwrap_err().to_string();
    assert_eq!(
        missing,
        "cannot read docs/api/driver-events-core.txt: run `cargo xtask api`"
    );

    let line = "pub fn driver_events_core::connect(async_nats::client::Client)";
    repository.write("docs/api/driver-events-core.txt", line);
    let error = api::check_names(&repository.root).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("foreign types in a public API:\n  driver-events-core must not name `async_nats`: {line}")
    );
}
