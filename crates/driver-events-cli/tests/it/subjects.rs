use crate::support::run;

const SUBJECTS: &str = "\
goal_started\tagent.driver.goal.started
goal_completed\tagent.driver.goal.completed
attempt_started\tagent.driver.attempt.started
attempt_completed\tagent.driver.attempt.completed
decision\tagent.driver.decision
acceptance\tagent.driver.acceptance
budget_exhausted\tagent.driver.budget.exhausted
escalate\tagent.driver.escalate
replay_decision\tagent.driver.replay
compact_requested\tagent.driver.compact
compact_completed\tagent.driver.compact.completed
compact_summary_stored\tagent.driver.compact.summary_stored
extract_memories_completed\tagent.driver.extract_memories.completed
extract_memories_skipped\tagent.driver.extract_memories.skipped
auto_dream_outcome\tagent.driver.auto_dream
progress\tagent.driver.progress
";

#[test]
fn list_matches_the_contract() {
    let ended = run(["subjects"]);
    assert_eq!((ended.code, ended.stdout(), ended.stderr.as_str()), (0, SUBJECTS, ""));
}

#[test]
fn json_list_adds_the_topics() {
    let ended = run(["subjects", "--format", "json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let list: Vec<serde_json::Value> = serde_json::from_str(ended.stdout()).unwrap();
    let line = |pair: &serde_json::Value| {
        assert_eq!(pair.as_object().unwrap().len(), 4);
        assert_eq!(pair["topic"], "agent.driver");
        assert_eq!(pair["topic_per_subject"], pair["subject"]);
        format!(
            "{}\t{}\n",
            pair["kind"].as_str().unwrap(),
            pair["subject"].as_str().unwrap()
        )
    };
    assert_eq!(list.iter().map(line).collect::<String>(), SUBJECTS);
}
