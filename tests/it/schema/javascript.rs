//! The parser of AsyncAPI's authors and Ajv, the usual validator of JavaScript, accept the committed documents.

use std::process::Command;

use driver_events_harness::interop::{self, NodeProject};

use crate::documents::root;
use crate::sample_events::{GOAL_RUN, UPSTREAM};

const SCHEMAS: &str = "crates/driver-events-types/schema";
const FIXTURES: &str = "crates/driver-events-types/tests/fixtures";

fn project() -> NodeProject {
    interop::node_project(&root().join("tests/it/schema/javascript"), None).unwrap()
}

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The version of AsyncAPI is the one that most tools read.
#[test]
fn parser_of_asyncapi_reports_nothing_but_a_newer_version() {
    let project = project();
    let document = root().join(SCHEMAS).join("asyncapi.json");
    let printed = printed(project.command("asyncapi.js").arg(document));
    let lines: Vec<_> = printed.lines().collect();
    let [hint, parsed] = lines[..] else {
        panic!("{printed}");
    };
    assert!(hint.starts_with("information asyncapi-latest-version"), "{hint}");
    assert_eq!(parsed, "parsed 33 channels, 33 operations, 32 messages");
}

#[test]
fn parser_of_asyncapi_finds_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let document = std::fs::read_to_string(root().join(SCHEMAS).join("asyncapi.json")).unwrap();
    let mistaken = folder.path().join("asyncapi.json");
    std::fs::write(
        &mistaken,
        document.replacen(r##""#/servers/nats""##, r##""#/servers/none""##, 1),
    )
    .unwrap();
    let printed = printed(project().command("asyncapi.js").arg(mistaken));
    assert!(printed.contains("error "), "{printed}");
}

#[test]
fn ajv_in_strict_mode_accepts_schemas_and_fixtures() {
    let fixtures = ["goal-run.ndjson", "upstream-events.ndjson"].map(|name| root().join(FIXTURES).join(name));
    let printed = printed(project().command("ajv.js").arg(root().join(SCHEMAS)).args(fixtures));
    let events = GOAL_RUN.lines().chain(UPSTREAM.lines()).count();
    assert_eq!(printed, format!("34 schemas, {} validations\n", 34 * events));
}
