use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::java::Java;

/// Time that the consumer waits for the next record.
const RECORD_TIMEOUT: Duration = Duration::from_secs(60);

// Control characters separate the fields: JSON escapes them, and names do not contain them.
const FIELD: char = '\u{1f}';
const HEADER: char = '\u{1c}';
const NULL: &str = "\u{1d}";
const END: &str = "\u{1e}\n";

/// A record, as printed by Kafka's console consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaRecord {
    /// Number of the partition.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// The producer's timestamp in milliseconds since the Unix epoch. `None` if the topic uses the broker's time.
    pub timestamp: Option<i64>,
    /// Names and values in order.
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
        .args(["--timeout-ms", &RECORD_TIMEOUT.as_millis().to_string()]);
    for property in printed {
        command.args(["--formatter-property", &property]);
    }
    let output = command.output().context("cannot run java")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the console consumer failed: {stderr}");
    let text = String::from_utf8(output.stdout).context("a record is not valid UTF-8")?;
    let mut records = text
        .split_terminator(END)
        .map(|line| parse_record(line).with_context(|| format!("cannot parse the console consumer's output {line:?}")))
        .collect::<Result<Vec<_>>>()?;
    ensure!(
        records.len() == count,
        "topic `{topic}` holds {} records, expected {count}: {stderr}",
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
    let mut producer = command.spawn().context("cannot run java")?;
    let lines: String = records
        .iter()
        .map(|(key, value)| format!("{key}{FIELD}{value}\n"))
        .collect();
    let mut input = producer.stdin.take().context("the console producer has no stdin")?;
    // The write fails if the producer has exited. Its stderr has the reason.
    let written = input.write_all(lines.as_bytes());
    drop(input);
    let output = producer.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The exit status is success even if a record fails.
    let succeeded = output.status.success() && written.is_ok() && !stderr.contains(" ERROR ");
    ensure!(succeeded, "the console producer failed: {stderr}");
    Ok(())
}

fn parse_record(line: &str) -> Result<KafkaRecord> {
    let mut fields = line.splitn(6, FIELD);
    let mut next = || fields.next().context("a field is missing");
    let timestamp = next()?.strip_prefix("CreateTime:").map(str::parse).transpose()?;
    let number =
        |field: &str| Ok::<i64, anyhow::Error>(field.split(':').nth(1).context("a number is missing")?.parse()?);
    Ok(KafkaRecord {
        timestamp,
        partition: number(next()?)?.try_into()?,
        offset: number(next()?)?,
        headers: parse_headers(next()?)?,
        key: unless_null(next()?),
        value: unless_null(next()?),
    })
}

fn parse_headers(field: &str) -> Result<Vec<(String, String)>> {
    let none = field == "NO_HEADERS";
    let headers = field.split(HEADER).filter(|_| !none);
    headers
        .map(|header| {
            let (name, value) = header.split_once(':').context("a header has no separator")?;
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
    fn record_with_all_fields_is_parsed() {
        let line = "CreateTime:12\u{1f}Partition:3\u{1f}Offset:45\u{1f}ce_id:a:b\u{1c}empty:\u{1f}g-1\u{1f}{\"a\":1}";
        let read = parse_record(line).unwrap();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((read.timestamp, read.partition, read.offset), (Some(12), 3, 45));
        assert_eq!(read.headers, [header("ce_id", "a:b"), header("empty", "")]);
        assert_eq!(read.key.as_deref(), Some("g-1"));
        assert_eq!(read.value.as_deref(), Some("{\"a\":1}"));
    }

    #[test]
    fn record_without_optional_fields_is_parsed() {
        let line = "NO_TIMESTAMP\u{1f}Partition:0\u{1f}Offset:0\u{1f}NO_HEADERS\u{1f}\u{1d}\u{1f}\u{1d}";
        let read = parse_record(line).unwrap();
        assert_eq!((read.timestamp, read.headers.len()), (None, 0));
        assert_eq!((read.key, read.value), (None, None));
        assert!(parse_record("nonsense").is_err());
    }
}
