//! The rules, with lines that the tests write.

use super::*;

/// Lines `KEY VALUE`, one for each pair of words; `_` in a value is a blank.
fn lines(text: &str) -> Vec<Line> {
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .chunks(2)
        .map(|pair| Line::new(pair[0], pair[1].replace('_', " ")))
        .collect()
}

fn subjects(text: &str) -> Vec<Line> {
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .chunks(2)
        .map(|pair| Line::new(pair[0], format!("agent.driver.{}", pair[1])))
        .collect()
}

fn promised(lines: Vec<Line>) -> Vec<Promise> {
    let promise = |line| Promise {
        line,
        made_in: "commit 0123abc".to_owned(),
        version: 0,
    };
    lines.into_iter().map(promise).collect()
}

/// Checks a list whose committed version is the code's.
fn messages(list: List, code: &[Line], promises: Vec<Line>) -> Vec<String> {
    let findings = check(list, code, code, &promised(promises));
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn unchanged_lines_pass_in_any_order_of_promises() {
    let code = subjects("started goal.started ended goal.ended");
    let promises = subjects("ended goal.ended started goal.started");
    assert!(messages(List::Subjects, &code, promises).is_empty());
    assert!(messages(List::Subjects, &code, vec![]).is_empty());
}

/// Code and list were changed together.
#[test]
fn each_change_names_who_breaks_and_what_to_do_instead() {
    for (list, was, now, message) in [
        (
            List::Subjects,
            subjects("started goal.started"),
            subjects("started goal.begun"),
            "changed: `started` was `agent.driver.goal.started` in commit 0123abc, and is `agent.driver.goal.begun` now: \
             subscribers of `agent.driver.goal.started` no longer receive these events: names never change; add a new kind instead",
        ),
        (
            List::Topics,
            vec![Line::new(ALL_KINDS, "agent.driver")],
            vec![Line::new(ALL_KINDS, "agent.driver.all")],
            "changed: `*` was `agent.driver` in commit 0123abc, and is `agent.driver.all` now: consumers of `agent.driver` no \
             longer receive these events: names never change; add a new kind instead",
        ),
        (
            List::Fields,
            lines("Goal object Goal.priority u32,_required"),
            lines("Goal object Goal.priority u64,_required"),
            "changed: `Goal.priority` was `u32, required` in commit 0123abc, and is `u64, required` now: readers refuse or misread \
             the value: keep it, and add an optional field with another name, or a new kind",
        ),
        (
            List::Fields,
            lines("Goal object Goal.budget Budget,_required"),
            lines("Goal object Goal.budget Budget,_omitted_if_unset"),
            "changed: `Goal.budget` was `Budget, required` in commit 0123abc, and is `Budget, omitted if unset` now: readers that \
             require the field refuse events without it: keep it required",
        ),
        (
            List::Fields,
            lines("Goal object Goal.workspace text,_omitted_if_unset"),
            lines("Goal object Goal.workspace text,_required"),
            "changed: `Goal.workspace` was `text, omitted if unset` in commit 0123abc, and is `text, required` now: readers refuse \
             the events of older publishers, which lack the field: keep it optional",
        ),
        (
            List::Fields,
            lines("Guards object Guards.errors u32,_5_if_missing"),
            lines("Guards object Guards.errors u32,_3_if_missing"),
            "changed: `Guards.errors` was `u32, 5 if missing` in commit 0123abc, and is `u32, 3 if missing` now: readers take an \
             absent field for another value: keep what its absence means",
        ),
        (
            List::Fields,
            lines("Goal object Goal.budget Budget,_required"),
            lines("Goal object Goal.limits Budget,_omitted_if_unset"),
            "removed: `Goal.budget` with `Budget, required` is in commit 0123abc: readers that require the field refuse every event: \
             fields are never removed; mark it as deprecated instead",
        ),
        (
            List::Fields,
            lines("Axis text_from_a_list Axis.turns value"),
            lines("Axis text_from_a_list"),
            "removed: `Axis.turns` with `value` is in commit 0123abc: readers lose what stored events and older publishers have: \
             nothing is ever removed; mark it as deprecated instead",
        ),
        (
            List::Golden,
            lines(r#"escalate {"kind":"escalate"}"#),
            lines(r#"escalate {"kind":"escalated"}"#),
            r#"changed: `escalate` was `{"kind":"escalate"}` in commit 0123abc, and is `{"kind":"escalated"}` now: readers that compare, sign or hash an event see other bytes: keep the bytes, and put what is new into an optional field or a new kind"#,
        ),
        (
            List::Golden,
            lines("escalate {}"),
            vec![],
            "removed: `escalate` with `{}` is in commit 0123abc: the bytes of this event are no longer checked: restore the line",
        ),
    ] {
        assert_eq!(messages(list, &now, was), [message]);
    }
}

#[test]
fn renaming_a_kind_removes_the_old_one() {
    let code = subjects("begun goal.started");
    assert_eq!(
        messages(List::Subjects, &code, subjects("started goal.started")),
        [
            "removed: `started` with `agent.driver.goal.started` is in commit 0123abc: its consumers wait in vain, and stored events \
          become unknown: names are never removed; stop publishing the kind instead"
        ]
    );
}

#[test]
fn swapping_two_subjects_is_two_changes() {
    let code = subjects("started goal.ended ended goal.started");
    let was = subjects("started goal.started ended goal.ended");
    assert_eq!(messages(List::Subjects, &code, was).len(), 2);
}

#[test]
fn added_field_must_be_omitted_if_it_is_unset() {
    let was = lines("Goal object Goal.id id,_required");
    for (field, breaks) in [
        ("text,_required", Some("readers refuse the events of older publishers")),
        ("text,_null_if_unset", Some("the bytes of existing events change")),
        ("u32,_5_if_missing", Some("the bytes of existing events change")),
        ("text,_omitted_if_unset", None),
        ("map,_omitted_if_empty", None),
    ] {
        let code = lines(&format!("Goal object Goal.id id,_required Goal.deadline {field}"));
        let found = messages(List::Fields, &code, was.clone());
        assert_eq!(found.len(), usize::from(breaks.is_some()), "{found:?}");
        if let Some(breaks) = breaks {
            assert!(
                found[0].starts_with("added: `Goal.deadline` with ") && found[0].contains(breaks),
                "{found:?}"
            );
        }
    }
}

/// The commit that breaks the contract is in the history, too.
#[test]
fn committed_breaking_field_stays_a_finding() {
    let goal = "Goal object Goal.id id,_required";
    let code = lines(&format!(
        "{goal} Goal.deadline text,_required Pause object Pause.by text,_required"
    ));
    let mut promises = promised(lines(goal));
    let later = promised(code.clone())
        .into_iter()
        .map(|promise| Promise { version: 1, ..promise });
    promises.extend(later.filter(|promise| !goal.contains(&promise.line.key)));
    let findings = check(List::Fields, &code, &code, &promises);
    assert_eq!(findings, [Finding::BreakingField(code[2].clone())]);
}

#[test]
fn new_kinds_and_objects_may_require_fields() {
    let was = lines("escalate kind Axis text_from_a_list Axis.turns value");
    let code = "escalate kind paused kind paused.until time,_required Axis text_from_a_list Axis.turns value Axis.cost value \
                Pause object Pause.by text,_required";
    let code = lines(code);
    assert!(messages(List::Fields, &code, was.clone()).is_empty());
    let added: Vec<_> = additions(&code, &promised(was))
        .iter()
        .map(|line| line.key.as_str())
        .collect();
    assert_eq!(
        added,
        ["paused", "Axis.cost", "Pause"],
        "what is inside them is not named"
    );
}

#[test]
fn each_collision_is_reported_once() {
    for (code, finding) in [
        (
            "a one b one",
            "collision: `a` and `b` both have the name `agent.driver.one`",
        ),
        ("a one a two", "collision: two kinds are named `a`"),
        (
            "a one.x b one_x",
            "collision: `agent.driver.one.x` and `agent.driver.one_x` are the same in Kafka's metrics",
        ),
    ] {
        assert_eq!(messages(List::Subjects, &subjects(code), vec![]), [finding]);
    }
}

#[test]
fn malformed_names_are_reported_with_their_grammar() {
    for (key, value, finding) in [
        ("A", "agent.driver.a", r#"malformed name "A": driver-events: a kind"#),
        (
            "a",
            "agent.driver.a..b",
            r#"malformed name "agent.driver.a..b": NATS: empty token"#,
        ),
        (
            "a",
            "agent.driver.>",
            r#"malformed name "agent.driver.>": NATS: `*` and `>`"#,
        ),
        (
            "a",
            "agent.driver.ä",
            r#"malformed name "agent.driver.ä": Kafka: a topic contains only"#,
        ),
        (
            "a",
            "agent.driver.a-b",
            r#"malformed name "agent.driver.a-b": driver-events: a token"#,
        ),
        (
            "a",
            "other.a",
            r#"malformed name "other.a": driver-events: the wildcard"#,
        ),
    ] {
        let findings = messages(List::Subjects, &[Line::new(key, value)], vec![]);
        assert!(findings[0].starts_with(finding), "{findings:?}");
    }
    let shared = [Line::new(ALL_KINDS, "agent.driver"), Line::new("a", "agent.driver.a")];
    assert!(messages(List::Topics, &shared, vec![]).is_empty());
    assert_eq!(messages(List::Subjects, &shared, vec![]).len(), 2);
}

#[test]
fn differences_between_code_and_list_are_reported() {
    let (one, both, reversed) = (subjects("a one"), subjects("a one b two"), subjects("b two a one"));
    let check = |code: &[Line], listed: &[Line]| check(List::Subjects, code, listed, &[]);
    assert_eq!(check(&both, &one), [Finding::NotInList(both[1].clone())]);
    assert_eq!(check(&one, &both), [Finding::NotInCode(both[1].clone())]);
    assert_eq!(check(&both, &reversed), [Finding::OutOfOrder]);
    assert_eq!(check(&one, &subjects("a one a one")), [Finding::OutOfOrder]);
}

#[test]
fn bless_only_adds() {
    let bless = |code: &str, listed: &str, promises: &str| {
        bless(
            List::Subjects,
            &subjects(code),
            &subjects(listed),
            &promised(subjects(promises)),
        )
    };
    assert_eq!(
        bless("a one c three b two", "a one b two", "a one"),
        Ok(subjects("c three"))
    );
    assert_eq!(bless("a one b two", "a one b two", ""), Ok(vec![]));
    for (code, listed, promises) in [
        ("a one", "a one b two", ""),
        ("a one b three", "a one b two", ""),
        ("a one b one", "", ""),
        ("A one", "", ""),
        ("a one", "", "b two"),
    ] {
        assert!(bless(code, listed, promises).is_err(), "{code}");
    }
}

/// What the compiled crate promises is complete: each kind and type, with two events of each kind.
#[test]
fn lists_of_the_code_are_complete() {
    let count = |list: List, part: &str| {
        let lines = list.of_code(&[]).unwrap();
        lines.iter().filter(|line| line.to_string().contains(part)).count()
    };
    assert_eq!(count(List::Subjects, "agent.driver."), 16);
    assert_eq!(count(List::Fields, "\tkind since "), 16);
    assert_eq!(count(List::Fields, "\tvalue"), 23);
    assert_eq!(count(List::Fields, "\tinner kind"), 20);
    assert_eq!(count(List::Golden, "{\"kind\":"), 2 * 16 + 20 + 23);
    assert_eq!(count(List::Golden, ":extreme\t"), 16);
    for kind in ["needs_retry", "file_matches", "compact_and_retry", "age", "observe"] {
        assert_eq!(count(List::Golden, &format!(".{kind}\t")), 1, "{kind}");
    }
}

#[test]
fn golden_event_that_is_listed_is_encoded_again() {
    let listed = [
        Line::new(
            "escalate",
            r#"{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000000","reason":"listed"}"#,
        ),
        Line::new("progress", r#"{ "kind": "progress" }"#),
    ];
    let code = List::Golden.of_code(&listed).unwrap();
    let value = |key: &str| &code.iter().find(|line| line.key == key).unwrap().value;
    assert_eq!(*value("escalate"), listed[0].value);
    assert!(
        value("progress").starts_with("not decoded: progress.goal_id: missing field"),
        "{}",
        value("progress")
    );
}
