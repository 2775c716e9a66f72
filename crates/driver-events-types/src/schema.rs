//! The wire contract for other languages: [JSON Schema 2020-12](https://json-schema.org/draft/2020-12) and
//! [AsyncAPI 3.0](https://www.asyncapi.com/docs/reference/specification/v3.0.0), as texts.
//!
//! The same files are in the folder `schema` of this package. A *readers'* schema accepts the events that
//! [`Decoded::from_json`](crate::Decoded::from_json) accepts, those of newer publishers included; a *strict* schema those of
//! [`DriverEvent::from_json`](crate::DriverEvent::from_json). The [differences] between schema and decoder are few, and each
//! has a test.
//!
//! [differences]: https://github.com/driver-events/driver-events/blob/main/docs/schema.md#differences
//!
//! # Examples
//! ```
//! use driver_events_types::serde_json::{Value, from_str};
//! use driver_events_types::{EventKind, schema};
//!
//! let event: Value = from_str(schema::STRICT_EVENT)?;
//! assert_eq!(event["title"], "DriverEvent");
//! let escalate: Value = from_str(EventKind::Escalate.strict_schema())?;
//! assert_eq!(escalate["title"], "EscalateEvent");
//! # Ok::<(), driver_events_types::serde_json::Error>(())
//! ```

use crate::kind::EventKind;

/// The readers' schema of all kinds.
pub const EVENT: &str = include_str!("../schema/event.json");

/// The strict schema of all kinds.
pub const STRICT_EVENT: &str = include_str!("../schema/event.strict.json");

/// The AsyncAPI document: subjects of NATS and topics of Kafka, with their messages and headers. Its payloads are the readers'
/// schemas.
pub const ASYNCAPI: &str = include_str!("../schema/asyncapi.json");

/// The index: the subject, the topic and the schemas of each kind, and the version that has the kind first.
pub const INDEX: &str = include_str!("../schema/index.json");

macro_rules! schemas {
    ($($kind:ident: $file:literal),* $(,)?) => {
        impl EventKind {
            /// Returns the readers' schema of the kind.
            #[must_use]
            pub const fn schema(self) -> &'static str {
                match self {
                    $(Self::$kind => include_str!(concat!("../schema/kinds/", $file, ".json")),)*
                }
            }

            /// Returns the strict schema of the kind.
            #[must_use]
            pub const fn strict_schema(self) -> &'static str {
                match self {
                    $(Self::$kind => include_str!(concat!("../schema/kinds/", $file, ".strict.json")),)*
                }
            }
        }
    };
}

schemas! {
    GoalStarted: "goal_started",
    GoalCompleted: "goal_completed",
    AttemptStarted: "attempt_started",
    AttemptCompleted: "attempt_completed",
    Decision: "decision",
    Acceptance: "acceptance",
    BudgetExhausted: "budget_exhausted",
    Escalate: "escalate",
    ReplayDecision: "replay_decision",
    CompactRequested: "compact_requested",
    CompactCompleted: "compact_completed",
    CompactSummaryStored: "compact_summary_stored",
    ExtractMemoriesCompleted: "extract_memories_completed",
    ExtractMemoriesSkipped: "extract_memories_skipped",
    AutoDreamOutcome: "auto_dream_outcome",
    Progress: "progress",
}
