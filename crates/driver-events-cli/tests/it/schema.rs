use driver_events::{EventKind, schema};

use crate::support::run;

#[test]
fn schemas_are_those_of_the_types_crate() {
    let kind = EventKind::Escalate;
    for (arguments, expected) in [
        (&["schema"][..], schema::EVENT),
        (&["schema", "--strict"], schema::STRICT_EVENT),
        (&["schema", "--kind", "escalate"], kind.schema()),
        (&["schema", "--kind", "escalate", "--strict"], kind.strict_schema()),
        (&["schema", "--format", "asyncapi"], schema::ASYNCAPI),
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(ended.stdout() == expected, "{arguments:?}");
    }
}

#[test]
fn options_that_do_not_fit_are_usage_errors() {
    for (arguments, reason) in [
        (
            &["schema", "--kind", "escalat"][..],
            "`driver-events subjects` lists the kinds",
        ),
        (
            &["schema", "--kind", "escalate", "--format", "asyncapi"],
            "require `--format jsonschema`",
        ),
        (
            &["schema", "--strict", "--format", "asyncapi"],
            "require `--format jsonschema`",
        ),
    ] {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
}
