//! Applies a redaction to the JSON of an event, guided by the contract.

use driver_events_types::EventKind;
use driver_events_types::contract::{Field, Shape};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::json_edits::{Elements, JsonEdits, Member, Members};
use super::redaction::{Action, Redaction};

/// An event whose JSON is changed.
pub(super) struct Walk<'a> {
    redaction: &'a Redaction,
    /// `None` for a kind that this version does not know.
    kind: Option<EventKind>,
    edits: JsonEdits<'a>,
}

type Result<T = ()> = serde_json::Result<T>;

impl<'a> Walk<'a> {
    /// Finds what to change in an event. The names of its kind and goal stay.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub(super) fn event(redaction: &'a Redaction, kind: Option<EventKind>, json: &'a [u8]) -> Result<JsonEdits<'a>> {
        let fields = kind.map(EventKind::fields).unwrap_or_default();
        let edits = JsonEdits::of(json);
        let mut walk = Self { redaction, kind, edits };
        walk.object(serde_json::from_slice(json)?, fields, &[])?;
        Ok(walk.edits)
    }

    fn object(&mut self, Members(members): Members<'a>, fields: &'static [Field], path: &[&str]) -> Result {
        for member in self.kept(&members, path) {
            let path: Vec<&str> = path.iter().copied().chain([&*member.name]).collect();
            match fields.iter().find(|field| field.name == member.name) {
                Some(field) => self.value(member.value, &field.shape, &path)?,
                None if is_identity(member) => {}
                None => self.unknown(member.value, &path)?,
            }
        }
        Ok(())
    }

    /// Removes members of an object, and returns the others.
    fn kept<'m>(&mut self, members: &'m [Member<'a>], path: &[&str]) -> Vec<&'m Member<'a>> {
        let is_removed = |member: &Member<'_>| {
            let path: Vec<&str> = path.iter().copied().chain([&*member.name]).collect();
            self.redaction.action(self.kind, &path) == Action::Remove
        };
        let removed: Vec<bool> = members.iter().map(is_removed).collect();
        self.edits.remove(members, &removed);
        let kept = members.iter().zip(&removed).filter(|(_, is_removed)| !**is_removed);
        kept.map(|(member, _)| member).collect()
    }

    fn value(&mut self, value: &'a RawValue, shape: &'static Shape, path: &[&str]) -> Result {
        match (shape, Form::of(value)) {
            (_, Form::Null) => Ok(()),
            (Shape::Array(element), Form::Array) => {
                let Elements(values) = serde_json::from_str(value.get())?;
                values
                    .into_iter()
                    .try_for_each(|value| self.value(value, element, path))
            }
            (Shape::Struct(object), Form::Object) => {
                self.object(serde_json::from_str(value.get())?, object.fields, path)
            }
            (Shape::Tagged(tagged), Form::Object) => {
                let members: Members<'a> = serde_json::from_str(value.get())?;
                let kind = members.0.iter().rev().find(|member| member.name == "kind");
                let kind = kind.and_then(|member| text(member.value));
                let variant = tagged
                    .kinds
                    .iter()
                    .find(|variant| Some(variant.name) == kind.as_deref());
                self.object(members, variant.map(|variant| variant.fields).unwrap_or_default(), path)
            }
            (Shape::Text | Shape::Json | Shape::Map, _) => self.free(value, path, matches!(shape, Shape::Map)),
            _ => Ok(()),
        }
    }

    /// Text or free JSON. An object of free keys keeps them.
    fn free(&mut self, value: &'a RawValue, path: &[&str], keeps_keys: bool) -> Result {
        let has_rules_below = self.redaction.has_rules_below(self.kind, path);
        match Form::of(value) {
            Form::Object if keeps_keys || has_rules_below => {
                let Members(members) = serde_json::from_str(value.get())?;
                for member in self.kept(&members, path) {
                    let path: Vec<&str> = path.iter().copied().chain([&*member.name]).collect();
                    self.free(member.value, &path, false)?;
                }
                Ok(())
            }
            Form::Array if has_rules_below => {
                let Elements(values) = serde_json::from_str(value.get())?;
                values.into_iter().try_for_each(|value| self.free(value, path, false))
            }
            _ => {
                if self.redaction.action(self.kind, path) == Action::Mask {
                    self.edits.mask(value);
                }
                Ok(())
            }
        }
    }

    /// A field that this version does not know: its texts are masked, and its structure stays, so that a reader that knows it
    /// can decode the rest. Numbers and booleans are masked where a rule says so.
    fn unknown(&mut self, value: &'a RawValue, path: &[&str]) -> Result {
        let is_masked = match Form::of(value) {
            Form::Object => return self.object(serde_json::from_str(value.get())?, &[], path),
            Form::Array => {
                let Elements(values) = serde_json::from_str(value.get())?;
                return values.into_iter().try_for_each(|value| self.unknown(value, path));
            }
            Form::Text => self.redaction.action(self.kind, path) == Action::Mask,
            Form::Other => self.redaction.rule(self.kind, path) == Some(Action::Mask),
            Form::Null => false,
        };
        if is_masked {
            self.edits.mask(value);
        }
        Ok(())
    }
}

/// Form of a JSON value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Null,
    Text,
    Array,
    Object,
    /// A number or a boolean.
    Other,
}

impl Form {
    fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'"') => Self::Text,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            _ => Self::Other,
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns whether a field names the kind or the id of an event or of a part of it, in every version.
fn is_identity(member: &Member<'_>) -> bool {
    let is_kind = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    match (&*member.name, text(member.value).as_deref()) {
        ("kind", Some(text)) => is_kind(text),
        ("id" | "goal_id", Some(text)) => Uuid::try_parse(text).is_ok(),
        _ => false,
    }
}
