//! The package `docs/consumers/typescript`, packed and installed into a new project.

mod new_project;

use std::fs;

use driver_events_core::conformance::samples;
use driver_events_types::{Decoded, DriverEvent};
use fastrand::Rng;
use serde_json::Value;

use self::new_project::{NewProject, Outcome};
use crate::consumers::{examples, typescript};
use crate::documents::root;
use crate::generated_events::{changed, events};
use crate::sample_events::{GOAL_RUN, UPSTREAM};
use crate::schema::mutants_of_all_events;

/// Number of generated events, and of changed ones.
const GENERATED: usize = 1_600;
const SEED: u64 = 20_260_601;

/// Unit tests, and the types that the schema generates. The types are checked when the package is built.
#[test]
fn package_passes_its_own_tests() {
    let output = typescript().npm().args(["run", "check"]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!stdout.contains("# tests 0"), "{stdout}");
}

#[test]
fn packed_package_keeps_every_event() {
    let project = NewProject::new();
    let generated = events(SEED, GENERATED).into_iter().map(|event| event.to_string());
    let hostile = samples::hostile(samples::goal(1)).into_iter();
    let hostile = hostile.map(|event| String::from_utf8(event.to_json().unwrap()).unwrap());
    let fixtures = GOAL_RUN.lines().chain(UPSTREAM.lines()).map(String::from);
    let events: Vec<_> = fixtures.chain(generated).chain(hostile).collect();
    for (event, outcome) in events.iter().zip(project.decode(&events)) {
        let Outcome::Known {
            raw,
            event: parsed,
            inexact,
        } = outcome
        else {
            panic!("{outcome:?}: {event}");
        };
        assert_eq!(raw, event.as_bytes());
        let expected: Value = serde_json::from_str(event).unwrap();
        let mut lossy = Vec::new();
        assert_same(&expected, &parsed, "", &mut lossy);
        lossy.sort();
        let mut inexact = inexact;
        inexact.sort();
        assert_eq!(inexact, lossy, "{event}");
    }
}

/// The decoder of the package judges damaged events, and events of newer publishers, as the library does.
#[test]
fn packed_package_judges_as_the_library_does() {
    let mut random = Rng::with_seed(SEED);
    let generated = events(SEED, GENERATED).into_iter();
    let generated = generated.map(|event| changed(&mut random, event).to_string());
    let mutants: Vec<_> = mutants_of_all_events()
        .into_iter()
        .step_by(29)
        .chain(generated)
        .collect();
    let mut verdicts = [0_u32; 3];
    for (event, outcome) in mutants.iter().zip(NewProject::new().decode(&mutants)) {
        match (Decoded::from_json(event.as_bytes()), &outcome) {
            (Ok(Decoded::Known(_)), Outcome::Known { .. }) => verdicts[0] += 1,
            (Ok(Decoded::Unknown { path, raw, .. }), Outcome::Unknown { path: found, raw: kept }) => {
                assert_eq!((found, kept), (&path, &raw), "{event}");
                verdicts[1] += 1;
            }
            (Err(_), Outcome::Malformed(_)) => verdicts[2] += 1,
            (expected, _) => panic!("{expected:?}, but {outcome:?}: {event}"),
        }
    }
    assert!(verdicts.iter().all(|count| *count > 100), "{verdicts:?}");
}

#[test]
fn example_of_the_readme_is_type_checked() {
    let project = NewProject::new();
    let readme = fs::read_to_string(examples().join("typescript/README.md")).unwrap();
    let example = crate::documents::fenced(&readme, "ts").join("\n");
    assert!(example.contains("decode(message.data)"), "{example}");
    project.check_types("readme.ts", &example).unwrap();
    // The check finds mistakes.
    let mistaken = example.replace(".outcome;", ".outcom;");
    let errors = project.check_types("mistaken.ts", &mistaken).unwrap_err();
    assert!(errors.contains("'outcom' does not exist"), "{errors}");
}

#[test]
fn package_has_exact_copies_of_the_licences() {
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let [original, copy] =
            [root(), examples().join("typescript")].map(|folder| fs::read(folder.join(licence)).unwrap());
        assert!(original == copy, "{licence}");
    }
}

/// Asserts that both values are equal, where JavaScript has rounded integers. Collects the paths of the rounded ones.
fn assert_same(expected: &Value, found: &Value, path: &str, lossy: &mut Vec<String>) {
    let child = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            assert!(expected.keys().eq(found.keys()), "{path}");
            for (name, value) in expected {
                assert_same(value, &found[name], &child(name), lossy);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{path}");
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                assert_same(expected, found, &format!("{path}[{index}]"), lossy);
            }
        }
        (Value::Number(number), Value::Number(found)) => {
            assert_eq!(number.as_f64(), found.as_f64(), "{path}");
            let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "rounds as JavaScript does"
            )]
            let is_rounded = integer.is_some_and(|integer| integer as f64 as i128 != integer);
            if is_rounded {
                lossy.push(path.to_owned());
            }
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

/// An unknown field of a newer publisher is kept, too.
#[test]
fn packed_package_keeps_events_of_the_future() {
    let known =
        r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x","severity":{"level":3}}"#;
    let unknown = r#"{ "why" : [1.50,"\u00e4"], "kind":"goal_paused" }"#;
    DriverEvent::from_json(known.as_bytes()).unwrap();
    let events = [known.to_owned(), unknown.to_owned()];
    let [first, second] = <[_; 2]>::try_from(NewProject::new().decode(&events)).unwrap();
    assert!(
        matches!(&first, Outcome::Known { raw, event, .. } if raw == known.as_bytes() && event["severity"]["level"] == 3),
        "{first:?}"
    );
    assert!(
        matches!(&second, Outcome::Unknown { raw, path } if raw == unknown.as_bytes() && path == "kind"),
        "{second:?}"
    );
}
