//! Applies a redaction to the JSON of an event, guided by the contract.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, Shape};
use driver_events_types::serde_json::{Map, Value};
use uuid::Uuid;

use super::redaction::{Action, REDACTED, Redaction};

/// An event whose JSON is changed.
pub(super) struct Walk<'a> {
    pub(super) redaction: &'a Redaction,
    /// `None` for a kind that this version does not know.
    pub(super) kind: Option<EventKind>,
}

impl Walk<'_> {
    /// Changes an event. The names of its kind and goal stay.
    pub(super) fn event(&self, event: &mut Map<String, Value>) {
        let fields = self.kind.map(EventKind::fields).unwrap_or_default();
        self.object(event, fields, &[]);
    }

    fn object(&self, object: &mut Map<String, Value>, fields: &'static [Field], path: &[&str]) {
        self.each(object, path, |name, value, path| {
            match fields.iter().find(|field| field.name == name) {
                Some(field) => self.value(value, &field.shape, path),
                None if is_identity(name, value) => {}
                None => self.unknown(value, path),
            }
        });
    }

    /// Removes fields of an object, and calls `change` with the name, the value and the path of each other one.
    fn each(&self, object: &mut Map<String, Value>, path: &[&str], change: impl Fn(&str, &mut Value, &[&str])) {
        let names: Vec<String> = object.keys().cloned().collect();
        for name in &names {
            let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            if self.redaction.action(self.kind, &path) == Action::Remove {
                object.remove(name);
            } else if let Some(value) = object.get_mut(name) {
                change(name, value, &path);
            }
        }
    }

    fn value(&self, value: &mut Value, shape: &'static Shape, path: &[&str]) {
        match (shape, value) {
            (_, Value::Null) => {}
            (Shape::Array(element), Value::Array(values)) => {
                values.iter_mut().for_each(|value| self.value(value, element, path));
            }
            (Shape::Struct(object), Value::Object(value)) => self.object(value, object.fields, path),
            (Shape::Tagged(tagged), Value::Object(value)) => {
                let kind = value.get("kind").and_then(Value::as_str);
                let variant = tagged.kinds.iter().find(|variant| Some(variant.name) == kind);
                let fields = variant.map(|variant| variant.fields).unwrap_or_default();
                self.object(value, fields, path);
            }
            (Shape::Text | Shape::Json | Shape::Map, value) => self.free(value, path, matches!(shape, Shape::Map)),
            _ => {}
        }
    }

    /// Text or free JSON. An object of free keys keeps them.
    fn free(&self, value: &mut Value, path: &[&str], keeps_keys: bool) {
        match value {
            Value::Object(object) if keeps_keys || self.redaction.has_rules_below(self.kind, path) => {
                self.each(object, path, |_, value, path| self.free(value, path, false));
            }
            Value::Array(values) if self.redaction.has_rules_below(self.kind, path) => {
                values.iter_mut().for_each(|value| self.free(value, path, false));
            }
            value if self.redaction.action(self.kind, path) == Action::Mask => *value = REDACTED.into(),
            _ => {}
        }
    }

    /// A field that this version does not know: its texts are masked, and its structure stays, so that a reader that knows it
    /// can decode the rest. Numbers and booleans are masked where a rule says so.
    fn unknown(&self, value: &mut Value, path: &[&str]) {
        match value {
            Value::Object(object) => self.object(object, &[], path),
            Value::Array(values) => values.iter_mut().for_each(|value| self.unknown(value, path)),
            Value::String(text) if self.redaction.action(self.kind, path) == Action::Mask => {
                REDACTED.clone_into(text);
            }
            Value::Number(_) | Value::Bool(_) if self.redaction.rule(self.kind, path) == Some(Action::Mask) => {
                *value = REDACTED.into();
            }
            _ => {}
        }
    }
}

/// Returns whether a field names the kind or the id of an event or of a part of it, in every version.
fn is_identity(name: &str, value: &Value) -> bool {
    let is_kind = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    match (name, value.as_str()) {
        ("kind", Some(text)) => is_kind(text),
        ("id" | "goal_id", Some(text)) => Uuid::try_parse(text).is_ok(),
        _ => false,
    }
}
