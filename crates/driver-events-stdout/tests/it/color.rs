use std::ffi::OsStr;
use std::process;

use driver_events_stdout::Color;

use crate::support::{child, is_child};

#[test]
fn auto_needs_a_terminal_and_no_no_color() {
    let no_color = |text| Some(OsStr::new(text));
    for (color, is_terminal, no_color, is_on) in [
        (Color::Auto, true, None, true),
        (Color::Auto, true, no_color(""), true),
        (Color::Auto, true, no_color("1"), false),
        (Color::Auto, true, no_color("0"), false),
        (Color::Auto, false, None, false),
        (Color::Auto, false, no_color("1"), false),
        (Color::Always, false, no_color("1"), true),
        (Color::Never, true, None, false),
    ] {
        assert_eq!(
            color.is_on_with(is_terminal, no_color),
            is_on,
            "{color:?}, terminal: {is_terminal}, NO_COLOR: {no_color:?}"
        );
    }
    assert_eq!(Color::default(), Color::Auto);
}

#[test]
fn is_on_reads_no_color_from_the_environment() {
    if is_child() {
        process::exit(i32::from(Color::Auto.is_on(true)));
    }
    for (no_color, is_on) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let mut child = child("color::is_on_reads_no_color_from_the_environment");
        match no_color {
            Some(value) => child.env("NO_COLOR", value),
            None => child.env_remove("NO_COLOR"),
        };
        let status = child.output().unwrap().status;
        assert_eq!(status.code(), Some(i32::from(is_on)), "NO_COLOR: {no_color:?}");
    }
}
