//! The example consumers parse durations as Rust does.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use driver_events_harness::interop;
use driver_events_types::BudgetUsage;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::consumers::{LANGUAGES, Language, python, typescript};
use crate::sample_events::{GOAL_RUN, UPSTREAM};

/// Rejected in every language.
const INVALID: [&str; 21] = [
    "",
    " ",
    "5",
    "s",
    "-1s",
    "+1s",
    "1_0s",
    "1s 0",
    "1 fortnight",
    "1\u{1c}s",
    "0 ",
    "1.s",
    "1.5ns",
    "0.0000000001s",
    "0.00001h",
    "18446744073709551616ns",
    "0x1s",
    "１s",
    "99999999999999y",
    "18446744073709551616s",
    "18446744073709551615s 1000000000ns",
];

/// Decoded by Rust, Python and TypeScript, but never written. Go's consumer accepts the written form only.
const NOT_WRITTEN: [&str; 13] = [
    "0",
    "1 h",
    "1h1h",
    "1.5s",
    "1µs",
    " 1s",
    "1s\n",
    "1 0s",
    "0.25 weeks",
    "1\u{2003}M 1y",
    "1hours 2mins 3secs 4msec 5usec 6nsec",
    "0.000000001s",
    "18446744073709551615ns",
];

/// Each duration in nanoseconds, or `None` for an error.
type Parsed = Vec<Option<u128>>;

fn parse(language: Language, texts: &[String]) -> Parsed {
    let programs = crate::documents::root().join("tests/it/durations");
    let mut command = match language {
        Language::Python => python("nats").command(&programs.join("main.py")),
        Language::Go => Command::new(interop::go_program(&programs).unwrap()),
        Language::TypeScript => {
            let mut command = Command::new("node");
            let package = typescript().folder().join("dist/index.js");
            command.arg(programs.join("main.mjs")).arg(package);
            command
        }
    };
    let output = command.args(texts).output().unwrap();
    assert!(output.status.success(), "{language:?}: {output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let parsed = |line: &str| (line != "error").then(|| line.parse().unwrap());
    lines.lines().map(parsed).collect()
}

fn parse_in_rust(text: &str) -> Option<u128> {
    let usage = json!({ "turns": 0, "wall_time": text, "tokens": 0, "consecutive_denies": 0 });
    let usage: BudgetUsage = serde_json::from_value(usage).ok()?;
    Some(usage.wall_time.as_nanos())
}

fn collect_durations(value: &Value, durations: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if ["elapsed", "wall_time", "max_wall_time"].contains(&name.as_str()) => {
                        durations.insert(text.clone());
                    }
                    _ => collect_durations(value, durations),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_durations(value, durations)),
        _ => {}
    }
}

#[test]
fn consumers_parse_every_written_duration() {
    let mut texts = BTreeSet::new();
    for line in GOAL_RUN.lines().chain(UPSTREAM.lines()) {
        collect_durations(&serde_json::from_str(line).unwrap(), &mut texts);
    }
    assert!(texts.len() > 50, "{texts:?}");
    let go_max = Duration::from_nanos(i64::MAX.unsigned_abs());
    let limits = [go_max, go_max + Duration::from_nanos(1), Duration::MAX];
    texts.extend(limits.map(|limit| humantime::format_duration(limit).to_string()));
    let texts: Vec<_> = texts.into_iter().collect();
    let expected: Parsed = texts.iter().map(|text| Some(parse_in_rust(text).unwrap())).collect();
    assert_eq!(parse(Language::Python, &texts), expected);
    assert_eq!(parse(Language::TypeScript, &texts), expected);
    let fits_go = |nanoseconds: &u128| i64::try_from(*nanoseconds).is_ok();
    let expected: Parsed = expected.into_iter().map(|parsed| parsed.filter(fits_go)).collect();
    assert_eq!(parse(Language::Go, &texts), expected);
}

#[test]
fn consumers_reject_other_texts() {
    for text in INVALID {
        assert_eq!(parse_in_rust(text), None, "{text:?}");
    }
    for text in NOT_WRITTEN {
        assert!(parse_in_rust(text).is_some(), "{text:?}");
    }
    let texts = INVALID.map(String::from);
    for language in LANGUAGES {
        assert_eq!(
            parse(language, &texts),
            vec![None; texts.len()],
            "{language:?}: {texts:?}"
        );
    }
    let texts = NOT_WRITTEN.map(String::from);
    let expected: Parsed = texts.iter().map(|text| parse_in_rust(text)).collect();
    for language in [Language::Python, Language::TypeScript] {
        assert_eq!(parse(language, &texts), expected, "{language:?}: {texts:?}");
    }
    assert_eq!(parse(Language::Go, &texts), vec![None; texts.len()], "{texts:?}");
}

#[test]
fn random_texts_are_parsed_as_in_rust() {
    let numbers = ["0", "1", "5", "25", "999", "000", "1 2", "18446744073709551615"];
    let units = [
        "ns", "us", "µs", "ms", "s", "sec", "m", "min", "h", "hours", "d", "day", "w", "wks", "M", "month", "y",
        "years",
    ];
    let others = [
        "", ".", " ", "\n", "\u{85}", "\u{3000}", "\u{feff}", "-", "S", "μ", "é", "0",
    ];
    let mut random = Rng::with_seed(96_410);
    let mut text = || {
        let mut text = String::new();
        for _ in 0..random.usize(1..=3) {
            text += random.choice(numbers).unwrap();
            if random.u8(..3) == 0 {
                text += ".";
                text += random.choice(numbers).unwrap();
            }
            text += random.choice(units).unwrap();
            if random.u8(..3) == 0 {
                text += random.choice(others).unwrap();
            }
        }
        text
    };
    let texts: Vec<_> = (0..4_000).map(|_| text()).collect();
    let expected: Parsed = texts.iter().map(|text| parse_in_rust(text)).collect();
    let valid = expected.iter().flatten().count();
    assert!((500..3_500).contains(&valid), "{valid}");
    for language in [Language::Python, Language::TypeScript] {
        let parsed = parse(language, &texts);
        assert_eq!(parsed.len(), texts.len());
        for (text, (found, expected)) in texts.iter().zip(parsed.iter().zip(&expected)) {
            assert_eq!(found, expected, "{language:?}: {text:?}");
        }
    }
}
