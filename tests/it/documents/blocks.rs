//! Every code block is checked: by this test, by a compiler, or by running it.

use std::fs;

use driver_events_types::schema;
use serde_json::Value;

use super::pages::{self, Page};
use super::root;

/// Returns whether the page is compiled as documentation of a crate.
fn is_doc_test(page: &Page) -> bool {
    let root = root();
    let source = match page.name.strip_suffix("/README.md") {
        Some(folder) => root.join(folder).join("src/lib.rs"),
        None => root.join("tests/src/lib.rs"),
    };
    let include = match page.name.strip_suffix("/README.md") {
        Some(_) => "include_str!(\"../README.md\")".to_owned(),
        None => format!("include_str!(\"../../{}\")", page.name),
    };
    fs::read_to_string(source).is_ok_and(|source| source.contains(&include))
}

/// Returns whether the commands of the page are run, by `commands.rs` or by the tests of the tool.
fn is_run(page: &Page) -> bool {
    super::commands::PAGES.contains(&page.name.as_str())
        || [
            "CONTRIBUTING.md",
            "crates/driver-events-cli/README.md",
            "tests/harness/README.md",
        ]
        .contains(&&*page.name)
}

#[test]
fn every_code_block_is_checked() {
    let strict = jsonschema::draft202012::new(&serde_json::from_str(schema::STRICT_EVENT).unwrap()).unwrap();
    let mut events = 0;
    for page in pages::all() {
        for block in page.blocks() {
            let place = format!("{}:{}", page.name, block.line);
            match block.language.split(',').next().unwrap() {
                "rust" => assert!(is_doc_test(&page), "{place}: no crate compiles this page"),
                "sh" => assert!(is_run(&page), "{place}: no test runs this page"),
                "json" => {
                    let value: Value =
                        serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
                    if value.get("kind").is_some() {
                        assert!(strict.is_valid(&value), "{place}: the event is not valid");
                        events += 1;
                    }
                }
                "toml" => {
                    let parsed = block.text.parse::<toml::Table>();
                    assert!(parsed.is_ok(), "{place}: {:?}", parsed.err());
                }
                // The tests of the package in this language.
                "python" => assert!(
                    page.name.starts_with("docs/consumers/python/"),
                    "{place}: no test runs this page"
                ),
                "ts" => assert!(
                    page.name.starts_with("docs/consumers/typescript/"),
                    "{place}: no test runs this page"
                ),
                // A dialogue or a picture.
                "console" | "text" => {}
                other => panic!("{place}: `{other}` is not a language that this test knows"),
            }
        }
    }
    assert!(events > 16, "{events}");
}
