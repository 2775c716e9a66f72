//! Locates the fields and objects of an event's JSON by the tables of `contract`.

use driver_events_types::contract::{Field, Shape};
use driver_events_types::{DriverEvent, EventKind};

use super::tree::{Node, Step};

/// A field that is present.
#[derive(Clone, Debug)]
pub(crate) struct FieldLocation {
    /// The path as in a [`DecodeError`](driver_events_types::DecodeError).
    pub(crate) path: String,
    /// The steps from the event to the object that contains the field.
    pub(crate) object: Vec<Step>,
    pub(crate) field: Field,
}

impl FieldLocation {
    /// Returns the steps from the event to the field's value.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = self.object.clone();
        steps.push(Step::Key(self.field.name.to_owned()));
        steps
    }
}

/// An object whose fields are in the contract.
#[derive(Clone, Debug)]
pub(crate) struct ObjectLocation {
    /// Empty for the event itself.
    pub(crate) path: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) fields: &'static [Field],
    /// Whether the object has a `"kind"` before its fields.
    pub(crate) tagged: bool,
}

/// Returns the objects of the event whose fields are in the contract, the event itself first.
pub(crate) fn object_locations(event: &DriverEvent, json: &Node) -> Vec<ObjectLocation> {
    let mut found = Vec::new();
    let root = ObjectLocation {
        path: String::new(),
        steps: Vec::new(),
        fields: event.kind().fields(),
        tagged: true,
    };
    visit_object(root, json, &mut found);
    found
}

/// Returns the fields of the event that are present.
pub(crate) fn field_locations(event: &DriverEvent, json: &Node) -> Vec<FieldLocation> {
    let mut found = Vec::new();
    for object in object_locations(event, json) {
        let mut json = json.clone();
        for (key, _) in json.at(&object.steps).members() {
            if let Some(field) = object.fields.iter().find(|field| field.name == key) {
                found.push(FieldLocation {
                    path: join(&object.path, field.name),
                    object: object.steps.clone(),
                    field: *field,
                });
            }
        }
    }
    found
}

/// Returns every shape in the contract, with duplicates.
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
            for variant in shape.kinds {
                variant.fields.iter().for_each(|field| visit_shape(field.shape, found));
            }
        }
        _ => {}
    }
}

fn visit_object(object: ObjectLocation, json: &Node, found: &mut Vec<ObjectLocation>) {
    let Node::Object(members) = json else {
        panic!("{json:?} is not an object")
    };
    let (path, steps, fields) = (object.path.clone(), object.steps.clone(), object.fields);
    found.push(object);
    for (key, value) in members {
        if let Some(field) = fields.iter().find(|field| field.name == key) {
            let mut steps = steps.clone();
            steps.push(Step::Key(key.clone()));
            visit_value(field.shape, join(&path, key), steps, value, found);
        }
    }
}

fn visit_value(shape: Shape, path: String, steps: Vec<Step>, json: &Node, found: &mut Vec<ObjectLocation>) {
    match (shape, json) {
        (_, Node::Text(_)) => {}
        (Shape::Struct(shape), _) => {
            visit_object(
                ObjectLocation {
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
                .find(|variant| Some(Node::Text(format!("{:?}", variant.name))) == kind);
            let variant = known.unwrap_or_else(|| panic!("{kind:?} is not a kind of {}", shape.name));
            visit_object(
                ObjectLocation {
                    path,
                    steps,
                    fields: variant.fields,
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
