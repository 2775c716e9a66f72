//! Which consumers a change breaks, and what to do instead.

use super::{Line, List, fields};

/// Returns who breaks if a promise changes, and what to do instead.
pub(super) fn of_change(list: List, was: &Line, now: &str) -> String {
    match list {
        List::Subjects => subscribers("subscribers", &was.value),
        List::Topics => subscribers("consumers", &was.value),
        List::Golden => {
            "readers that compare, sign or hash an event see other bytes: keep the bytes, and put what is new into an \
                         optional field or a new kind"
                .to_owned()
        }
        List::Fields => of_field_change(&was.value, now).to_owned(),
    }
}

fn subscribers(readers: &str, name: &str) -> String {
    format!("{readers} of `{name}` no longer receive these events: names never change; add a new kind instead")
}

fn of_field_change(was: &str, now: &str) -> &'static str {
    let (was_form, was_presence) = was.split_once(", ").unwrap_or((was, ""));
    let (now_form, now_presence) = now.split_once(", ").unwrap_or((now, ""));
    if was_form != now_form {
        "readers refuse or misread the value: keep it, and add an optional field with another name, or a new kind"
    } else if was_presence == "required" {
        "readers that require the field refuse events without it: keep it required"
    } else if now_presence == "required" {
        "readers refuse the events of older publishers, which lack the field: keep it optional"
    } else {
        "readers take an absent field for another value: keep what its absence means"
    }
}

/// Returns who breaks if a promise is gone, and what to do instead.
pub(super) fn of_removal(list: List, was: &Line) -> &'static str {
    match list {
        List::Subjects | List::Topics => {
            "its consumers wait in vain, and stored events become unknown: names are never removed; stop publishing the kind instead"
        }
        List::Golden => "the bytes of this event are no longer checked: restore the line",
        List::Fields if was.value.ends_with(fields::REQUIRED) => {
            "readers that require the field refuse every event: fields are never removed; mark it as deprecated instead"
        }
        List::Fields => {
            "readers lose what stored events and older publishers have: nothing is ever removed; mark it as deprecated instead"
        }
    }
}

/// Returns who breaks if a field with this promise is added to an object that exists, and what to do instead.
pub(super) fn of_field(promise: &str) -> &'static str {
    if promise.ends_with(fields::REQUIRED) {
        "readers refuse the events of older publishers, which lack the field: make it optional, omitted if it is unset, or add a \
         new kind"
    } else {
        "the bytes of existing events change, since the field is always written: omit it if it is unset"
    }
}
