//! The rules of the gate, as functions over data: no file, no git.

use super::{Finding, List, Pair, Promise, grammar};

/// Checks the code's pairs against the pairs in the list and against all earlier promises.
///
/// Findings are in this order: malformed and colliding names, broken promises, differences between code and list.
#[must_use]
pub fn check(list: List, code: &[Pair], listed: &[Pair], promises: &[Promise]) -> Vec<Finding> {
    let mut findings = malformed(list, code);
    findings.extend(collisions(code));
    findings.extend(broken_promises(code, promises));
    findings.extend(differences(code, listed));
    findings
}

/// Returns the pairs of the code that are to be added to the list.
///
/// The pairs in the list count as promises, so a bless only adds.
///
/// # Errors
/// Returns the findings that would remain if the list became the code's.
pub fn bless(list: List, code: &[Pair], listed: &[Pair], promises: &[Promise]) -> Result<Vec<Pair>, Vec<Finding>> {
    let in_list = listed.iter().map(|pair| Promise {
        pair: pair.clone(),
        made_in: "the list".to_owned(),
    });
    let promises: Vec<Promise> = promises.iter().cloned().chain(in_list).collect();
    let refusals = check(list, code, code, &promises);
    if refusals.is_empty() {
        Ok(code.iter().filter(|pair| !listed.contains(pair)).cloned().collect())
    } else {
        Err(refusals)
    }
}

fn malformed(list: List, code: &[Pair]) -> Vec<Finding> {
    let finding = |name: &str, fault| Finding::Malformed {
        name: name.to_owned(),
        fault,
    };
    let mut findings = Vec::new();
    for Pair { kind, name } in code {
        findings.extend(list.kind_fault(kind).map(|fault| finding(kind, fault)));
        findings.extend(list.name_faults(name).into_iter().map(|fault| finding(name, fault)));
    }
    findings
}

fn collisions(code: &[Pair]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, left) in code.iter().enumerate() {
        for right in code.iter().skip(index + 1) {
            if left.kind == right.kind {
                findings.push(Finding::SameKind {
                    kind: left.kind.clone(),
                });
            }
            if left.name == right.name {
                let kinds = [left.kind.clone(), right.kind.clone()];
                findings.push(Finding::SameName {
                    name: left.name.clone(),
                    kinds,
                });
            } else if grammar::metric_name(&left.name) == grammar::metric_name(&right.name) {
                let names = [left.name.clone(), right.name.clone()];
                findings.push(Finding::SameInMetrics { names });
            }
        }
    }
    findings
}

fn broken_promises(code: &[Pair], promises: &[Promise]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Promise { pair: was, made_in } in promises {
        let promised_in = made_in.clone();
        match code.iter().find(|pair| pair.kind == was.kind) {
            Some(now) if now.name == was.name => {}
            Some(now) => findings.push(Finding::Changed {
                was: was.clone(),
                now: now.name.clone(),
                promised_in,
            }),
            None => findings.push(Finding::Removed {
                was: was.clone(),
                promised_in,
            }),
        }
    }
    findings
}

fn differences(code: &[Pair], listed: &[Pair]) -> Vec<Finding> {
    let only_in_code = code.iter().filter(|pair| !listed.contains(pair));
    let only_in_list = listed.iter().filter(|pair| !code.contains(pair));
    let mut findings: Vec<Finding> = only_in_code.cloned().map(Finding::NotInList).collect();
    findings.extend(only_in_list.cloned().map(Finding::NotInCode));
    if findings.is_empty() && code != listed {
        findings.push(Finding::OutOfOrder);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<Pair> {
        let pairs = text.split_whitespace().collect::<Vec<_>>();
        pairs
            .chunks(2)
            .map(|pair| Pair::new(pair[0], &format!("agent.driver.{}", pair[1])))
            .collect()
    }

    fn promised(text: &str) -> Vec<Promise> {
        let promise = |pair| Promise {
            pair,
            made_in: "commit 0123abc".to_owned(),
        };
        pairs(text).into_iter().map(promise).collect()
    }

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unchanged_names_pass() {
        let code = pairs("started goal.started ended goal.ended");
        assert_eq!(
            check(
                List::Subjects,
                &code,
                &code,
                &promised("ended goal.ended started goal.started")
            ),
            []
        );
        assert_eq!(check(List::Subjects, &code, &code, &[]), []);
    }

    #[test]
    fn changing_code_and_list_together_fails() {
        let code = pairs("started goal.begun");
        assert_eq!(
            messages(&check(List::Subjects, &code, &code, &promised("started goal.started"))),
            [
                "changed: `started` was `agent.driver.goal.started` in commit 0123abc, and is \
              `agent.driver.goal.begun` now: names never change"
            ]
        );
    }

    #[test]
    fn removing_from_code_and_list_together_fails() {
        let code = pairs("started goal.started");
        assert_eq!(
            messages(&check(
                List::Subjects,
                &code,
                &code,
                &promised("started goal.started ended goal.ended")
            )),
            ["removed: `ended` with `agent.driver.goal.ended` is in commit 0123abc: \
              names are never removed"]
        );
    }

    #[test]
    fn renaming_a_kind_removes_the_old_one() {
        let code = pairs("begun goal.started");
        let findings = check(List::Subjects, &code, &code, &promised("started goal.started"));
        assert!(
            matches!(findings.as_slice(), [Finding::Removed { was, .. }] if was.kind == "started"),
            "{findings:?}"
        );
    }

    #[test]
    fn swapping_two_subjects_is_two_changes() {
        let code = pairs("started goal.ended ended goal.started");
        let findings = check(
            List::Subjects,
            &code,
            &code,
            &promised("started goal.started ended goal.ended"),
        );
        assert!(
            matches!(findings.as_slice(), [Finding::Changed { .. }, Finding::Changed { .. }]),
            "{findings:?}"
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
            let code = pairs(code);
            assert_eq!(messages(&check(List::Subjects, &code, &code, &[])), [finding]);
        }
    }

    #[test]
    fn malformed_names_are_reported_with_their_grammar() {
        for (code, finding) in [
            (
                Pair::new("A", "agent.driver.a"),
                r#"malformed name "A": driver-events: a kind"#,
            ),
            (
                Pair::new("a", "agent.driver.a..b"),
                r#"malformed name "agent.driver.a..b": NATS: empty token"#,
            ),
            (
                Pair::new("a", "agent.driver.>"),
                r#"malformed name "agent.driver.>": NATS: `*` and `>`"#,
            ),
            (
                Pair::new("a", "agent.driver.ä"),
                r#"malformed name "agent.driver.ä": Kafka: a topic contains only"#,
            ),
            (
                Pair::new("a", "agent.driver.a-b"),
                r#"malformed name "agent.driver.a-b": driver-events: a token"#,
            ),
            (
                Pair::new("a", "other.a"),
                r#"malformed name "other.a": driver-events: the wildcard"#,
            ),
        ] {
            let code = [code];
            let findings = messages(&check(List::Subjects, &code, &code, &[]));
            assert!(findings[0].starts_with(finding), "{findings:?}");
        }
    }

    #[test]
    fn differences_between_code_and_list_are_reported() {
        let (one, both, reversed) = (pairs("a one"), pairs("a one b two"), pairs("b two a one"));
        assert!(
            matches!(check(List::Subjects, &both, &one, &[]).as_slice(), [Finding::NotInList(pair)] if pair.kind == "b")
        );
        assert!(
            matches!(check(List::Subjects, &one, &both, &[]).as_slice(), [Finding::NotInCode(pair)] if pair.kind == "b")
        );
        assert_eq!(check(List::Subjects, &both, &reversed, &[]), [Finding::OutOfOrder]);
        assert_eq!(
            check(List::Subjects, &one, &pairs("a one a one"), &[]),
            [Finding::OutOfOrder]
        );
    }

    #[test]
    fn bless_adds_new_names() {
        let (list, code) = (pairs("a one b two"), pairs("a one c three b two"));
        assert_eq!(
            bless(List::Subjects, &code, &list, &promised("a one")),
            Ok(pairs("c three"))
        );
        assert_eq!(bless(List::Subjects, &list, &list, &[]), Ok(vec![]));
    }

    #[test]
    fn bless_neither_removes_nor_changes_names() {
        let list = pairs("a one b two");
        let refusals = bless(List::Subjects, &pairs("a one"), &list, &[]).unwrap_err();
        assert!(
            matches!(refusals.as_slice(), [Finding::Removed { was, .. }] if was.kind == "b"),
            "{refusals:?}"
        );
        let refusals = bless(List::Subjects, &pairs("a one b three"), &list, &[]).unwrap_err();
        assert!(
            matches!(refusals.as_slice(), [Finding::Changed { was, .. }] if was.kind == "b"),
            "{refusals:?}"
        );
    }

    #[test]
    fn bless_rejects_what_check_rejects() {
        assert!(bless(List::Subjects, &pairs("a one b one"), &[], &[]).is_err());
        assert!(bless(List::Subjects, &pairs("A one"), &[], &[]).is_err());
        assert!(bless(List::Subjects, &pairs("a one"), &[], &promised("b two")).is_err());
    }

    #[test]
    fn only_topics_have_a_name_for_all_kinds() {
        let code = [Pair::new("*", "agent.driver"), Pair::new("a", "agent.driver.a")];
        assert_eq!(check(List::Topics, &code, &code, &[]), []);
        assert_eq!(check(List::Subjects, &code, &code, &[]).len(), 2);
        let promise = Promise {
            pair: code[0].clone(),
            made_in: "commit 0123abc".to_owned(),
        };
        let moved = [Pair::new("*", "agent.driver.all")];
        assert_eq!(
            messages(&check(List::Topics, &moved, &moved, &[promise])),
            ["changed: `*` was `agent.driver` in commit 0123abc, and is `agent.driver.all` now: names never change"]
        );
    }
}
