use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::java::Java;

/// How long the consumer waits for the next record.
const PATIENCE: Duration = Duration::from_secs(60);

// Characters that JSON has only escaped, and names not at all.
const FIELD: char = '\u{1f}';
const HEADER: char = '\u{1c}';
const NULL: &str = "\u{1d}";
const END: &str = "\u{1e}\n";

/// A record, as Kafka's own console consumer printed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaRecord {
    /// The number of the partition.
    pub partition: i32,
    /// The place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, as the producer said; none where the broker put in its own time.
    pub timestamp: Option<i64>,
    /// Names and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The key.
    pub key: Option<String>,
    /// The payload.
    pub value: Option<String>,
}

/// Reads the first `count` records of a topic, sorted by partition and offset.
pub(super) fn read(java: &Java, broker: SocketAddr, topic: &str, count: usize) -> Result<Vec<KafkaRecord>> {
    let printed = [
        "print.partition=true".to_owned(),
        "print.offset=true".to_owned(),
        "print.timestamp=true".to_owned(),
        "print.headers=true".to_owned(),
        "print.key=true".to_owned(),
        format!("key.separator={FIELD}"),
        format!("headers.separator={HEADER}"),
        format!("line.separator={END}"),
        format!("null.literal={NULL}"),
    ];
    let class = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let mut command = java.command(class, "256m", "WARN", &[]);
    command
        .arg("--from-beginning")
        .args(["--topic", topic])
        .args(["--bootstrap-server", &broker.to_string()])
        .args(["--max-messages", &count.to_string()])
        .args(["--timeout-ms", &PATIENCE.as_millis().to_string()]);
    for property in printed {
        command.args(["--formatter-property", &property]);
    }
    let output = command.output().context("java cannot be run")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the console consumer failed: {complaints}");
    let text = String::from_utf8(output.stdout).context("a record is not UTF-8")?;
    let mut records = text
        .split_terminator(END)
        .map(|line| record(line).with_context(|| format!("the console consumer printed {line:?}")))
        .collect::<Result<Vec<_>>>()?;
    ensure!(
        records.len() == count,
        "topic {topic} holds {} records, not {count}: {complaints}",
        records.len()
    );
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}

/// Writes records, each a key and a value.
pub(super) fn write(java: &Java, broker: SocketAddr, topic: &str, records: &[(&str, &str)]) -> Result<()> {
    let mut command = java.command("org.apache.kafka.tools.ConsoleProducer", "256m", "WARN", &[]);
    command
        .args(["--topic", topic])
        .args(["--bootstrap-server", &broker.to_string()])
        .args(["--reader-property", "parse.key=true"])
        .args(["--reader-property", &format!("key.separator={FIELD}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut producer = command.spawn().context("java cannot be run")?;
    let lines: String = records
        .iter()
        .map(|(key, value)| format!("{key}{FIELD}{value}\n"))
        .collect();
    let mut input = producer.stdin.take().context("the console producer takes no input")?;
    // One that has failed takes nothing, and says why below.
    let written = input.write_all(lines.as_bytes());
    drop(input);
    let output = producer.wait_with_output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    // It does not fail when a record does.
    let succeeded = output.status.success() && written.is_ok() && !complaints.contains(" ERROR ");
    ensure!(succeeded, "the console producer failed: {complaints}");
    Ok(())
}

fn record(line: &str) -> Result<KafkaRecord> {
    let mut fields = line.splitn(6, FIELD);
    let mut next = || fields.next().context("a field is missing");
    let timestamp = next()?.strip_prefix("CreateTime:").map(str::parse).transpose()?;
    let number =
        |field: &str| Ok::<i64, anyhow::Error>(field.split(':').nth(1).context("there is no number")?.parse()?);
    Ok(KafkaRecord {
        timestamp,
        partition: number(next()?)?.try_into()?,
        offset: number(next()?)?,
        headers: headers(next()?)?,
        key: unless_null(next()?),
        value: unless_null(next()?),
    })
}

fn headers(field: &str) -> Result<Vec<(String, String)>> {
    let none = field == "NO_HEADERS";
    let headers = field.split(HEADER).filter(|_| !none);
    headers
        .map(|header| {
            let (name, value) = header.split_once(':').context("a header has no value")?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn unless_null(field: &str) -> Option<String> {
    (field != NULL).then(|| field.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_everything() {
        let line = "CreateTime:12\u{1f}Partition:3\u{1f}Offset:45\u{1f}ce_id:a:b\u{1c}empty:\u{1f}g-1\u{1f}{\"a\":1}";
        let read = record(line).unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((read.timestamp, read.partition, read.offset), (Some(12), 3, 45));
        assert_eq!(read.headers, [header("ce_id", "a:b"), header("empty", "")]);
        assert_eq!(read.key.as_deref(), Some("g-1"));
        assert_eq!(read.value.as_deref(), Some("{\"a\":1}"));
    }

    #[test]
    fn a_record_with_nothing() {
        let line = "NO_TIMESTAMP\u{1f}Partition:0\u{1f}Offset:0\u{1f}NO_HEADERS\u{1f}\u{1d}\u{1f}\u{1d}";
        let read = record(line).unwrap();
        assert_eq!((read.timestamp, read.headers.len()), (None, 0));
        assert_eq!((read.key, read.value), (None, None));
        assert!(record("nonsense").is_err());
    }
}
