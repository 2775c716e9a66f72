//! The short form of the fuzz targets: the seeds, and damaged copies of them. The full form is in CONTRIBUTING.md.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed};

const EVENTS: &str = include_str!("../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");
const CLOUDEVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"agent.driver.escalate","time":"2026-01-31T12:00:00Z","sequence":"00000000000000000001","producerrun":"r","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":"#;
const HEADERS: [&str; 3] = [
    "ce-id:1\nce-source:/a%20b\nce-time:2026-01-31T12:00:00Z\nce-sequence:7\nce-producerrun:r\nNats-Msg-Id:2\n\n",
    "ce_id:1\nce_source:/a\nce_time:1960-01-31T12:00:00Z\ncontent-type:application/json\n\n",
    // Null values.
    "ce_id:1\nce_source\nce_time:2026-01-31T12:00:00Z\nce_time\ncontent-type\n\n",
];
const URLS: [&str; 5] = [
    "nats://user:secret@127.0.0.1:4222,h2?prefix=t&tls",
    "jetstream://h/S?domain=d",
    "kafka://h1:9092,[::1]:9092/per-subject?offset=1h",
    "file:///a%3Fb",
    "stdin:",
];

/// Replaces a part of the bytes with other ones.
#[derive(Clone, Debug)]
struct Damage {
    start: Index,
    length: usize,
    replacement: Vec<u8>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let pieces: &[&[u8]] = &[
        b"",
        b"\"",
        b"\\",
        b"\\ud83d",
        b"\\u0000",
        b"{",
        b"]",
        b",",
        b":",
        b"\n",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xff",
        b"1e999",
        b"null",
        b"%",
        b"@",
        b"//",
        b"\0",
    ];
    let replacement = prop_oneof![
        select(pieces).prop_map(<[u8]>::to_vec),
        any::<[u8; 3]>().prop_map(Vec::from)
    ];
    (any::<Index>(), 0..4usize, replacement).prop_map(|(start, length, replacement)| Damage {
        start,
        length,
        replacement,
    })
}

fn apply(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for Damage {
        start,
        length,
        replacement,
    } in damages
    {
        let start = start.index(bytes.len() + 1);
        let end = bytes.len().min(start + length);
        bytes.splice(start..end, replacement.iter().copied());
    }
    bytes
}

/// Runs the target on each seed, and on damaged copies.
fn run(target: fn(&[u8]), seeds: &[String]) {
    for seed in seeds {
        target(seed.as_bytes());
    }
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        ..Config::default()
    };
    let cases = (select(seeds.to_vec()), prop::collection::vec(damage(), 1..6));
    proptest!(config, |((seed, damages) in cases)| target(&apply(seed.as_bytes(), &damages)));
}

fn events() -> Vec<String> {
    EVENTS.lines().map(str::to_owned).collect()
}

fn with_headers() -> Vec<String> {
    let event = EVENTS.lines().next().unwrap_or_default();
    HEADERS.map(|headers| format!("{headers}{event}")).into()
}

#[test]
fn decode() {
    run(driver_events_fuzz::decode, &events());
    // Not UTF-8, in a field that serde ignores.
    driver_events_fuzz::decode(
        b"{\"kind\":\"escalate\",\"goal_id\":\"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01\",\"reason\":\"\",\"x\":\"\xff\"}",
    );
}

#[test]
fn structured() {
    let lines: Vec<_> = EVENTS.lines().map(|event| format!("{CLOUDEVENT}{event}}}")).collect();
    run(driver_events_fuzz::structured, &lines);
}

#[test]
fn nats_headers() {
    run(driver_events_fuzz::nats_headers, &with_headers());
}

#[test]
fn kafka_attributes() {
    run(driver_events_fuzz::kafka_attributes, &with_headers());
}

#[test]
fn url() {
    run(driver_events_fuzz::url, &URLS.map(str::to_owned));
}

#[test]
fn ndjson() {
    let text: Vec<_> = EVENTS.lines().take(4).collect();
    run(driver_events_fuzz::ndjson, &[text.join("\n"), text.join("\r\n\r\n")]);
}
