//! Records whose parts are any bytes, as the protocol allows and client libraries do not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::wire::{self, Api, Request};
use crate::wait::poll_for_blocking;

const PRODUCE: Api = Api { key: 0, version: 7 };
const TIMEOUT: Duration = Duration::from_secs(15);
const TIMEOUT_MS: i32 = 10_000;
/// All in-sync replicas.
const ACKS: i16 = -1;

/// Attribute of a batch compressed with lz4.
const LZ4: u8 = 3;
/// Magic number, blocks that are independent and have up to 64 KiB, and the header's checksum.
const LZ4_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const LZ4_BLOCK_BYTES: usize = 64 << 10;

/// A record whose parts are any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaRawRecord {
    /// The key; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is null.
    pub value: Option<Vec<u8>>,
    /// Names and values in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Milliseconds since the Unix epoch; -1 for no timestamp.
    pub timestamp: i64,
}

/// A defect of a batch that brokers accept and librdkafka cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaBatchDefect {
    /// A byte after the end mark of the lz4 frame: librdkafka reports a bad message.
    ByteAfterLz4Frame,
    /// The length -2 of the first record's key, which brokers take for null: librdkafka reports nothing.
    KeyLength,
}

/// Errors of a partition whose leader is not known or not ready yet.
const MOVING: [i16; 3] = [3, 5, 6];

/// Writes the records to a partition as one batch, once the partition has a leader.
pub(super) fn write(
    broker: SocketAddr,
    topic: &str,
    partition: i32,
    records: &[KafkaRawRecord],
    defect: Option<KafkaBatchDefect>,
) -> Result<()> {
    let batch = batch(records, defect)?;
    let written = poll_for_blocking(TIMEOUT, || {
        let code = produce(broker, topic, partition, &batch);
        Some(code).filter(|code| !matches!(code, Ok(code) if MOVING.contains(code)))
    });
    let code = written.with_context(|| format!("partition {partition} of `{topic}` has no leader"))??;
    ensure!(
        code == 0,
        "cannot write to partition {partition} of `{topic}`: error {code}"
    );
    Ok(())
}

/// Sends a batch, and returns the broker's error code: 0 for none.
fn produce(broker: SocketAddr, topic: &str, partition: i32, batch: &[u8]) -> Result<i16> {
    // No transaction; one topic with one partition.
    let request = Request::new().i16(-1).i16(ACKS).i32(TIMEOUT_MS).i32(1).string(topic);
    let request = request
        .i32(1)
        .i32(partition)
        .i32(i32::try_from(batch.len())?)
        .raw(batch);
    let mut response = wire::send(broker, PRODUCE, request, TIMEOUT)?;
    let codes = response.list(|response| {
        let _topic = response.string()?;
        response.list(|response| {
            let (_partition, code) = (response.i32()?, response.i16()?);
            // Offset, timestamp and start of the log.
            (0..3).try_for_each(|_| response.i64().map(drop))?;
            Ok(code)
        })
    })?;
    codes.concat().first().copied().context("the response has no partition")
}

/// Encodes a batch in the format with headers (magic 2), uncompressed unless the defect needs lz4.
fn batch(records: &[KafkaRawRecord], defect: Option<KafkaBatchDefect>) -> Result<Vec<u8>> {
    let count = i32::try_from(records.len())?;
    let first = records.first().map_or(-1, |record| record.timestamp);
    let last = records.iter().map(|record| record.timestamp).max().unwrap_or(-1);
    let mut encoded = Vec::new();
    for (offset, record) in (0..).zip(records) {
        let mut body = vec![0];
        varint(&mut body, record.timestamp.wrapping_sub(first));
        varint(&mut body, offset);
        match defect {
            Some(KafkaBatchDefect::KeyLength) if offset == 0 => varint(&mut body, -2),
            _ => bytes(&mut body, record.key.as_deref())?,
        }
        bytes(&mut body, record.value.as_deref())?;
        varint(&mut body, i64::try_from(record.headers.len())?);
        for (name, value) in &record.headers {
            bytes(&mut body, Some(name))?;
            bytes(&mut body, value.as_deref())?;
        }
        bytes(&mut encoded, Some(&body))?;
    }
    let is_lz4 = defect == Some(KafkaBatchDefect::ByteAfterLz4Frame);
    if is_lz4 {
        encoded = lz4_frame(&encoded)?;
        encoded.push(0);
    }
    // Attributes, last offset, timestamps, no producer.
    let mut checked = [0, if is_lz4 { LZ4 } else { 0 }].to_vec();
    checked.extend((count - 1).to_be_bytes());
    checked.extend(first.to_be_bytes());
    checked.extend(last.to_be_bytes());
    checked.extend((-1_i64).to_be_bytes());
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(count.to_be_bytes());
    checked.extend(encoded);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    // The length counts the leader epoch, the magic number and the checksum, too.
    batch.extend(i32::try_from(checked.len() + 9)?.to_be_bytes());
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    Ok(batch)
}

/// Encodes an lz4 frame of independent, uncompressed blocks.
fn lz4_frame(bytes: &[u8]) -> Result<Vec<u8>> {
    const UNCOMPRESSED: u32 = 1 << 31;
    let mut frame = LZ4_HEADER.to_vec();
    for block in bytes.chunks(LZ4_BLOCK_BYTES) {
        frame.extend((u32::try_from(block.len())? | UNCOMPRESSED).to_le_bytes());
        frame.extend(block);
    }
    // The end mark.
    frame.extend([0; 4]);
    Ok(frame)
}

fn bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<()> {
    let length = bytes.map(|bytes| i64::try_from(bytes.len())).transpose()?;
    varint(out, length.unwrap_or(-1));
    out.extend(bytes.unwrap_or_default());
    Ok(())
}

/// Encodes a number with zigzag, seven bits a byte.
fn varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest > 0x7f {
        out.push((rest & 0x7f | 0x80) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Castagnoli's checksum.
fn crc32c(bytes: &[u8]) -> u32 {
    let add_bit = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let add_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), add_bit);
    !bytes.iter().fold(!0, add_byte)
}

#[cfg(test)]
mod tests {
    use super::{crc32c, varint};

    /// The check value of the algorithm.
    #[test]
    fn checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn numbers_are_zigzag() {
        for (number, expected) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (-65, &[0x81, 1]),
            (64, &[0x80, 1]),
        ] {
            let mut out = Vec::new();
            varint(&mut out, number);
            assert_eq!(out, expected, "{number}");
        }
    }
}
