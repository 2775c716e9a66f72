//! Regular expressions of the strings that the decoder accepts for ids, times and durations.
//!
//! They use only what ECMA-262, Python, Go and Rust have in common: character classes, groups, repetition and anchors. Python's `$`
//! also matches before a final line feed, so the schemas forbid that one by a second expression.

/// White space as in Unicode, which the decoder accepts inside durations.
const SPACE: &str = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

/// A UUID in any form of [RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#section-4): hyphenated, simple, braced or URN.
pub(super) fn id() -> String {
    let hyphenated = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";
    format!("^(([Uu][Rr][Nn]:[Uu][Uu][Ii][Dd]:)?{hyphenated}|[{{]{hyphenated}[}}]|[0-9A-Fa-f]{{32}})$")
}

/// A time of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), with any offset.
pub(super) fn time() -> String {
    let date = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?";
    let offset = "([Zz]|[+\u{2212}-]([01][0-9]|2[0-3]):[0-5][0-9])";
    format!("^{date}[Tt ]{time}{offset}$")
}

/// A duration in the format of the humantime crate.
pub(super) fn duration() -> String {
    let digits = format!("[0-9][0-9{SPACE}]*");
    let fraction = format!("([.][{SPACE}]*{digits})?");
    let nanoseconds = "(nanos|nsec|ns)";
    let others = "(usec|us|\u{b5}s|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|\
                  days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)";
    let item = format!("{digits}({nanoseconds}|{fraction}{others})[{SPACE}]*");
    format!("^(0|[{SPACE}]*({item})+)$")
}
