//! The rules of the gate, as functions over data: no file, no git.

use super::{Finding, Line, List, Promise, fields, names};

/// Number of a version that is not committed.
const NOT_COMMITTED: usize = usize::MAX;

/// Checks the code's lines against the lines in the list and against all earlier promises.
///
/// Findings are in this order: malformed and colliding names, broken promises, additions that break, differences between code
/// and list.
#[must_use]
pub fn check(list: List, code: &[Line], listed: &[Line], promises: &[Promise]) -> Vec<Finding> {
    let mut findings = names::faults(list, code);
    findings.extend(broken_promises(list, code, promises));
    findings.extend(breaking_fields(list, code, promises));
    findings.extend(differences(code, listed));
    findings
}

/// Returns the lines of the code that are to be added to the list.
///
/// The lines in the list count as promises, so a bless only adds.
///
/// # Errors
/// Returns the findings that would remain if the list became the code's.
pub fn bless(list: List, code: &[Line], listed: &[Line], promises: &[Promise]) -> Result<Vec<Line>, Vec<Finding>> {
    let in_list = listed.iter().map(|line| Promise {
        line: line.clone(),
        made_in: "the list".to_owned(),
        version: NOT_COMMITTED,
    });
    let promises: Vec<Promise> = promises.iter().cloned().chain(in_list).collect();
    let refusals = check(list, code, code, &promises);
    if refusals.is_empty() {
        Ok(code.iter().filter(|line| !listed.contains(line)).cloned().collect())
    } else {
        Err(refusals)
    }
}

/// Returns the lines that are new since `promises`, without those inside something that is new itself.
#[must_use]
pub fn additions<'a>(code: &'a [Line], promises: &[Promise]) -> Vec<&'a Line> {
    let is_promised = |key: &str| promises.iter().any(|promise| promise.line.key == key);
    let is_new = |line: &&Line| !is_promised(&line.key) && parent(&line.key).is_none_or(is_promised);
    code.iter().filter(is_new).collect()
}

fn broken_promises(list: List, code: &[Line], promises: &[Promise]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Promise { line: was, made_in, .. } in promises {
        let (was, promised_in) = (was.clone(), made_in.clone());
        match code.iter().find(|line| line.key == was.key) {
            Some(now) if now.value == was.value => {}
            Some(now) => findings.push(Finding::Changed {
                list,
                was,
                now: now.value.clone(),
                promised_in,
            }),
            None => findings.push(Finding::Removed { list, was, promised_in }),
        }
    }
    findings
}

/// Returns the fields that came after their object, unless they are omitted from an event that does not use them.
///
/// A list that was committed with such a field does not make it good: a field is compared with the first version that has it.
fn breaking_fields(list: List, code: &[Line], promises: &[Promise]) -> Vec<Finding> {
    if list != List::Fields {
        return Vec::new();
    }
    let version = |key: &str| {
        let mut with_key = promises.iter().filter(|promise| promise.line.key == key);
        with_key.next().map_or(NOT_COMMITTED, |promise| promise.version)
    };
    let is_field = |line: &&Line| line.value.contains(", ");
    let is_omitted = |line: &Line| fields::OMITTED.iter().any(|omitted| line.value.ends_with(omitted));
    let is_later = |line: &Line| parent(&line.key).is_some_and(|parent| version(parent) < version(&line.key));
    let breaking = code
        .iter()
        .filter(is_field)
        .filter(|line| is_later(line) && !is_omitted(line));
    breaking.map(|line| Finding::BreakingField(line.clone())).collect()
}

/// Returns the key of the object, kind or type that has this field, inner kind or value.
fn parent(key: &str) -> Option<&str> {
    key.rsplit_once('.').map(|(parent, _)| parent)
}

fn differences(code: &[Line], listed: &[Line]) -> Vec<Finding> {
    let only_in_code = code.iter().filter(|line| !listed.contains(line));
    let only_in_list = listed.iter().filter(|line| !code.contains(line));
    let mut findings: Vec<Finding> = only_in_code.cloned().map(Finding::NotInList).collect();
    findings.extend(only_in_list.cloned().map(Finding::NotInCode));
    if findings.is_empty() && code != listed {
        findings.push(Finding::OutOfOrder);
    }
    findings
}
