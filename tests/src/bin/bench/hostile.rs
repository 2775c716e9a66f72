//! Hostile texts of 512 KiB compared with eight of 64 KiB of the same shape: the ratio is near 1 if the decoder takes linear
//! time, and near 8 if it takes quadratic time.

use driver_events_types::Decoded;

use crate::Failure;
use crate::report::{Report, Row};
use crate::rounds::timed;

const SHORT: usize = 64 * 1024;
const TIMES: usize = 8;

/// What is repeated, then the text before, the repeated piece, its separator, and the text after.
const SHAPES: [(&str, [&str; 4]); 9] = [
    ("equal fields", [r#"{"kind":"escalate","#, r#""a":1"#, ",", "}"]),
    ("kinds", ["{", r#""kind":"escalate""#, ",", "}"]),
    (
        "fields before the kind",
        ["{", r#""x":{"kind":"y"}"#, ",", r#","kind":"goal_paused"}"#],
    ),
    (
        "unknown kinds of a criterion",
        [
            r#"{"kind":"goal_started","goal":{"acceptance":["#,
            r#"{"kind":"new"}"#,
            ",",
            "]}}",
        ],
    ),
    (
        "elements of free JSON",
        [r#"{"decision":{"input":["#, "[]", ",", r#"]},"kind":"decision"}"#],
    ),
    ("digits", [r#"{"kind":"decision","decision":{"input":"#, "9", "", "}}"]),
    (
        "parts of a duration",
        [
            r#"{"kind":"attempt_started","usage":{"wall_time":""#,
            "1s",
            " ",
            r#""}}"#,
        ],
    ),
    ("escapes", [r#"{"kind":"escalate","goal_id":""#, r"\u001b", "", r#""}"#]),
    ("blanks", ["", "\n", "", ""]),
];

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    report.ratios("Hostile text: one of 512 KiB / eight of 64 KiB, per text; near 1 is linear time");
    for (what, shape) in SHAPES {
        let (long, short) = (text(shape, SHORT * TIMES), text(shape, SHORT));
        let decode = |text: &str, times: usize| {
            timed(|| {
                for _ in 0..times {
                    // Most are errors: only the time matters.
                    let _ = std::hint::black_box(Decoded::from_json(text.as_bytes()));
                }
                Ok(())
            })
        };
        report.compare(
            Row::time(what, 1).target(2.0),
            || decode(&long, 1),
            |_| decode(&short, TIMES),
        )?;
    }
    Ok(())
}

fn text([before, piece, separator, after]: [&str; 4], length: usize) -> String {
    let count = (length - before.len() - after.len()) / (piece.len() + separator.len());
    format!("{before}{}{after}", vec![piece; count].join(separator))
}
