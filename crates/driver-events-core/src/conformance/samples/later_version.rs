use chrono::DateTime;
use driver_events_types::{GoalId, Limits};

use super::received;
use crate::envelope::Envelope;
use crate::envelope::attributes::Stamp;
use crate::envelope::event_id::EventId;

/// Returns received events of a later version, for the goal and for no goal: unknown kinds, known kinds with unknown values,
/// and unknown fields, in JSON that no encoder of this version writes. A sink must forward their bytes, and a source must
/// deliver them. Those of unknown kinds have a subject.
#[must_use]
pub fn future(goal_id: GoalId) -> Vec<Envelope> {
    let budget = r#"{"turns":1,"wall_time":"1s","tokens":1,"consecutive_denies":0}"#;
    // The event itself is a level.
    let levels = Limits::default().max_depth() - 1;
    let deepest = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let goal = format!(r#""goal_id":"{goal_id}""#);
    let texts = [
        // Unknown kinds: whitespace, numbers, keys, strings, depth, no goal, names that CloudEvents uses, an escaped kind.
        format!("{{\t\"why\" : [ 1.0, 1e2,-0 ] ,\r{goal} , \"kind\":\"goal_paused\", \"\" : {{ }}  }}"),
        format!(
            r#"{{"kind":"goal_paused",{goal},"n":[18446744073709551616,-9223372036854775809,1e400,1E+2,-0.0,1.50,0.10000000000000000000001]}}"#
        ),
        format!(r#"{{"kind":"goal_paused","x":1,{goal},"x":{{"y":1,"y":[2.0]}},"\u0078":null}}"#),
        format!(r#"{{"kind":"goal_paused","by":"cut \ud83d","\udc00":["\udfff"],"\ud800":1,{goal}}}"#),
        format!(r#"{{"kind":"goal_paused",{goal},"why":{deepest}}}"#),
        format!(
            "{{\"kind\":\"goal_paused\",{goal},\"why\":\"\\/ \\u0000 \\u00e9 \u{e9} \\u2028 \u{2028} \u{7f} \u{feff} \\ud83d\\ude00\"}}"
        ),
        // The goal's id is not where an id is.
        format!(r#"{{"kind":"driver_paused","goal":"{goal_id}","goal_id":null}}"#),
        format!(r#"{{"goal":{{"id":"{goal_id}","z":1,"a":2}},"kind":"goal_paused","outcome":{{"kind":"done"}}}}"#),
        format!(r#"{{"specversion":"1.0","type":"x","source":"","data":{{}},"id":7,{goal},"kind":"goal_paused"}}"#),
        format!(r#"{{{goal},"kind":"\u0067oal_paused"}}"#),
        // Known kinds with unknown values and inner kinds.
        format!(r#"{{"axis":"gpu_hours","usage":{budget},{goal},"kind":"budget_exhausted", "gpu_hours":1.0}}"#),
        format!(
            r#"{{"kind":"attempt_completed","result":{{{goal},"turn_index":0,"outcome":{{"until":18446744073709551616,"kind":"parked"}},"usage_after":{budget},"new":"\ud800"}}}}"#
        ),
        format!(
            r#"{{"kind":"goal_completed","outcome":{{"elapsed":"60s",{goal},"outcome":{{"kind":""}},"total_turns":1,"usage":{budget}}}}}"#
        ),
        format!(
            r#"{{"kind":"replay_decision",{goal},"turn_index":1,"decision":{{"kind":"fork","at":[1.0]}},"error_message":"\u0078"}}"#
        ),
        format!(r#"{{"kind":"extract_memories_skipped",{goal},"reason":"Disabled"}}"#),
        format!(r#"{{"kind":"auto_dream_outcome", {goal},"outcome_kind":"\ud800"}}"#),
        // A known event with unknown fields.
        format!(r#"{{"kind":"progress",{goal},"turn_index":1,"usage":{budget},"cost_usd":1.50,"cost_usd":[1e400]}}"#),
    ];
    let subject = |envelope: Envelope| match envelope.subject() {
        Some(_) => Ok(envelope),
        None => envelope.with_event_type("agent.driver.goal.paused"),
    };
    let future = |json| subject(received(json)).unwrap_or_else(|error| panic!("invalid sample: {error}"));
    texts.into_iter().map(future).collect()
}

/// Returns the event with a value for every attribute, with characters that headers and URLs escape.
#[must_use]
pub fn with_every_attribute(envelope: Envelope) -> Envelope {
    let stamp = Stamp {
        run: "run \"ü\"".into(),
        sequence: u64::MAX,
    };
    let id = EventId::new(format!("an id/ü \"{}\" %0A\\", envelope.id()));
    let envelope = envelope.with_id(id.unwrap_or_else(|error| panic!("invalid sample: {error}")));
    envelope
        .with_time(DateTime::from_timestamp_nanos(1_767_225_600_123_456_789))
        .and_then(|envelope| envelope.with_source("urn:example:tests/a%20b?c=d#e"))
        .and_then(|envelope| envelope.with_stamp(stamp))
        .and_then(|envelope| envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        .and_then(|envelope| envelope.with_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"))
        .unwrap_or_else(|error| panic!("invalid sample: {error}"))
}
