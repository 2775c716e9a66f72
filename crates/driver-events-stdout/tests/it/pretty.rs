use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_stdout::pretty::{Style, write_line};
use driver_events_types::{DriverEvent, EventKind};

const GOAL_RUN: &str = include_str!("../../../driver-events-types/tests/fixtures/goal-run.ndjson");

fn pretty(envelope: &Envelope, style: Style) -> String {
    let mut line = Vec::new();
    write_line(envelope, style, &mut line);
    String::from_utf8(line).unwrap()
}

fn pretty_json(json: &str) -> String {
    pretty(&Envelope::from_json(json.to_owned()).unwrap(), Style::default())
}

/// Returns the details of a pretty `escalate` with this reason.
fn shown(reason: &str, max_text_chars: usize) -> String {
    let event = DriverEvent::Escalate {
        goal_id: samples::goal(1),
        reason: reason.into(),
    };
    let style = Style::default().with_max_text_chars(max_text_chars);
    let line = pretty(&Envelope::new(event), style);
    let (_, shown) = line.split_once("00000001  escalate                    ").unwrap();
    shown.to_owned()
}

/// Lines of the fixture for each kind and each variant of a kind.
#[test]
fn every_kind_has_its_details_on_one_line() {
    let lines: Vec<&str> = GOAL_RUN.lines().collect();
    for (number, expected) in [
        (
            1,
            "6a0c1a01  goal_started                Fix the flaky retry test in the HTTP client and prove it with 50 consecutive runs · 3 criteria · at most 8 turns, 30m, 400000 tokens · agent: ana · workspace: worktrees/retry",
        ),
        (
            3,
            "6a0c1a01  attempt_started             turn 0 · 0 turns, 0s, 0 tokens",
        ),
        (
            5,
            "6a0c1a01  decision                    turn 0 · allow: Bash · {\"command\":\"cargo test -p http-client retry\"} · Running the named test is what the goal asks for.",
        ),
        (
            7,
            "6a0c1a01  decision                    turn 0 · deny: Bash · Force pushes to main are not allowed; open a pull request. · {\"command\":\"git push --force origin main\"} · Destructive command outside of the goal.",
        ),
        (
            8,
            "6a0c1a01  acceptance                  not met · cargo test -p http-client retry: exit status 101, expected 0 · 5.312s",
        ),
        (
            9,
            "6a0c1a01  attempt_completed           turn 0 · needs retry · cargo test -p http-client retry: exit status 101, expected 0 · 3 decisions · 1 turn, 1m 36s, 41877 tokens · 1 deny in a row · I replaced the fixed delay with a jittered one and the suite is green on my side.",
        ),
        (
            10,
            "6a0c1a01  extract_memories_completed  turn 0 · 2 memories saved · 1.84s",
        ),
        (11, "6a0c1a01  auto_dream_outcome          skipped_time_gate"),
        (
            12,
            "6a0c1a02  attempt_completed           turn 0 · continue: waiting on a long tool result · 1 turn, 2m 2s, 30110 tokens",
        ),
        (13, "6a0c1a02  extract_memories_skipped    throttled"),
        (
            15,
            "6a0c1a01  replay_decision             turn 1 · fresh session · back to: 9c1d2e7 · session not found: s-41",
        ),
        (
            18,
            "6a0c1a02  progress                    turn 1 · 1 turn, 2m 20s, 52800 tokens · Secciones 1–3 traducidas; quedan 4 párrafos ✅",
        ),
        (
            19,
            "6a0c1a01  compact_requested           turn 2 · token pressure 0.8125: 162500 of 200000 tokens · pressure 0.8125, 162500 tokens, 4 minutes old · focus: keep the failing assertion and the diff",
        ),
        (20, "6a0c1a01  compact_completed           turn 2 · 38120 tokens left"),
        (
            21,
            "6a0c1a01  compact_summary_stored      turn 2 · 162500 → 38120 tokens",
        ),
        (
            24,
            "6a0c1a03  decision                    turn 0 · observe: Bash · shadow mode: would have asked the operator · {\"command\":\"vault write auth/staging/rotate\",\"env\":{\"VAULT_ADDR\":\"https://vault.example\"}} · Touches credentials.",
        ),
        (
            25,
            "6a0c1a03  replay_decision             turn 0 · escalate: permission denied by the vault · 403 from the vault: policy staging-rw is missing",
        ),
        (
            26,
            "6a0c1a03  escalate                    permission denied by the vault",
        ),
        (
            28,
            "6a0c1a03  goal_completed              escalate: permission denied by the vault · after 9.012s · 1 turn, 8.65s, 9120 tokens",
        ),
        (
            31,
            "6a0c1a02  attempt_completed           turn 1 · sleep 30s · rate limited by the provider · 2 turns, 3m 8s, 71400 tokens",
        ),
        (
            33,
            "6a0c1a02  replay_decision             turn 2 · compact and retry · 413: prompt is too long: 204911 tokens > 200000 maximum",
        ),
        (
            34,
            "6a0c1a02  compact_requested           turn 2 · age: 6 of 5 minutes · pressure 1.024555, 204911 tokens, 6 minutes old · focus: placeholders still to translate",
        ),
        (
            36,
            "6a0c1a02  budget_exhausted            tokens · 3 turns, 4m 1s, 93400 tokens · 1 time too large (413)",
        ),
        (
            37,
            "6a0c1a02  attempt_completed           turn 2 · budget exhausted: tokens · 3 turns, 4m 1s, 93400 tokens · 1 time too large (413) · Faltan dos párrafos.",
        ),
        (
            39,
            "6a0c1a01  replay_decision             turn 2 · next turn · stream ended without a result",
        ),
        (
            44,
            "6a0c1a01  goal_completed              done · after 7m 2s · 3 turns, 5m 31s, 120455 tokens · All 50 runs pass. The client now honours Retry-After and caps the jitter.",
        ),
    ] {
        assert_eq!(
            pretty_json(lines[number - 1]),
            format!("--:--:--.---  {expected}"),
            "line {number}"
        );
    }
}

/// A kind that is not handled would show its `Debug` form, or nothing.
#[test]
fn no_kind_is_unhandled() {
    let events = samples::every_kind(samples::goal(1));
    assert_eq!(events.len(), EventKind::ALL.len());
    for event in events {
        let debug = format!("{event:?}");
        let variant = debug.split([' ', '{']).next().unwrap();
        let line = pretty(&Envelope::new(event), Style::default());
        assert!(!line.contains(variant) && !line.ends_with(' '), "{line}");
    }
}

#[test]
fn time_is_the_time_of_day_in_utc() {
    let envelope = Envelope::new(samples::numbered(samples::goal(1), 7));
    for (time, shown) in [
        ("2026-05-04T09:30:12.25Z", "09:30:12.250"),
        ("2026-05-04T23:59:59.999999999Z", "23:59:59.999"),
        ("2026-05-04T00:00:00+02:00", "22:00:00.000"),
    ] {
        let envelope = envelope.clone().with_time(time.parse().unwrap()).unwrap();
        assert_eq!(
            pretty(&envelope, Style::default()),
            format!("{shown}  00000001  compact_completed           turn 7 · 7000 tokens left")
        );
    }
}

#[test]
fn unknown_kind_is_shown_as_compact_json() {
    let json = "{ \"kind\" : \"goal_paused\",\n \"goal_id\":\"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01\", \"a\": [1, \"b \\\" \\\\\" , \"c d\"] }";
    assert_eq!(
        pretty_json(json),
        concat!(
            "--:--:--.---  6a0c1a01  goal_paused                 ",
            r#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","a":[1,"b \" \\","c d"]}"#
        )
    );
    assert_eq!(
        pretty_json("{\"kind\":\"x\\u001b[31m\\u202ey\",\"text\":\"\u{202e}\\u001b[0m\"}"),
        concat!(
            r"--:--:--.---  --------  x\x1b[31m\u{202e}y          ",
            r#"{"kind":"x\u001b[31m\u202ey","text":"\u{202e}\u001b[0m"}"#
        )
    );
    let long = format!(r#"{{"kind":"goal_paused_{}"}}"#, "x".repeat(200));
    assert_eq!(
        pretty_json(&long),
        format!(
            "--:--:--.---  --------  goal_paused_{}…  {{\"kind\":\"goal_paused_{}…",
            "x".repeat(88),
            "x".repeat(79)
        )
    );
}

/// The mark of a cut kind counts for the column too.
#[test]
fn details_start_in_their_column_behind_a_kind_that_is_cut() {
    let json = format!(r#"{{"kind":"{}\u001b"}}"#, "x".repeat(24));
    let envelope = Envelope::from_json(json).unwrap();
    let line = pretty(&envelope, Style::default().with_max_text_chars(5));
    assert_eq!(line, format!("--:--:--.---  --------  {}…   {{\"kin…", "x".repeat(24)));
}

#[test]
fn control_and_invisible_characters_are_escaped() {
    for (text, expected) in [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x1b[0m\x07\0\x7f", r"\x1b[31mred\x1b[0m\x07\x00\x7f"),
        ("\u{80}\u{85}\u{9b}31m\u{9f}", r"\u{80}\u{85}\u{9b}31m\u{9f}"),
        ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
        (
            "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}",
            r"\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}",
        ),
        ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
        (
            "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}",
            r"\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}",
        ),
        ("\u{34f}\u{115f}\u{3164}\u{180e}", r"\u{34f}\u{115f}\u{3164}\u{180e}"),
        ("\u{e0041}\u{e01ef}\u{fe00}", r"\u{e0041}\u{e01ef}\u{fe00}"),
        // Text in any language and backslashes are not escaped.
        (
            "línea 日本語 עברית العربية 🚀 ⚠\u{fe0f} e\u{301} a\u{a0}b C:\\new",
            "línea 日本語 עברית العربية 🚀 ⚠\u{fe0f} e\u{301} a\u{a0}b C:\\new",
        ),
    ] {
        assert_eq!(shown(text, 100), expected);
    }
}

/// The samples have untrusted text in every text field.
#[test]
fn no_text_of_an_event_reaches_the_terminal_unescaped() {
    let events = samples::hostile(samples::goal(1)).into_iter();
    let upstream = include_str!("../../../driver-events-types/tests/fixtures/upstream-events.ndjson").lines();
    let received = upstream.map(|line| Envelope::from_json(line.to_owned()).unwrap());
    let mut lines = 0;
    for envelope in events.map(Envelope::new).chain(received) {
        let line = pretty(&envelope, Style::default());
        let is_interpreted = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.contains(is_interpreted), "{line:?}");
        lines += 1;
    }
    assert!(lines > 157);
}

#[test]
fn long_texts_are_truncated() {
    assert_eq!(shown("12345", 5), "12345");
    assert_eq!(shown("123456", 5), "12345…");
    assert_eq!(shown("日本語のテキスト", 3), "日本語…");
    // An escape is not split.
    assert_eq!(shown("123\x1b6", 6), "123…");
    assert_eq!(shown("123\x1b6", 7), r"123\x1b…");
    assert_eq!(shown("1", 0), "…");
    let hundred = "x".repeat(100);
    assert_eq!(
        shown(&(hundred.clone() + "y"), Style::default().max_text_chars()),
        hundred + "…"
    );
}

#[test]
fn durations_are_truncated_to_a_readable_precision() {
    for (milliseconds, expected) in [
        (0, "0s"),
        (1, "1ms"),
        (650, "650ms"),
        (8_650, "8.65s"),
        (59_999, "59.999s"),
        (60_000, "1m"),
        (61_999, "1m 1s"),
        (3_600_000, "1h"),
        (7_500_000, "2h 5m"),
        (90_061_000, "25h 1m 1s"),
    ] {
        let event = DriverEvent::ExtractMemoriesCompleted {
            goal_id: samples::goal(1),
            turn_index: 0,
            memories_saved: 1,
            duration_ms: milliseconds,
        };
        let line = pretty(&Envelope::new(event), Style::default());
        assert!(line.ends_with(&format!(" · 1 memory saved · {expected}")), "{line}");
    }
}

#[test]
fn empty_texts_leave_no_separator() {
    assert_eq!(shown("", 100), "");
    let failure = r#"{"criterion_index":0,"criterion_label":"","message":"no"}"#;
    let json = format!(
        r#"{{"kind":"acceptance","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","verdict":{{"met":false,"failures":[{failure},{failure}],"evaluated_at":"2026-05-04T09:31:35Z","elapsed_ms":1}}}}"#
    );
    assert_eq!(
        pretty_json(&json),
        "--:--:--.---  6a0c1a01  acceptance                  not met · no · and 1 more · 1ms"
    );
}

#[test]
fn event_that_cannot_be_encoded_shows_the_error() {
    for (envelope, error) in [
        (
            samples::deep(samples::goal(1), 100_000),
            "decision.decision.input: JSON nests deeper than the limit of 64 levels",
        ),
        (
            samples::not_finite(samples::goal(1)),
            "compact_requested.token_pressure: float is not finite: JSON cannot represent NaN or infinity",
        ),
    ] {
        let line = pretty(&envelope, Style::default());
        assert!(line.ends_with(&format!("  cannot encode: {error}")), "{line}");
    }
}

#[test]
fn only_the_columns_are_coloured() {
    let envelope = Envelope::new(samples::numbered(samples::goal(1), 7))
        .with_time("2026-05-04T09:30:12.25Z".parse().unwrap())
        .unwrap();
    assert_eq!(
        pretty(&envelope, Style::new(true)),
        "\x1b[2m09:30:12.250  00000001\x1b[0m  \x1b[35mcompact_completed\x1b[0m           turn 7 · 7000 tokens left"
    );
    // Red is reserved for kinds that may need an operator.
    for event in samples::every_kind(samples::goal(1)) {
        let kind = event.kind();
        let is_red = pretty(&Envelope::new(event), Style::new(true)).contains("\x1b[31m");
        let may_need_operator = matches!(
            kind,
            EventKind::BudgetExhausted | EventKind::Escalate | EventKind::ReplayDecision
        );
        assert_eq!(is_red, may_need_operator, "{kind}");
    }
}

#[test]
fn kinds_of_one_stage_have_one_colour() {
    for event in samples::every_kind(samples::goal(1)) {
        let kind = event.kind();
        let colour = match kind {
            EventKind::GoalStarted | EventKind::GoalCompleted => "36",
            EventKind::AttemptStarted | EventKind::AttemptCompleted => "34",
            EventKind::Decision => "33",
            EventKind::Acceptance => "32",
            EventKind::BudgetExhausted | EventKind::Escalate | EventKind::ReplayDecision => "31",
            EventKind::Progress => "2",
            _ => "35",
        };
        let line = pretty(&Envelope::new(event), Style::new(true));
        assert!(line.contains(&format!("\x1b[{colour}m{kind}")), "{line}");
    }
}

#[test]
fn line_is_appended_without_line_ending() {
    let envelope = Envelope::new(samples::numbered(samples::goal(1), 7));
    let mut out = b"before ".to_vec();
    write_line(&envelope, Style::default(), &mut out);
    let line = pretty(&envelope, Style::default());
    assert_eq!(String::from_utf8(out).unwrap(), format!("before {line}"));
    assert!(line.ends_with("turn 7 · 7000 tokens left"), "{line}");
}
