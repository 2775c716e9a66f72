//! The published list of differences between the schemas and the decoder, `docs/schema.md`.

use driver_events_types::{DecodeError, Limits};

use super::{Schemas, Verdict, verdict_of_decoder};

const EXHAUSTED: &str = r#"{"kind":"budget_exhausted","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","axis":"turns","usage":{"turns":1,"wall_time":"1s","tokens":2,"consecutive_denies":0}}"#;
const CUSTOM: &str = r#"{"kind":"goal_started","goal":{"id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","description":"a text","acceptance":[],"budget":{"max_turns":1,"max_wall_time":"1s","max_tokens":2,"max_consecutive_denies":0},"metadata":{"a":1}}}"#;
const ACCEPTANCE: &str = r#"{"kind":"acceptance","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","verdict":{"met":true,"evaluated_at":"2026-06-01T08:00:00Z","elapsed_ms":7}}"#;

/// A difference, with an event that shows it.
struct Difference {
    /// First cell of its row in the page.
    name: &'static str,
    event: String,
    /// What the decoder says.
    decoder: Verdict,
    /// What the schema says if the event was parsed by serde_json.
    schema: Verdict,
}

/// Replaces a part that occurs once.
fn replaced(event: &str, from: &str, to: &str) -> String {
    assert_eq!(event.matches(from).count(), 1, "{from:?} in {event}");
    event.replace(from, to)
}

fn differences() -> Vec<Difference> {
    let refused = |name, event| Difference {
        name,
        event,
        decoder: Verdict::Invalid,
        schema: Verdict::Known,
    };
    let nested = "[".repeat(64) + &"]".repeat(64);
    let long = "a".repeat(Limits::default().max_bytes());
    vec![
        refused(
            "integer with a fraction or an exponent",
            replaced(EXHAUSTED, r#""turns":1"#, r#""turns":1.0"#),
        ),
        refused("negative zero", replaced(EXHAUSTED, r#""turns":1"#, r#""turns":-0"#)),
        refused(
            "repeated key",
            replaced(EXHAUSTED, r#""turns":1"#, r#""turns":1,"turns":1"#),
        ),
        refused(
            "more than 64 levels",
            replaced(CUSTOM, r#""a":1"#, &format!(r#""a":{nested}"#)),
        ),
        refused("more than 512 KiB", replaced(CUSTOM, "a text", &long)),
        refused(
            "day that the month does not have",
            replaced(ACCEPTANCE, "2026-06-01", "2026-02-30"),
        ),
        refused(
            "time outside the years 0000 to 9999 in UTC",
            replaced(ACCEPTANCE, "2026-06-01T08:00:00Z", "0000-01-01T00:00:00+01:00"),
        ),
        refused(
            "duration of 2⁶⁴ seconds or more",
            replaced(EXHAUSTED, r#""1s""#, r#""18446744073709551616s""#),
        ),
        refused(
            "fraction of a duration that is not exact",
            replaced(EXHAUSTED, r#""1s""#, r#""0.0001us""#),
        ),
        Difference {
            name: "half of a surrogate pair",
            event: replaced(CUSTOM, "a text", r"cut \ud83d"),
            decoder: Verdict::Known,
            schema: Verdict::Invalid,
        },
        Difference {
            name: "number beyond a 64-bit float",
            event: replaced(CUSTOM, r#""a":1"#, r#""a":1e400"#),
            decoder: Verdict::Invalid,
            schema: Verdict::Invalid,
        },
        Difference {
            name: "`NaN` and `Infinity`",
            event: replaced(CUSTOM, r#""a":1"#, r#""a":NaN"#),
            decoder: Verdict::Invalid,
            schema: Verdict::Invalid,
        },
        Difference {
            name: "integer beyond 2⁵³",
            event: replaced(EXHAUSTED, r#""tokens":2"#, r#""tokens":18446744073709551616"#),
            decoder: Verdict::Invalid,
            schema: Verdict::Invalid,
        },
    ]
}

/// Returns whether the decoder's error is one that the page says a schema does not find.
pub(super) fn is_published(error: &DecodeError) -> bool {
    let published = [
        "time out of range",
        "input is out of range",
        "number is too large or cannot be represented without a lack of precision",
    ];
    published.iter().any(|text| error.message().contains(text))
}

#[test]
fn published_differences_are_those_that_exist() {
    let schemas = Schemas::of_all_kinds();
    let differences = differences();
    for difference in &differences {
        let json = difference.event.as_bytes();
        assert_eq!(verdict_of_decoder(json), difference.decoder, "{}", difference.name);
        assert_eq!(schemas.verdict(json), difference.schema, "{}", difference.name);
    }
    let page = crate::documents::root().join("docs/schema.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("## Differences").unwrap();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let published: Vec<_> = rows.skip(1).collect();
    let tested: Vec<_> = differences.iter().map(|difference| difference.name).collect();
    assert_eq!(published, tested);
}
