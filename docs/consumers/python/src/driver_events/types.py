"""Types of the events and of the objects in them, generated from ``schema/event.strict.json``."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

from typing_extensions import NotRequired


class AcceptanceCriterionShellCommand(TypedDict):
    """A command that must succeed."""

    kind: Literal['shell_command']
    command: str
    """Command line for a shell."""

    expected_exit: NotRequired[int | None]
    """Exit status that counts as success. The evaluator has a default. Omitted if unset."""

    stdout_must_match: NotRequired[str | None]
    """Regular expression that the standard output must match. Omitted if unset."""

    timeout_secs: NotRequired[int]
    """Timeout of the command; 0 means the evaluator's default. Unit: seconds."""


class AcceptanceCriterionFileMatches(TypedDict):
    """A file whose content must match."""

    kind: Literal['file_matches']
    path: str
    """Path of the file, relative to the goal's workspace."""

    regex: str
    """Regular expression that the content must match."""

    required: NotRequired[bool]
    """Whether a missing file fails the criterion."""


class AcceptanceCriterionCustom(TypedDict):
    """A check that is registered with the driver."""

    kind: Literal['custom']
    name: str
    """Name of the check."""

    args: Any
    """Arguments of the check."""


class AcceptanceCriterionLlmJudge(TypedDict):
    """A criterion in prose that a model evaluates."""

    kind: Literal['llm_judge']
    criterion_text: str
    """Text of the criterion."""


class AttemptOutcomeDone(TypedDict):
    """The goal is achieved."""

    kind: Literal['done']


class AttemptOutcomeContinue(TypedDict):
    """The goal is not achieved yet; the next attempt follows."""

    kind: Literal['continue']
    reason: str
    """Reason why the attempt ended without a result."""


class AttemptOutcomeSleep(TypedDict):
    """The next attempt follows after a pause."""

    kind: Literal['sleep']
    duration_ms: int
    """Length of the pause. Unit: milliseconds."""

    reason: str
    """Reason for the pause."""


class AttemptOutcomeCancelled(TypedDict):
    """The goal was cancelled."""

    kind: Literal['cancelled']


class AttemptOutcomeEscalate(TypedDict):
    """An operator must take over."""

    kind: Literal['escalate']
    reason: str
    """Reason for the escalation."""


class AcceptanceFailure(TypedDict):
    """A criterion that is not met."""

    criterion_index: int
    """Index of the criterion in the goal's `acceptance`, from 0."""

    criterion_label: str
    """Short label of the criterion for display."""

    message: str
    """Reason why it is not met."""

    evidence: NotRequired[str | None]
    """Evidence from the evaluator, such as the output of a command. Omitted if unset."""


BudgetAxis: TypeAlias = Literal['turns', 'wall_time', 'tokens', 'consecutive_denies', 'consecutive_errors', 'consecutive413']
"""
A limit of a budget.

- `turns`: The limit `max_turns`.
- `wall_time`: The limit `max_wall_time`.
- `tokens`: The limit `max_tokens`.
- `consecutive_denies`: The limit `max_consecutive_denies`.
- `consecutive_errors`: The limit `max_consecutive_errors`.
- `consecutive413`: The limit `max_consecutive_413`. This text has no underscore before the digits.
"""


class DecisionChoiceAllow(TypedDict):
    """The call proceeds."""

    kind: Literal['allow']


class DecisionChoiceDeny(TypedDict):
    """The call is blocked."""

    kind: Literal['deny']
    message: str
    """Message to the agent."""


class DecisionChoiceObserve(TypedDict):
    """The call proceeds, and the driver records the verdict that it would have enforced."""

    kind: Literal['observe']
    note: str
    """The recorded verdict."""


class ReplayDecisionFreshSessionRetry(TypedDict):
    """The turn is retried in a new session."""

    kind: Literal['fresh_session_retry']
    rollback_to: NotRequired[str | None]
    """State of the workspace to roll back to first. Omitted if unset."""


class ReplayDecisionNextTurn(TypedDict):
    """The turn is abandoned and the next one starts."""

    kind: Literal['next_turn']
    rollback_to: NotRequired[str | None]
    """State of the workspace to roll back to first. Omitted if unset."""


class ReplayDecisionCompactAndRetry(TypedDict):
    """The context is compacted and the turn is retried."""

    kind: Literal['compact_and_retry']


class ReplayDecisionEscalate(TypedDict):
    """An operator must take over."""

    kind: Literal['escalate']
    reason: str
    """Reason for the escalation."""


class CompactTriggerTokenPressure(TypedDict):
    """The context window is nearly full."""

    kind: Literal['token_pressure']
    pct: float
    """Fraction of the context window in use; 1.0 is full."""

    tokens_used: int
    """Size of the context. Unit: tokens."""

    context_window: int
    """Capacity of the context window. Unit: tokens."""


class CompactTriggerAge(TypedDict):
    """The context reached its maximum age."""

    kind: Literal['age']
    age_minutes: int
    """Age of the context. Unit: minutes."""

    max_age_minutes: int
    """Maximum age of the context. Unit: minutes."""


ExtractSkipReason: TypeAlias = Literal['disabled', 'throttled', 'in_progress', 'circuit_breaker_open', 'main_agent_wrote']
"""
Reason why a memory extraction was skipped.

- `disabled`: Extraction is disabled.
- `throttled`: The last extraction is too recent.
- `in_progress`: Another extraction is running.
- `circuit_breaker_open`: Too many recent extractions failed.
- `main_agent_wrote`: The agent itself has just written memories.
"""


AutoDreamOutcomeKind: TypeAlias = Literal['completed', 'skipped_disabled', 'skipped_kairos_active', 'skipped_remote_mode', 'skipped_auto_memory_disabled', 'skipped_time_gate', 'skipped_scan_throttle', 'skipped_session_gate', 'lock_blocked', 'errored', 'timed_out', 'escape_audit']
"""
Outcome of an auto dream, the background pass that consolidates memories.

- `completed`: The pass completed.
- `skipped_disabled`: The pass is disabled.
- `skipped_kairos_active`: Kairos mode is active.
- `skipped_remote_mode`: The driver runs in remote mode.
- `skipped_auto_memory_disabled`: Automatic memory is disabled.
- `skipped_time_gate`: The last pass is too recent.
- `skipped_scan_throttle`: The last scan for new sessions is too recent.
- `skipped_session_gate`: Too few sessions since the last pass.
- `lock_blocked`: Another process holds the lock.
- `errored`: The pass failed.
- `timed_out`: The pass timed out.
- `escape_audit`: The pass was stopped because it accessed something outside its bounds.
"""


Id: TypeAlias = str


Time: TypeAlias = str


Duration: TypeAlias = str


class EscalateEvent(TypedDict):
    """The goal was escalated to an operator. Subject: `agent.driver.escalate`."""

    kind: Literal['escalate']
    goal_id: Id
    """Id of the goal."""

    reason: str
    """Reason for the escalation."""


class CompactCompletedEvent(TypedDict):
    """The context was compacted. Follows `compact_requested`. Subject: `agent.driver.compact.completed`."""

    kind: Literal['compact_completed']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    after_tokens: int
    """Size of the agent's context after the compaction. Unit: tokens."""


class CompactSummaryStoredEvent(TypedDict):
    """The summary that replaces the compacted context was stored. Subject: `agent.driver.compact.summary_stored`."""

    kind: Literal['compact_summary_stored']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    before_tokens: int
    """Size of the agent's context before the compaction. Unit: tokens."""

    after_tokens: int
    """Size of the agent's context after the compaction. Unit: tokens."""


class ExtractMemoriesCompletedEvent(TypedDict):
    """A background pass extracted and saved memories. Subject: `agent.driver.extract_memories.completed`."""

    kind: Literal['extract_memories_completed']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    memories_saved: int
    """Number of memories saved. Unit: memories."""

    duration_ms: int
    """Duration of the pass. Unit: milliseconds."""


class ExtractMemoriesSkippedEvent(TypedDict):
    """The pass that extracts memories was skipped. Subject: `agent.driver.extract_memories.skipped`."""

    kind: Literal['extract_memories_skipped']
    goal_id: Id
    """Id of the goal."""

    reason: ExtractSkipReason
    """Reason for the skip."""


class AutoDreamOutcomeEvent(TypedDict):
    """The outcome of the background pass that consolidates memories. Subject: `agent.driver.auto_dream`."""

    kind: Literal['auto_dream_outcome']
    goal_id: Id
    """Id of the goal."""

    outcome_kind: AutoDreamOutcomeKind
    """Outcome of the pass."""


AcceptanceCriterion: TypeAlias = AcceptanceCriterionShellCommand | AcceptanceCriterionFileMatches | AcceptanceCriterionCustom | AcceptanceCriterionLlmJudge


class BudgetGuards(TypedDict):
    """Limits of a goal's budget. A limit is reached if the usage is at least the limit."""

    max_turns: int
    """Maximum number of attempts. Unit: attempts."""

    max_wall_time: Duration
    """Maximum wall-clock time."""

    max_tokens: int
    """Maximum number of tokens over all attempts. Unit: tokens."""

    max_consecutive_denies: int
    """Maximum number of consecutive denied decisions. Unit: decisions."""

    max_consecutive_errors: NotRequired[int]
    """Maximum number of consecutive failed attempts; 0 disables the limit. Unit: attempts."""

    max_consecutive_413: NotRequired[int]
    """Maximum number of consecutive attempts that the provider refused as too large (HTTP 413); 0 disables the limit. Unit: attempts."""


class AttemptOutcomeNeedsRetry(TypedDict):
    """The agent claimed to be done, but some acceptance criteria are not met."""

    kind: Literal['needs_retry']
    failures: list[AcceptanceFailure]
    """Criteria that are not met."""


class AttemptOutcomeBudgetExhausted(TypedDict):
    """The goal reached a limit of its budget."""

    kind: Literal['budget_exhausted']
    axis: BudgetAxis
    """Limit that was reached."""


class BudgetUsage(TypedDict):
    """Budget that a goal has used so far."""

    turns: int
    """Number of attempts made. Unit: attempts."""

    wall_time: Duration
    """Wall-clock time elapsed."""

    tokens: int
    """Tokens used over all attempts. Unit: tokens."""

    consecutive_denies: int
    """Consecutive denied decisions, since the last allowed one. Unit: decisions."""

    consecutive_errors: NotRequired[int]
    """Consecutive failed attempts, since the last successful one. Unit: attempts."""

    consecutive_413: NotRequired[int]
    """Consecutive attempts that the provider refused as too large (HTTP 413). Unit: attempts."""


class AcceptanceVerdict(TypedDict):
    """Verdict on a goal's acceptance criteria, after the agent claimed to be done."""

    met: bool
    """Whether every criterion is met."""

    failures: NotRequired[list[AcceptanceFailure]]
    """Criteria that are not met."""

    evaluated_at: Time
    """Time of the verdict."""

    elapsed_ms: int
    """Duration of the evaluation. Unit: milliseconds."""


DecisionChoice: TypeAlias = DecisionChoiceAllow | DecisionChoiceDeny | DecisionChoiceObserve


ReplayDecision: TypeAlias = ReplayDecisionFreshSessionRetry | ReplayDecisionNextTurn | ReplayDecisionCompactAndRetry | ReplayDecisionEscalate


CompactTrigger: TypeAlias = CompactTriggerTokenPressure | CompactTriggerAge


class AttemptStartedEvent(TypedDict):
    """An attempt (a turn) of the agent started. Attempts are numbered from 0. Subject: `agent.driver.attempt.started`."""

    kind: Literal['attempt_started']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    usage: BudgetUsage
    """Budget that the goal has used so far."""


class AcceptanceEvent(TypedDict):
    """The agent claimed to be done, and the acceptance criteria were evaluated. Subject: `agent.driver.acceptance`."""

    kind: Literal['acceptance']
    goal_id: Id
    """Id of the goal."""

    verdict: AcceptanceVerdict
    """The verdict."""


class BudgetExhaustedEvent(TypedDict):
    """A limit of the goal's budget was reached. Subject: `agent.driver.budget.exhausted`."""

    kind: Literal['budget_exhausted']
    goal_id: Id
    """Id of the goal."""

    axis: BudgetAxis
    """Limit that was reached."""

    usage: BudgetUsage
    """Budget that the goal has used so far."""


class ReplayDecisionEvent(TypedDict):
    """The driver decided how to continue after an error during a turn. Subject: `agent.driver.replay`."""

    kind: Literal['replay_decision']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    decision: ReplayDecision
    """The decision."""

    error_message: str
    """Text of the error."""


class CompactRequestedEvent(TypedDict):
    """The agent was asked to compact its context. Subject: `agent.driver.compact`."""

    kind: Literal['compact_requested']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    focus: str
    """Topic that the summary must keep."""

    token_pressure: float
    """Fraction of the context window in use; 1.0 is full."""

    before_tokens: int
    """Size of the agent's context before the compaction. Unit: tokens."""

    age_minutes: int
    """Age of the context. Unit: minutes."""

    trigger: CompactTrigger
    """Condition that triggered the request."""


class ProgressEvent(TypedDict):
    """A heartbeat every few turns, with the budget used so far. Subject: `agent.driver.progress`."""

    kind: Literal['progress']
    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    usage: BudgetUsage
    """Budget that the goal has used so far."""

    last_text: NotRequired[str | None]
    """Last text of the agent. `null` if unset."""


class Goal(TypedDict):
    """A task for an agent: a description, acceptance criteria and a budget."""

    id: Id
    """Id of the goal, repeated in every later event."""

    description: str
    """Description of the task, in the words of the requester."""

    acceptance: list[AcceptanceCriterion]
    """Criteria that must all be met before the goal is done. If empty, the agent's own claim suffices."""

    budget: BudgetGuards
    """Limits at which the driver loop stops."""

    workspace: NotRequired[str | None]
    """Workspace of the agent, in the driver's notation. Omitted if unset."""

    metadata: NotRequired[dict[str, Any]]
    """Free-form metadata. A non-empty string `agent_id` names the agent that works on the goal. Omitted if empty."""


AttemptOutcome: TypeAlias = AttemptOutcomeDone | AttemptOutcomeNeedsRetry | AttemptOutcomeContinue | AttemptOutcomeSleep | AttemptOutcomeBudgetExhausted | AttemptOutcomeCancelled | AttemptOutcomeEscalate


class Decision(TypedDict):
    """Decision of the driver on a tool call that the agent proposed."""

    id: Id
    """Id of the decision."""

    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    tool: str
    """Name of the tool."""

    input: Any
    """Arguments of the call."""

    choice: DecisionChoice
    """Verdict on the call."""

    rationale: str
    """Reason for the verdict."""

    decided_at: Time
    """Time of the decision."""


class GoalStartedEvent(TypedDict):
    """The driver accepted a goal: a description, acceptance criteria and a budget. Subject: `agent.driver.goal.started`."""

    kind: Literal['goal_started']
    goal: Goal
    """The goal."""


class DecisionEvent(TypedDict):
    """The driver allowed, denied or observed a tool call that the agent proposed. Subject: `agent.driver.decision`."""

    kind: Literal['decision']
    decision: Decision
    """The decision."""


class GoalOutcome(TypedDict):
    """Outcome of a goal."""

    goal_id: Id
    """Id of the goal."""

    outcome: AttemptOutcome
    """Outcome of the last attempt."""

    total_turns: int
    """Number of attempts made. Unit: attempts."""

    usage: BudgetUsage
    """Budget that the goal has used so far."""

    final_text: NotRequired[str | None]
    """Last text of the agent. `null` if unset."""

    acceptance: NotRequired[AcceptanceVerdict | None]
    """Last verdict on the acceptance criteria. `null` if unset."""

    elapsed: Duration
    """Wall-clock time from the start of the goal to its end."""


class AttemptResult(TypedDict):
    """Result of an attempt."""

    goal_id: Id
    """Id of the goal."""

    turn_index: int
    """Index of the attempt, from 0."""

    outcome: AttemptOutcome
    """Outcome of the attempt."""

    decisions_recorded: NotRequired[list[Decision]]
    """Decisions on tool calls during the attempt, in order."""

    usage_after: BudgetUsage
    """Budget that the goal has used after the attempt."""

    acceptance: NotRequired[AcceptanceVerdict | None]
    """Verdict on the acceptance criteria, if the agent claimed to be done. Omitted if unset."""

    final_text: NotRequired[str | None]
    """Last text of the agent. Omitted if unset."""

    harness_extras: NotRequired[dict[str, Any]]
    """Free-form data from the harness that ran the agent. Omitted if empty."""


class GoalCompletedEvent(TypedDict):
    """The goal ended, successfully or not. Subject: `agent.driver.goal.completed`."""

    kind: Literal['goal_completed']
    outcome: GoalOutcome
    """Outcome of the goal."""


class AttemptCompletedEvent(TypedDict):
    """An attempt ended, with its results. Subject: `agent.driver.attempt.completed`."""

    kind: Literal['attempt_completed']
    result: AttemptResult
    """Result of the attempt."""


DriverEvent: TypeAlias = GoalStartedEvent | GoalCompletedEvent | AttemptStartedEvent | AttemptCompletedEvent | DecisionEvent | AcceptanceEvent | BudgetExhaustedEvent | EscalateEvent | ReplayDecisionEvent | CompactRequestedEvent | CompactCompletedEvent | CompactSummaryStoredEvent | ExtractMemoriesCompletedEvent | ExtractMemoriesSkippedEvent | AutoDreamOutcomeEvent | ProgressEvent
