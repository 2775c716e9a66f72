//! The codec compared with the plain serde derive of the same contract.

use driver_events_types::DriverEvent;

use crate::Failure;
use crate::plain_contract::PlainEvent;
use crate::rounds::{Ratio, compare, print_head, timed};

const REPEATS: usize = 1_000;

pub(crate) fn run() -> Result<(), Failure> {
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
    println!(
        "codec: {} events of the realistic run, per event; ratio of times, less is better",
        lines.len()
    );
    print_head();
    compare(
        "encode: write_json / serde derive",
        events,
        Ratio::Time,
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
        || {
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
    compare(
        "decode: from_json / serde derive",
        events,
        Ratio::Time,
        || {
            timed(|| {
                for _ in 0..REPEATS {
                    for line in &lines {
                        std::hint::black_box(DriverEvent::from_json(line)?);
                    }
                }
                Ok(())
            })
        },
        || {
            timed(|| {
                for _ in 0..REPEATS {
                    for line in &lines {
                        std::hint::black_box(serde_json::from_slice::<PlainEvent>(line)?);
                    }
                }
                Ok(())
            })
        },
    )
}
