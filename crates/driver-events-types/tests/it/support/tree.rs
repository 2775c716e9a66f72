//! JSON that keeps key order and number text with every feature set of serde_json.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// A scalar, or raw JSON text.
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    Compact,
    /// White space of every sort between all tokens.
    Spread,
}

impl Node {
    pub(crate) fn parse(json: &str) -> Self {
        let json = json.trim();
        if json.starts_with('{') {
            let Members(members) = serde_json::from_str(json).unwrap();
            Self::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Self::parse(value.get())))
                    .collect(),
            )
        } else if json.starts_with('[') {
            let values: Vec<&RawValue> = serde_json::from_str(json).unwrap();
            Self::Array(values.into_iter().map(|value| Self::parse(value.get())).collect())
        } else {
            Self::Text(json.to_owned())
        }
    }

    pub(crate) fn render(&self, style: Style) -> String {
        self.render_and_find(style, &[]).0
    }

    /// Returns the text and the offset of the value at `steps`.
    pub(crate) fn render_and_find(&self, style: Style, steps: &[Step]) -> (String, usize) {
        let mut out = Render {
            style,
            text: String::new(),
            found: 0,
        };
        out.value(self, Some(steps));
        (out.text, out.found)
    }

    pub(crate) fn members(&mut self) -> &mut Vec<(String, Node)> {
        match self {
            Self::Object(members) => members,
            other => panic!("{other:?} is not an object"),
        }
    }

    pub(crate) fn at(&mut self, steps: &[Step]) -> &mut Node {
        steps.iter().fold(self, |node, step| match (node, step) {
            (Self::Object(members), Step::Key(name)) => &mut members.iter_mut().find(|(key, _)| key == name).unwrap().1,
            (Self::Array(values), Step::Index(index)) => &mut values[*index],
            (node, step) => panic!("no {step:?} in {node:?}"),
        })
    }

    /// Calls `change` with the members of every object, at every level.
    pub(crate) fn for_each_object(&mut self, change: &mut impl FnMut(&mut Vec<(String, Node)>)) {
        match self {
            Self::Text(_) => {}
            Self::Array(values) => values.iter_mut().for_each(|value| value.for_each_object(change)),
            Self::Object(members) => {
                members.iter_mut().for_each(|(_, value)| value.for_each_object(change));
                change(members);
            }
        }
    }
}

struct Render {
    style: Style,
    text: String,
    found: usize,
}

impl Render {
    fn value(&mut self, node: &Node, steps: Option<&[Step]>) {
        self.gap();
        if steps == Some(&[]) {
            self.found = self.text.len();
        }
        match node {
            Node::Text(text) => self.text.push_str(text),
            Node::Array(values) => {
                self.text.push('[');
                for (index, value) in values.iter().enumerate() {
                    self.comma(index);
                    self.value(value, descend(steps, &Step::Index(index)));
                }
                self.gap();
                self.text.push(']');
            }
            Node::Object(members) => {
                self.text.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    self.comma(index);
                    self.gap();
                    self.text.push_str(&serde_json::to_string(key).unwrap());
                    self.gap();
                    self.text.push(':');
                    self.value(value, descend(steps, &Step::Key(key.clone())));
                }
                self.gap();
                self.text.push('}');
            }
        }
        self.gap();
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
    }

    fn gap(&mut self) {
        if self.style == Style::Spread {
            self.text.push_str(" \r\n\t");
        }
    }
}

fn descend<'a>(steps: Option<&'a [Step]>, step: &Step) -> Option<&'a [Step]> {
    match steps?.split_first() {
        Some((first, rest)) if first == step => Some(rest),
        _ => None,
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'a> Visitor<'a> for MembersVisitor {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
