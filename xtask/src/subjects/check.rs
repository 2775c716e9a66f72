//! The rules, over pairs as data: no file, no git.

use super::{Finding, List, Pair, Promise, grammar};

/// All that is wrong with the code's pairs for a list, given the pairs that are in it and those that were ever promised.
///
/// The findings come in the order in which a reader wants them: what the names break on their own, what was broken of
/// earlier promises, and where code and list differ.
#[must_use]
pub fn check(list: List, code: &[Pair], listed: &[Pair], promises: &[Promise]) -> Vec<Finding> {
    let mut findings = ill_formed(list, code);
    findings.extend(collisions(code));
    findings.extend(broken_promises(code, promises));
    findings.extend(differences(code, listed));
    findings
}

/// The pairs that a bless would add to the list, or why it must not.
///
/// What stands in the list counts as promised, so a bless can only add.
///
/// # Errors
/// The findings that remain when the list is the code's.
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

fn ill_formed(list: List, code: &[Pair]) -> Vec<Finding> {
    let finding = |name: &str, fault| Finding::IllFormed {
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
    for (index, one) in code.iter().enumerate() {
        for other in code.iter().skip(index + 1) {
            if one.kind == other.kind {
                findings.push(Finding::SameKind { kind: one.kind.clone() });
            }
            if one.name == other.name {
                let kinds = [one.kind.clone(), other.kind.clone()];
                findings.push(Finding::SameName {
                    name: one.name.clone(),
                    kinds,
                });
            } else if grammar::in_metrics(&one.name) == grammar::in_metrics(&other.name) {
                let names = [one.name.clone(), other.name.clone()];
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

    fn told(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_everywhere_passes() {
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
    fn a_change_of_code_and_list_together_breaks_the_promise() {
        let code = pairs("started goal.begun");
        assert_eq!(
            told(&check(List::Subjects, &code, &code, &promised("started goal.started"))),
            [
                "changed: `started` has the name `agent.driver.goal.started` in commit 0123abc and \
              `agent.driver.goal.begun` now; a name never changes"
            ]
        );
    }

    #[test]
    fn a_removal_from_code_and_list_together_breaks_the_promise() {
        let code = pairs("started goal.started");
        assert_eq!(
            told(&check(
                List::Subjects,
                &code,
                &code,
                &promised("started goal.started ended goal.ended")
            )),
            [
                "removed: `ended` with `agent.driver.goal.ended` is in commit 0123abc and is gone now; \
              a name is never removed"
            ]
        );
    }

    #[test]
    fn a_renamed_kind_is_a_removed_one() {
        let code = pairs("begun goal.started");
        let findings = check(List::Subjects, &code, &code, &promised("started goal.started"));
        assert!(
            matches!(findings.as_slice(), [Finding::Removed { was, .. }] if was.kind == "started"),
            "{findings:?}"
        );
    }

    #[test]
    fn two_swapped_subjects_are_two_changes() {
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
    fn each_collision_is_told_once() {
        for (code, finding) in [
            (
                "a one b one",
                "collision: `a` and `b` both have the name `agent.driver.one`",
            ),
            ("a one a two", "collision: two kinds are written `a`"),
            (
                "a one.x b one_x",
                "collision: `agent.driver.one.x` and `agent.driver.one_x` are the same name in Kafka's metrics",
            ),
        ] {
            let code = pairs(code);
            assert_eq!(told(&check(List::Subjects, &code, &code, &[])), [finding]);
        }
    }

    #[test]
    fn an_ill_formed_name_is_told_with_the_grammar_it_breaks() {
        for (code, finding) in [
            (Pair::new("A", "agent.driver.a"), r#"ill-formed name "A": here: a kind"#),
            (
                Pair::new("a", "agent.driver.a..b"),
                r#"ill-formed name "agent.driver.a..b": NATS: a token is empty"#,
            ),
            (
                Pair::new("a", "agent.driver.>"),
                r#"ill-formed name "agent.driver.>": NATS: `*` and `>`"#,
            ),
            (
                Pair::new("a", "agent.driver.ä"),
                r#"ill-formed name "agent.driver.ä": Kafka: a topic is made"#,
            ),
            (
                Pair::new("a", "agent.driver.a-b"),
                r#"ill-formed name "agent.driver.a-b": here: a token"#,
            ),
            (
                Pair::new("a", "other.a"),
                r#"ill-formed name "other.a": here: the wildcard"#,
            ),
        ] {
            let code = [code];
            let findings = told(&check(List::Subjects, &code, &code, &[]));
            assert!(findings[0].starts_with(finding), "{findings:?}");
        }
    }

    #[test]
    fn code_and_list_must_say_the_same() {
        let (one, both, turned) = (pairs("a one"), pairs("a one b two"), pairs("b two a one"));
        assert!(
            matches!(check(List::Subjects, &both, &one, &[]).as_slice(), [Finding::NotInList(pair)] if pair.kind == "b")
        );
        assert!(
            matches!(check(List::Subjects, &one, &both, &[]).as_slice(), [Finding::NotInCode(pair)] if pair.kind == "b")
        );
        assert_eq!(check(List::Subjects, &both, &turned, &[]), [Finding::OutOfOrder]);
        assert_eq!(
            check(List::Subjects, &one, &pairs("a one a one"), &[]),
            [Finding::OutOfOrder]
        );
    }

    #[test]
    fn a_bless_adds_what_is_new() {
        let (list, code) = (pairs("a one b two"), pairs("a one c three b two"));
        assert_eq!(
            bless(List::Subjects, &code, &list, &promised("a one")),
            Ok(pairs("c three"))
        );
        assert_eq!(bless(List::Subjects, &list, &list, &[]), Ok(vec![]));
    }

    #[test]
    fn a_bless_removes_and_changes_nothing_that_the_list_has() {
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
    fn a_bless_refuses_what_the_check_would() {
        assert!(bless(List::Subjects, &pairs("a one b one"), &[], &[]).is_err());
        assert!(bless(List::Subjects, &pairs("A one"), &[], &[]).is_err());
        assert!(bless(List::Subjects, &pairs("a one"), &[], &promised("b two")).is_err());
    }

    #[test]
    fn only_topics_have_one_for_all_kinds() {
        let code = [Pair::new("*", "agent.driver"), Pair::new("a", "agent.driver.a")];
        assert_eq!(check(List::Topics, &code, &code, &[]), []);
        assert_eq!(check(List::Subjects, &code, &code, &[]).len(), 2);
        let promise = Promise {
            pair: code[0].clone(),
            made_in: "commit 0123abc".to_owned(),
        };
        let moved = [Pair::new("*", "agent.driver.all")];
        assert_eq!(
            told(&check(List::Topics, &moved, &moved, &[promise])),
            [
                "changed: `*` has the name `agent.driver` in commit 0123abc and `agent.driver.all` now; a name never changes"
            ]
        );
    }
}
