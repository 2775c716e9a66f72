// `npm run generate` writes this file from schema/event.strict.json.

/**
 * Event of a driver loop, of a kind and with values that this version knows. Unknown fields are valid.
 */
export type DriverEvent =
  | GoalStartedEvent
  | GoalCompletedEvent
  | AttemptStartedEvent
  | AttemptCompletedEvent
  | DecisionEvent
  | AcceptanceEvent
  | BudgetExhaustedEvent
  | EscalateEvent
  | ReplayDecisionEvent
  | CompactRequestedEvent
  | CompactCompletedEvent
  | CompactSummaryStoredEvent
  | ExtractMemoriesCompletedEvent
  | ExtractMemoriesSkippedEvent
  | AutoDreamOutcomeEvent
  | ProgressEvent;
/**
 * UUID. Written in lower case with hyphens; every form of RFC 9562 is read.
 */
export type Id = string;
/**
 * A criterion that must be met before a goal is done.
 */
export type AcceptanceCriterion =
  | AcceptanceCriterionShellCommand
  | AcceptanceCriterionFileMatches
  | AcceptanceCriterionCustom
  | AcceptanceCriterionLlmJudge;
/**
 * Duration: numbers with units, separated by spaces. Written with the units `years`, `months`, `days` (`year`, `month`, `day` after 1), `h`, `m`, `s`, `ms`, `us` and `ns`; zero is `0s`. A month is 30.44 days, a year is 365.25 days.
 */
export type Duration = string;
/**
 * Outcome of an attempt. It determines the next step of the driver loop.
 */
export type AttemptOutcome =
  | AttemptOutcomeDone
  | AttemptOutcomeNeedsRetry
  | AttemptOutcomeContinue
  | AttemptOutcomeSleep
  | AttemptOutcomeBudgetExhausted
  | AttemptOutcomeCancelled
  | AttemptOutcomeEscalate;
/**
 * A limit of a budget.
 *
 * - `turns`: The limit `max_turns`.
 * - `wall_time`: The limit `max_wall_time`.
 * - `tokens`: The limit `max_tokens`.
 * - `consecutive_denies`: The limit `max_consecutive_denies`.
 * - `consecutive_errors`: The limit `max_consecutive_errors`.
 * - `consecutive413`: The limit `max_consecutive_413`. This text has no underscore before the digits.
 */
export type BudgetAxis =
  "turns" | "wall_time" | "tokens" | "consecutive_denies" | "consecutive_errors" | "consecutive413";
/**
 * Time of RFC 3339. Written in UTC with `Z` and 0, 3, 6 or 9 digits after the second; any offset is read.
 */
export type Time = string;
/**
 * Verdict on a proposed tool call.
 */
export type DecisionChoice = DecisionChoiceAllow | DecisionChoiceDeny | DecisionChoiceObserve;
/**
 * The driver loop's reaction to an error within a turn.
 */
export type ReplayDecision =
  ReplayDecisionFreshSessionRetry | ReplayDecisionNextTurn | ReplayDecisionCompactAndRetry | ReplayDecisionEscalate;
/**
 * Condition that triggered a compaction of the agent's context.
 */
export type CompactTrigger = CompactTriggerTokenPressure | CompactTriggerAge;
/**
 * Reason why a memory extraction was skipped.
 *
 * - `disabled`: Extraction is disabled.
 * - `throttled`: The last extraction is too recent.
 * - `in_progress`: Another extraction is running.
 * - `circuit_breaker_open`: Too many recent extractions failed.
 * - `main_agent_wrote`: The agent itself has just written memories.
 */
export type ExtractSkipReason = "disabled" | "throttled" | "in_progress" | "circuit_breaker_open" | "main_agent_wrote";
/**
 * Outcome of an auto dream, the background pass that consolidates memories.
 *
 * - `completed`: The pass completed.
 * - `skipped_disabled`: The pass is disabled.
 * - `skipped_kairos_active`: Kairos mode is active.
 * - `skipped_remote_mode`: The driver runs in remote mode.
 * - `skipped_auto_memory_disabled`: Automatic memory is disabled.
 * - `skipped_time_gate`: The last pass is too recent.
 * - `skipped_scan_throttle`: The last scan for new sessions is too recent.
 * - `skipped_session_gate`: Too few sessions since the last pass.
 * - `lock_blocked`: Another process holds the lock.
 * - `errored`: The pass failed.
 * - `timed_out`: The pass timed out.
 * - `escape_audit`: The pass was stopped because it accessed something outside its bounds.
 */
export type AutoDreamOutcomeKind =
  | "completed"
  | "skipped_disabled"
  | "skipped_kairos_active"
  | "skipped_remote_mode"
  | "skipped_auto_memory_disabled"
  | "skipped_time_gate"
  | "skipped_scan_throttle"
  | "skipped_session_gate"
  | "lock_blocked"
  | "errored"
  | "timed_out"
  | "escape_audit";

/**
 * The driver accepted a goal: a description, acceptance criteria and a budget. Subject: `agent.driver.goal.started`.
 */
export interface GoalStartedEvent {
  kind: "goal_started";
  /**
   * The goal.
   */
  goal: Goal;
}
/**
 * A task for an agent: a description, acceptance criteria and a budget.
 */
export interface Goal {
  /**
   * Id of the goal, repeated in every later event.
   */
  id: Id;
  /**
   * Description of the task, in the words of the requester.
   */
  description: string;
  /**
   * Criteria that must all be met before the goal is done. If empty, the agent's own claim suffices.
   */
  acceptance: AcceptanceCriterion[];
  /**
   * Limits at which the driver loop stops.
   */
  budget: BudgetGuards;
  /**
   * Workspace of the agent, in the driver's notation. Omitted if unset.
   */
  workspace?: string | null;
  /**
   * Free-form metadata. A non-empty string `agent_id` names the agent that works on the goal. Omitted if empty.
   */
  metadata?: Record<string, unknown>;
}
/**
 * A command that must succeed.
 */
export interface AcceptanceCriterionShellCommand {
  kind: "shell_command";
  /**
   * Command line for a shell.
   */
  command: string;
  /**
   * Exit status that counts as success. The evaluator has a default. Omitted if unset.
   */
  expected_exit?: number | null;
  /**
   * Regular expression that the standard output must match. Omitted if unset.
   */
  stdout_must_match?: string | null;
  /**
   * Timeout of the command; 0 means the evaluator's default. Unit: seconds.
   */
  timeout_secs?: number;
}
/**
 * A file whose content must match.
 */
export interface AcceptanceCriterionFileMatches {
  kind: "file_matches";
  /**
   * Path of the file, relative to the goal's workspace.
   */
  path: string;
  /**
   * Regular expression that the content must match.
   */
  regex: string;
  /**
   * Whether a missing file fails the criterion.
   */
  required?: boolean;
}
/**
 * A check that is registered with the driver.
 */
export interface AcceptanceCriterionCustom {
  kind: "custom";
  /**
   * Name of the check.
   */
  name: string;
  /**
   * Arguments of the check.
   */
  args: unknown;
}
/**
 * A criterion in prose that a model evaluates.
 */
export interface AcceptanceCriterionLlmJudge {
  kind: "llm_judge";
  /**
   * Text of the criterion.
   */
  criterion_text: string;
}
/**
 * Limits of a goal's budget. A limit is reached if the usage is at least the limit.
 */
export interface BudgetGuards {
  /**
   * Maximum number of attempts. Unit: attempts.
   */
  max_turns: number;
  /**
   * Maximum wall-clock time.
   */
  max_wall_time: Duration;
  /**
   * Maximum number of tokens over all attempts. Unit: tokens.
   */
  max_tokens: number;
  /**
   * Maximum number of consecutive denied decisions. Unit: decisions.
   */
  max_consecutive_denies: number;
  /**
   * Maximum number of consecutive failed attempts; 0 disables the limit. Unit: attempts.
   */
  max_consecutive_errors?: number;
  /**
   * Maximum number of consecutive attempts that the provider refused as too large (HTTP 413); 0 disables the limit. Unit: attempts.
   */
  max_consecutive_413?: number;
}
/**
 * The goal ended, successfully or not. Subject: `agent.driver.goal.completed`.
 */
export interface GoalCompletedEvent {
  kind: "goal_completed";
  /**
   * Outcome of the goal.
   */
  outcome: GoalOutcome;
}
/**
 * Outcome of a goal.
 */
export interface GoalOutcome {
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Outcome of the last attempt.
   */
  outcome: AttemptOutcome;
  /**
   * Number of attempts made. Unit: attempts.
   */
  total_turns: number;
  /**
   * Budget that the goal has used so far.
   */
  usage: BudgetUsage;
  /**
   * Last text of the agent. `null` if unset.
   */
  final_text?: string | null;
  /**
   * Last verdict on the acceptance criteria. `null` if unset.
   */
  acceptance?: AcceptanceVerdict | null;
  /**
   * Wall-clock time from the start of the goal to its end.
   */
  elapsed: Duration;
}
/**
 * The goal is achieved.
 */
export interface AttemptOutcomeDone {
  kind: "done";
}
/**
 * The agent claimed to be done, but some acceptance criteria are not met.
 */
export interface AttemptOutcomeNeedsRetry {
  kind: "needs_retry";
  /**
   * Criteria that are not met.
   */
  failures: AcceptanceFailure[];
}
/**
 * A criterion that is not met.
 */
export interface AcceptanceFailure {
  /**
   * Index of the criterion in the goal's `acceptance`, from 0.
   */
  criterion_index: number;
  /**
   * Short label of the criterion for display.
   */
  criterion_label: string;
  /**
   * Reason why it is not met.
   */
  message: string;
  /**
   * Evidence from the evaluator, such as the output of a command. Omitted if unset.
   */
  evidence?: string | null;
}
/**
 * The goal is not achieved yet; the next attempt follows.
 */
export interface AttemptOutcomeContinue {
  kind: "continue";
  /**
   * Reason why the attempt ended without a result.
   */
  reason: string;
}
/**
 * The next attempt follows after a pause.
 */
export interface AttemptOutcomeSleep {
  kind: "sleep";
  /**
   * Length of the pause. Unit: milliseconds.
   */
  duration_ms: number;
  /**
   * Reason for the pause.
   */
  reason: string;
}
/**
 * The goal reached a limit of its budget.
 */
export interface AttemptOutcomeBudgetExhausted {
  kind: "budget_exhausted";
  /**
   * Limit that was reached.
   */
  axis: BudgetAxis;
}
/**
 * The goal was cancelled.
 */
export interface AttemptOutcomeCancelled {
  kind: "cancelled";
}
/**
 * An operator must take over.
 */
export interface AttemptOutcomeEscalate {
  kind: "escalate";
  /**
   * Reason for the escalation.
   */
  reason: string;
}
/**
 * Budget that a goal has used so far.
 */
export interface BudgetUsage {
  /**
   * Number of attempts made. Unit: attempts.
   */
  turns: number;
  /**
   * Wall-clock time elapsed.
   */
  wall_time: Duration;
  /**
   * Tokens used over all attempts. Unit: tokens.
   */
  tokens: number;
  /**
   * Consecutive denied decisions, since the last allowed one. Unit: decisions.
   */
  consecutive_denies: number;
  /**
   * Consecutive failed attempts, since the last successful one. Unit: attempts.
   */
  consecutive_errors?: number;
  /**
   * Consecutive attempts that the provider refused as too large (HTTP 413). Unit: attempts.
   */
  consecutive_413?: number;
}
/**
 * Verdict on a goal's acceptance criteria, after the agent claimed to be done.
 */
export interface AcceptanceVerdict {
  /**
   * Whether every criterion is met.
   */
  met: boolean;
  /**
   * Criteria that are not met.
   */
  failures?: AcceptanceFailure[];
  /**
   * Time of the verdict.
   */
  evaluated_at: Time;
  /**
   * Duration of the evaluation. Unit: milliseconds.
   */
  elapsed_ms: number;
}
/**
 * An attempt (a turn) of the agent started. Attempts are numbered from 0. Subject: `agent.driver.attempt.started`.
 */
export interface AttemptStartedEvent {
  kind: "attempt_started";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Budget that the goal has used so far.
   */
  usage: BudgetUsage;
}
/**
 * An attempt ended, with its results. Subject: `agent.driver.attempt.completed`.
 */
export interface AttemptCompletedEvent {
  kind: "attempt_completed";
  /**
   * Result of the attempt.
   */
  result: AttemptResult;
}
/**
 * Result of an attempt.
 */
export interface AttemptResult {
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Outcome of the attempt.
   */
  outcome: AttemptOutcome;
  /**
   * Decisions on tool calls during the attempt, in order.
   */
  decisions_recorded?: Decision[];
  /**
   * Budget that the goal has used after the attempt.
   */
  usage_after: BudgetUsage;
  /**
   * Verdict on the acceptance criteria, if the agent claimed to be done. Omitted if unset.
   */
  acceptance?: AcceptanceVerdict | null;
  /**
   * Last text of the agent. Omitted if unset.
   */
  final_text?: string | null;
  /**
   * Free-form data from the harness that ran the agent. Omitted if empty.
   */
  harness_extras?: Record<string, unknown>;
}
/**
 * Decision of the driver on a tool call that the agent proposed.
 */
export interface Decision {
  /**
   * Id of the decision.
   */
  id: Id;
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Name of the tool.
   */
  tool: string;
  /**
   * Arguments of the call.
   */
  input: unknown;
  /**
   * Verdict on the call.
   */
  choice: DecisionChoice;
  /**
   * Reason for the verdict.
   */
  rationale: string;
  /**
   * Time of the decision.
   */
  decided_at: Time;
}
/**
 * The call proceeds.
 */
export interface DecisionChoiceAllow {
  kind: "allow";
}
/**
 * The call is blocked.
 */
export interface DecisionChoiceDeny {
  kind: "deny";
  /**
   * Message to the agent.
   */
  message: string;
}
/**
 * The call proceeds, and the driver records the verdict that it would have enforced.
 */
export interface DecisionChoiceObserve {
  kind: "observe";
  /**
   * The recorded verdict.
   */
  note: string;
}
/**
 * The driver allowed, denied or observed a tool call that the agent proposed. Subject: `agent.driver.decision`.
 */
export interface DecisionEvent {
  kind: "decision";
  /**
   * The decision.
   */
  decision: Decision;
}
/**
 * The agent claimed to be done, and the acceptance criteria were evaluated. Subject: `agent.driver.acceptance`.
 */
export interface AcceptanceEvent {
  kind: "acceptance";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * The verdict.
   */
  verdict: AcceptanceVerdict;
}
/**
 * A limit of the goal's budget was reached. Subject: `agent.driver.budget.exhausted`.
 */
export interface BudgetExhaustedEvent {
  kind: "budget_exhausted";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Limit that was reached.
   */
  axis: BudgetAxis;
  /**
   * Budget that the goal has used so far.
   */
  usage: BudgetUsage;
}
/**
 * The goal was escalated to an operator. Subject: `agent.driver.escalate`.
 */
export interface EscalateEvent {
  kind: "escalate";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Reason for the escalation.
   */
  reason: string;
}
/**
 * The driver decided how to continue after an error during a turn. Subject: `agent.driver.replay`.
 */
export interface ReplayDecisionEvent {
  kind: "replay_decision";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * The decision.
   */
  decision: ReplayDecision;
  /**
   * Text of the error.
   */
  error_message: string;
}
/**
 * The turn is retried in a new session.
 */
export interface ReplayDecisionFreshSessionRetry {
  kind: "fresh_session_retry";
  /**
   * State of the workspace to roll back to first. Omitted if unset.
   */
  rollback_to?: string | null;
}
/**
 * The turn is abandoned and the next one starts.
 */
export interface ReplayDecisionNextTurn {
  kind: "next_turn";
  /**
   * State of the workspace to roll back to first. Omitted if unset.
   */
  rollback_to?: string | null;
}
/**
 * The context is compacted and the turn is retried.
 */
export interface ReplayDecisionCompactAndRetry {
  kind: "compact_and_retry";
}
/**
 * An operator must take over.
 */
export interface ReplayDecisionEscalate {
  kind: "escalate";
  /**
   * Reason for the escalation.
   */
  reason: string;
}
/**
 * The agent was asked to compact its context. Subject: `agent.driver.compact`.
 */
export interface CompactRequestedEvent {
  kind: "compact_requested";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Topic that the summary must keep.
   */
  focus: string;
  /**
   * Fraction of the context window in use; 1.0 is full.
   */
  token_pressure: number;
  /**
   * Size of the agent's context before the compaction. Unit: tokens.
   */
  before_tokens: number;
  /**
   * Age of the context. Unit: minutes.
   */
  age_minutes: number;
  /**
   * Condition that triggered the request.
   */
  trigger: CompactTrigger;
}
/**
 * The context window is nearly full.
 */
export interface CompactTriggerTokenPressure {
  kind: "token_pressure";
  /**
   * Fraction of the context window in use; 1.0 is full.
   */
  pct: number;
  /**
   * Size of the context. Unit: tokens.
   */
  tokens_used: number;
  /**
   * Capacity of the context window. Unit: tokens.
   */
  context_window: number;
}
/**
 * The context reached its maximum age.
 */
export interface CompactTriggerAge {
  kind: "age";
  /**
   * Age of the context. Unit: minutes.
   */
  age_minutes: number;
  /**
   * Maximum age of the context. Unit: minutes.
   */
  max_age_minutes: number;
}
/**
 * The context was compacted. Follows `compact_requested`. Subject: `agent.driver.compact.completed`.
 */
export interface CompactCompletedEvent {
  kind: "compact_completed";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Size of the agent's context after the compaction. Unit: tokens.
   */
  after_tokens: number;
}
/**
 * The summary that replaces the compacted context was stored. Subject: `agent.driver.compact.summary_stored`.
 */
export interface CompactSummaryStoredEvent {
  kind: "compact_summary_stored";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Size of the agent's context before the compaction. Unit: tokens.
   */
  before_tokens: number;
  /**
   * Size of the agent's context after the compaction. Unit: tokens.
   */
  after_tokens: number;
}
/**
 * A background pass extracted and saved memories. Subject: `agent.driver.extract_memories.completed`.
 */
export interface ExtractMemoriesCompletedEvent {
  kind: "extract_memories_completed";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Number of memories saved. Unit: memories.
   */
  memories_saved: number;
  /**
   * Duration of the pass. Unit: milliseconds.
   */
  duration_ms: number;
}
/**
 * The pass that extracts memories was skipped. Subject: `agent.driver.extract_memories.skipped`.
 */
export interface ExtractMemoriesSkippedEvent {
  kind: "extract_memories_skipped";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Reason for the skip.
   */
  reason: ExtractSkipReason;
}
/**
 * The outcome of the background pass that consolidates memories. Subject: `agent.driver.auto_dream`.
 */
export interface AutoDreamOutcomeEvent {
  kind: "auto_dream_outcome";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Outcome of the pass.
   */
  outcome_kind: AutoDreamOutcomeKind;
}
/**
 * A heartbeat every few turns, with the budget used so far. Subject: `agent.driver.progress`.
 */
export interface ProgressEvent {
  kind: "progress";
  /**
   * Id of the goal.
   */
  goal_id: Id;
  /**
   * Index of the attempt, from 0.
   */
  turn_index: number;
  /**
   * Budget that the goal has used so far.
   */
  usage: BudgetUsage;
  /**
   * Last text of the agent. `null` if unset.
   */
  last_text?: string | null;
}
