//! The table: a line for each scenario, with the columns of its transport.

use crate::row::Row;
use crate::scenario::Scenario;

/// A column: its title, and what it says of a row.
pub(crate) type Column = (&'static str, fn(&Row) -> String);

pub(crate) const NATS: &[Column] = &[
    FAULTS,
    SENT,
    ACKNOWLEDGED,
    STORED,
    LOST,
    DOUBLED,
    ("out of order", |row| out_of_order(row, "at risk")),
    ("told at risk", |row| row.at_risk.to_string()),
    ("of these missing", |row| match row.is_blind {
        true => "not seen".to_owned(),
        false => row.verdict.missing.to_string(),
    }),
    ("known already", |row| row.duplicates.to_string()),
    ERRORS,
    LONGEST,
    MEMORY,
];

pub(crate) const KAFKA: &[Column] = &[
    FAULTS,
    SENT,
    ACKNOWLEDGED,
    STORED,
    LOST,
    DOUBLED,
    ("counted as possible", |row| row.possible_duplicates.to_string()),
    ("of these doubled", |row| row.verdict.doubled_as_told.to_string()),
    ("out of order", |row| out_of_order(row, "sent again")),
    ("read by the group", |row| match row.read {
        0 => NONE.to_owned(),
        read => read.to_string(),
    }),
    ("more than once", |row| match row.read {
        0 => NONE.to_owned(),
        _ => row.read_again.to_string(),
    }),
    ERRORS,
    LONGEST,
    MEMORY,
];

const NONE: &str = "–";
const FAULTS: Column = ("faults", faults);
const SENT: Column = ("sent", |row| row.sent.to_string());
const ACKNOWLEDGED: Column = ("acknowledged", |row| row.acknowledged.to_string());
const STORED: Column = ("stored", |row| row.verdict.stored.to_string());
const LOST: Column = ("lost", |row| row.verdict.lost.to_string());
const DOUBLED: Column = ("doubled", |row| row.verdict.doubled.to_string());
const ERRORS: Column = ("errors told", errors);
const LONGEST: Column = ("longest call", |row| format!("{:.2} s", row.longest.as_secs_f64()));
const MEMORY: Column = ("memory grew", |row| format!("{:.1} MiB", row.growth as f64 / 1024.0));

/// Prints the table, and what was broken. Returns whether nothing was.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(crate) fn print(columns: &[Column], rows: &[(Scenario, Row)]) -> bool {
    let titles: Vec<_> = columns.iter().map(|(title, _)| *title).collect();
    println!("| scenario | {} |", titles.join(" | "));
    let is_text = |title: &str| [FAULTS.0, ERRORS.0].contains(&title);
    let lines = titles.iter().map(|title| if is_text(title) { "---" } else { "--:" });
    println!("|---|{}|", lines.collect::<Vec<_>>().join("|"));
    for (scenario, row) in rows {
        let cells: Vec<_> = columns.iter().map(|(_, cell)| cell(row)).collect();
        println!("| {} | {} |", scenario.name(), cells.join(" | "));
    }
    println!();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(|(_, row)| of(row)).sum::<u64>();
    println!(
        "{} kills, {} cuts, {} other faults; {} events sent, {} acknowledged, {} stored; {} lost, {} doubled, {} out \
         of order",
        sum(|row| row.kills),
        sum(|row| row.cuts),
        sum(|row| row.others),
        sum(|row| row.sent),
        sum(|row| row.acknowledged),
        sum(|row| row.verdict.stored),
        sum(|row| row.verdict.lost),
        sum(|row| row.verdict.doubled),
        sum(|row| row.verdict.out_of_order),
    );
    for (scenario, row) in rows {
        for broken in &row.broken {
            println!("BROKEN: {}: {broken}", scenario.name());
        }
    }
    rows.iter().all(|(_, row)| row.broken.is_empty())
}

fn faults(row: &Row) -> String {
    let faults = [(row.kills, "kills"), (row.cuts, "cuts"), (row.others, "other")];
    let faults = faults.iter().filter(|(count, _)| *count > 0);
    let faults: Vec<_> = faults.map(|(count, what)| format!("{count} {what}")).collect();
    faults.join(", ")
}

fn errors(row: &Row) -> String {
    let errors = row.errors.iter().map(|(kind, count)| format!("{count} {kind}"));
    match errors.collect::<Vec<_>>().as_slice() {
        [] => NONE.to_owned(),
        errors => errors.join(", "),
    }
}

/// `late` says why an event may be.
fn out_of_order(row: &Row, late: &str) -> String {
    match row.verdict.late {
        0 => row.verdict.out_of_order.to_string(),
        count => format!("{}, {count} {late}", row.verdict.out_of_order),
    }
}
