use std::ffi::OsStr;

use driver_events_stdout::Color;

#[test]
fn automatic_colour_wants_a_terminal_and_no_objection() {
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
