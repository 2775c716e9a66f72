//! Every place in an event's JSON, as the tables of `contract` have it.

use driver_events_types::contract::{Field, Shape};
use driver_events_types::{DriverEvent, EventKind};

use super::tree::{Node, Step};

/// A field that is there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// As a [`DecodeError`](driver_events_types::DecodeError) names it.
    pub(crate) path: String,
    /// From the event to the object that holds the field.
    pub(crate) holder: Vec<Step>,
    pub(crate) field: Field,
}

impl Place {
    /// From the event to the field's value.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = self.holder.clone();
        steps.push(Step::Key(self.field.name.to_owned()));
        steps
    }
}

/// An object whose fields the contract names.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// Empty for the event itself.
    pub(crate) path: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) fields: &'static [Field],
    /// Whether the object has a kind before its fields.
    pub(crate) tagged: bool,
}

/// Every object of the event whose fields the contract names, the event itself first.
pub(crate) fn holders(event: &DriverEvent, json: &Node) -> Vec<Holder> {
    let mut found = Vec::new();
    let root = Holder {
        path: String::new(),
        steps: Vec::new(),
        fields: event.kind().fields(),
        tagged: true,
    };
    visit_holder(root, json, &mut found);
    found
}

/// Every field of the event that is there.
pub(crate) fn places(event: &DriverEvent, json: &Node) -> Vec<Place> {
    let mut found = Vec::new();
    for holder in holders(event, json) {
        let mut json = json.clone();
        for (key, _) in json.at(&holder.steps).members() {
            if let Some(field) = holder.fields.iter().find(|field| field.name == key) {
                found.push(Place {
                    path: join(&holder.path, field.name),
                    holder: holder.steps.clone(),
                    field: *field,
                });
            }
        }
    }
    found
}

/// Every shape that the contract has, each as often as it is named.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut found = Vec::new();
    for kind in EventKind::ALL {
        kind.fields()
            .iter()
            .for_each(|field| visit_shape(field.shape, &mut found));
    }
    found
}

fn visit_shape(shape: Shape, found: &mut Vec<Shape>) {
    found.push(shape);
    match shape {
        Shape::Array(shape) => visit_shape(*shape, found),
        Shape::Struct(shape) => shape.fields.iter().for_each(|field| visit_shape(field.shape, found)),
        Shape::Tagged(shape) => {
            for (_, fields) in shape.kinds {
                fields.iter().for_each(|field| visit_shape(field.shape, found));
            }
        }
        _ => {}
    }
}

fn visit_holder(holder: Holder, json: &Node, found: &mut Vec<Holder>) {
    let Node::Object(members) = json else {
        panic!("{json:?} is no object")
    };
    let (path, steps, fields) = (holder.path.clone(), holder.steps.clone(), holder.fields);
    found.push(holder);
    for (key, value) in members {
        if let Some(field) = fields.iter().find(|field| field.name == key) {
            let mut steps = steps.clone();
            steps.push(Step::Key(key.clone()));
            visit_value(field.shape, join(&path, key), steps, value, found);
        }
    }
}

fn visit_value(shape: Shape, path: String, steps: Vec<Step>, json: &Node, found: &mut Vec<Holder>) {
    match (shape, json) {
        (_, Node::Text(_)) => {}
        (Shape::Struct(shape), _) => {
            visit_holder(
                Holder {
                    path,
                    steps,
                    fields: shape.fields,
                    tagged: false,
                },
                json,
                found,
            );
        }
        (Shape::Tagged(shape), Node::Object(members)) => {
            let kind = members
                .iter()
                .find(|(key, _)| key == "kind")
                .map(|(_, kind)| kind.clone());
            let known = shape
                .kinds
                .iter()
                .find(|(name, _)| Some(Node::Text(format!("{name:?}"))) == kind);
            let (_, fields) = known.unwrap_or_else(|| panic!("{kind:?} is no {}", shape.name));
            visit_holder(
                Holder {
                    path,
                    steps,
                    fields,
                    tagged: true,
                },
                json,
                found,
            );
        }
        (Shape::Array(shape), Node::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                let mut steps = steps.clone();
                steps.push(Step::Index(index));
                visit_value(*shape, format!("{path}[{index}]"), steps, value, found);
            }
        }
        _ => {}
    }
}

pub(crate) fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}
