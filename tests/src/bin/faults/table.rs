//! Prints the results: a line for each scenario, with the columns of the transport, and a legend.

use crate::row::Row;
use crate::scenario::Scenario;

/// A column of the table.
pub(crate) struct Column {
    title: &'static str,
    /// The definition in the legend.
    definition: &'static str,
    is_text: bool,
    cell: fn(&Row) -> String,
}

pub(crate) const NATS: &[Column] = &[
    FAULTS,
    SENT,
    ACKNOWLEDGED,
    STORED,
    LOST,
    DUPLICATES,
    number(
        "out of order",
        "events stored after a later event of the same goal; events that a failed flush reported as at risk may be, \
         and are counted separately",
        |row| out_of_order(row, "at risk"),
    ),
    number(
        "at risk",
        "events that failed flushes reported as possibly lost by a reconnect: never fewer than were lost by it",
        |row| row.at_risk.to_string(),
    ),
    number(
        "rejected",
        "events that flushes reported as rejected by the server; a lower bound if more than 128 are rejected at once",
        |row| row.rejected.to_string(),
    ),
    number(
        "missing",
        "events without an ack that were not read back, lost or rejected; \"unknown\" where the reader lost its connection, too",
        |row| match row.losses_unobservable {
            true => "unknown".to_owned(),
            false => row.verdict.missing.to_string(),
        },
    ),
    number(
        "deduplicated",
        "acks for which JetStream reported that it already had the event",
        |row| row.duplicate_acks.to_string(),
    ),
    ERRORS,
    LONGEST_CALL,
    MEMORY_GROWTH,
];

pub(crate) const KAFKA: &[Column] = &[
    FAULTS,
    SENT,
    ACKNOWLEDGED,
    STORED,
    LOST,
    DUPLICATES,
    number(
        "possible duplicates",
        "duplicates that the sink counted as possible, or that a failed call may have caused",
        |row| row.possible_duplicates.to_string(),
    ),
    number(
        "counted duplicates",
        "second and further copies that were read back and are among the possible duplicates",
        |row| row.verdict.counted_duplicates.to_string(),
    ),
    number(
        "out of order",
        "events stored after a later event of the same goal; events that were retried after a failed call may be, and \
         are counted separately",
        |row| out_of_order(row, "retried"),
    ),
    number(
        "read by the group",
        "events that members of the consumer group acknowledged",
        |row| match row.read {
            0 => NONE.to_owned(),
            read => read.to_string(),
        },
    ),
    number(
        "read again",
        "events that the group acknowledged more than once, each extra time counted",
        |row| match row.read {
            0 => NONE.to_owned(),
            _ => row.read_again.to_string(),
        },
    ),
    ERRORS,
    LONGEST_CALL,
    MEMORY_GROWTH,
];

pub(crate) const FOREIGN: &[Column] = &[
    number("good", "events published by a raw client", |row| row.sent.to_string()),
    number(
        "delivered",
        "good events that the source delivered, without duplicates",
        |row| row.verdict.stored.to_string(),
    ),
    number(
        "lost",
        "good events that the source never delivered: must be 0",
        |row| row.verdict.lost.to_string(),
    ),
    number(
        "missed",
        "good events that a source without storage did not receive; each of them in a gap that it reported",
        |row| row.verdict.missing.to_string(),
    ),
    number(
        "duplicates",
        "second and further deliveries of one message: must be 0",
        |row| row.verdict.duplicates.to_string(),
    ),
    number(
        "out of order",
        "events delivered after a later event of the same goal: must be 0",
        |row| row.verdict.out_of_order.to_string(),
    ),
    number(
        "hostile",
        "messages that are no event, among them those to be passed over",
        |row| row.hostile.to_string(),
    ),
    number(
        "reported",
        "hostile messages that the source delivered as malformed, with their position",
        |row| row.reported.to_string(),
    ),
    number(
        "unparseable",
        "hostile messages at which the client library ends the connection",
        |row| row.unparseable.to_string(),
    ),
    number(
        "reconnects",
        "reconnects of the source: never more than unparseable messages",
        |row| row.reconnects.to_string(),
    ),
    number("gaps", "gaps that a source without storage reported", |row| {
        row.gaps.to_string()
    }),
    ERRORS,
    MEMORY_GROWTH,
];

pub(crate) const DELIVERY: &[Column] = &[
    text(
        "faults",
        "driver processes and brokers killed with SIGKILL, links cut, and other faults",
        |row| {
            counts(&[
                (row.driver_kills, "driver kills"),
                (row.kills, "broker kills"),
                (row.cuts, "cuts"),
                (row.other_faults, "other"),
            ])
        },
    ),
    number(
        "runs",
        "runs of the fixture that a driver started, each with fresh goals",
        |row| row.runs.to_string(),
    ),
    number(
        "accepted",
        "events for which `send` returned a receipt, according to the ledger",
        |row| row.acknowledged.to_string(),
    ),
    number(
        "refused",
        "events for which `send` returned an error, according to the ledger",
        |row| row.rejected.to_string(),
    ),
    number(
        "in JetStream",
        "events that the plain client read back from the stream, without duplicates",
        |row| row.stored_jetstream.to_string(),
    ),
    number(
        "in Kafka",
        "events that the plain client read back from the topic, without duplicates",
        |row| row.stored_kafka.to_string(),
    ),
    number(
        "lost",
        "accepted events that a target does not hold: must be 0. Not counted are events that an operator deleted, and those \
         accepted before the spool file was damaged",
        |row| row.verdict.lost.to_string(),
    ),
    number(
        "duplicates",
        "second and further copies in a stream, or in a topic beyond those that kills excuse: must be 0",
        |row| row.verdict.duplicates.to_string(),
    ),
    number(
        "repeated",
        "second and further copies in a topic: for each goal at most the batch in flight for each kill, with the same ids",
        |row| row.verdict.counted_duplicates.to_string(),
    ),
    number(
        "out of order",
        "events whose first copy is behind a later event of the same goal: must be 0",
        |row| row.verdict.out_of_order.to_string(),
    ),
    number(
        "unconfirmed",
        "stored events whose driver was killed between the commit and the line in the ledger, counted for each target",
        |row| row.unconfirmed.to_string(),
    ),
    number(
        "damaged",
        "events accepted before the spool file was damaged that a target does not hold: each of them is a dead letter or in \
         a file that was set aside",
        |row| row.verdict.missing.to_string(),
    ),
    number(
        "dead letters",
        "rows in the table of dead letters: only damaged ones",
        |row| row.dead_letters.to_string(),
    ),
    number("set aside", "damaged spool files that were set aside", |row| {
        row.set_aside.to_string()
    }),
    ERRORS,
];

const NONE: &str = "–";
const FAULTS: Column = text(
    "faults",
    "servers killed with SIGKILL, links cut, and other faults",
    faults,
);
const SENT: Column = number(
    "sent",
    "events passed to the sink, each counted once however often it was retried",
    |row| row.sent.to_string(),
);
const ACKNOWLEDGED: Column = number(
    "acknowledged",
    "events that the sink reported as stored, by a receipt or a flush",
    |row| row.acknowledged.to_string(),
);
const STORED: Column = number(
    "stored",
    "events that the plain client read back, without duplicates",
    |row| row.verdict.stored.to_string(),
);
const LOST: Column = number(
    "lost",
    "acknowledged events that were not read back: must be 0",
    |row| row.verdict.lost.to_string(),
);
const DUPLICATES: Column = number(
    "duplicates",
    "second and further copies that the sink neither prevented nor counted: must be 0",
    |row| row.verdict.duplicates.to_string(),
);
const ERRORS: Column = text(
    "errors",
    "errors that the sink or the readers returned, by kind",
    errors,
);
const LONGEST_CALL: Column = number("longest call", "the longest that a call of the sink took", |row| {
    format!("{:.2} s", row.longest_call.as_secs_f64())
});
const MEMORY_GROWTH: Column = number(
    "memory growth",
    "the most that this process grew during a round, its own records included",
    |row| format!("{:.1} MiB", row.memory_growth_kib as f64 / 1024.0),
);

const fn number(title: &'static str, definition: &'static str, cell: fn(&Row) -> String) -> Column {
    Column {
        title,
        definition,
        is_text: false,
        cell,
    }
}

const fn text(title: &'static str, definition: &'static str, cell: fn(&Row) -> String) -> Column {
    Column {
        title,
        definition,
        is_text: true,
        cell,
    }
}

/// Prints the table, the legend, the totals and the failures. Returns whether there are no failures.
#[expect(clippy::print_stdout, reason = "the table is the result")]
pub(crate) fn print(columns: &[Column], rows: &[(Scenario, Row)]) -> bool {
    let titles: Vec<_> = columns.iter().map(|column| column.title).collect();
    println!("| scenario | {} |", titles.join(" | "));
    let alignments = columns.iter().map(|column| if column.is_text { "---" } else { "--:" });
    println!("|---|{}|", alignments.collect::<Vec<_>>().join("|"));
    for (scenario, row) in rows {
        let cells: Vec<_> = columns.iter().map(|column| (column.cell)(row)).collect();
        println!("| {} | {} |", scenario.name(), cells.join(" | "));
    }
    println!();
    for column in columns {
        println!("- {}: {}", column.title, column.definition);
    }
    println!();
    let sum = |of: fn(&Row) -> u64| rows.iter().map(|(_, row)| of(row)).sum::<u64>();
    let driver_kills = match sum(|row| row.driver_kills) {
        0 => String::new(),
        kills => format!("{kills} driver kills, "),
    };
    println!(
        "total: {driver_kills}{} kills, {} cuts, {} other faults; {} events sent, {} acknowledged, {} stored; {} lost, {} duplicates, \
         {} out of order",
        sum(|row| row.kills),
        sum(|row| row.cuts),
        sum(|row| row.other_faults),
        sum(|row| row.sent),
        sum(|row| row.acknowledged),
        sum(|row| row.verdict.stored),
        sum(|row| row.verdict.lost),
        sum(|row| row.verdict.duplicates),
        sum(|row| row.verdict.out_of_order),
    );
    for (scenario, row) in rows {
        if let Some(reason) = &row.skipped {
            println!("SKIPPED: {}: {reason}", scenario.name());
        }
        for failure in &row.failures {
            println!("FAILED: {}: {failure}", scenario.name());
        }
    }
    rows.iter().all(|(_, row)| row.failures.is_empty())
}

fn faults(row: &Row) -> String {
    counts(&[(row.kills, "kills"), (row.cuts, "cuts"), (row.other_faults, "other")])
}

fn counts(faults: &[(u64, &str)]) -> String {
    let faults = faults.iter().filter(|(count, _)| *count > 0);
    let faults: Vec<_> = faults.map(|(count, fault)| format!("{count} {fault}")).collect();
    faults.join(", ")
}

fn errors(row: &Row) -> String {
    let errors = row.errors.iter().map(|(kind, count)| format!("{count} {kind}"));
    match errors.collect::<Vec<_>>().as_slice() {
        [] => NONE.to_owned(),
        errors => errors.join(", "),
    }
}

/// `excuse` is the reason why an event may be stored late.
fn out_of_order(row: &Row, excuse: &str) -> String {
    match row.verdict.late {
        0 => row.verdict.out_of_order.to_string(),
        count => format!("{}, {count} {excuse}", row.verdict.out_of_order),
    }
}
