//! The codec compared with the plain serde derive of the same contract.

use std::collections::BTreeMap;

use driver_events_types::DriverEvent;
use serde_json::Value;

use crate::Failure;
use crate::plain_contract::PlainEvent;
use crate::report::{Report, Row};
use crate::rounds::timed;

const REPEATS: usize = 1_000;

pub(crate) fn run(report: &Report) -> Result<(), Failure> {
    let lines: Vec<&[u8]> = crate::GOAL_RUN.lines().map(str::as_bytes).collect();
    let ours: Vec<DriverEvent> = lines
        .iter()
        .map(|line| DriverEvent::from_json(line))
        .collect::<Result<_, _>>()?;
    let plain: Vec<PlainEvent> = lines
        .iter()
        .map(|line| serde_json::from_slice(line))
        .collect::<Result<_, _>>()?;
    for ((line, ours), plain) in lines.iter().zip(&ours).zip(&plain) {
        if ours.to_json()? != *line || serde_json::to_vec(plain)? != *line {
            return Err("the two sides do not write the same bytes".into());
        }
    }

    let events = lines.len() * REPEATS;
    report.ratios(&format!(
        "Codec: {} events of the realistic run, per event; ratio of times, less is better",
        lines.len()
    ));
    report.compare(
        Row::time("encode: write_json / serde derive", events).target(0.4),
        || {
            let mut out = Vec::with_capacity(64 * 1024);
            timed(|| {
                for _ in 0..REPEATS {
                    out.clear();
                    for event in &ours {
                        event.write_json(&mut out)?;
                    }
                    std::hint::black_box(&out);
                }
                Ok(())
            })
        },
        |_| {
            let mut out = Vec::with_capacity(64 * 1024);
            timed(|| {
                for _ in 0..REPEATS {
                    out.clear();
                    for event in &plain {
                        serde_json::to_writer(&mut out, event)?;
                    }
                    std::hint::black_box(&out);
                }
                Ok(())
            })
        },
    )?;
    let reordered: Vec<String> = lines
        .iter()
        .map(|line| Ok(in_other_order(serde_json::from_slice(line)?).to_string()))
        .collect::<Result<_, Failure>>()?;
    let pretty: Vec<String> = plain
        .iter()
        .map(serde_json::to_string_pretty)
        .collect::<Result<_, _>>()?;
    compare_decoders(report, "decode: from_json / serde derive", 0.4, &lines)?;
    compare_decoders(report, "decode, keys in another order", 1.0, &bytes_of(&reordered))?;
    compare_decoders(report, "decode, pretty-printed", 1.0, &bytes_of(&pretty))
}

fn compare_decoders(report: &Report, what: &str, target: f64, texts: &[&[u8]]) -> Result<(), Failure> {
    report.compare(
        Row::time(what, texts.len() * REPEATS).target(target),
        || {
            timed(|| {
                for _ in 0..REPEATS {
                    for text in texts {
                        std::hint::black_box(DriverEvent::from_json(text)?);
                    }
                }
                Ok(())
            })
        },
        |_| {
            timed(|| {
                for _ in 0..REPEATS {
                    for text in texts {
                        std::hint::black_box(serde_json::from_slice::<PlainEvent>(text)?);
                    }
                }
                Ok(())
            })
        },
    )
}

fn bytes_of(texts: &[String]) -> Vec<&[u8]> {
    texts.iter().map(String::as_bytes).collect()
}

/// Sorts the keys of every object, whether or not serde_json keeps their order.
fn in_other_order(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.into_iter().collect();
            sorted
                .into_iter()
                .map(|(key, value)| (key, in_other_order(value)))
                .collect()
        }
        Value::Array(values) => values.into_iter().map(in_other_order).collect(),
        scalar => scalar,
    }
}
