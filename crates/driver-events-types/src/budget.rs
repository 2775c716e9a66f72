use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Budget limits of a goal. A limit is reached if the usage is at least the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetGuards {
    /// Maximum number of attempts.
    pub max_turns: u32,
    /// Maximum wall-clock time.
    #[serde(with = "crate::codec::duration")]
    pub max_wall_time: Duration,
    /// Maximum number of tokens over all attempts.
    pub max_tokens: u64,
    /// Maximum number of consecutive denied decisions.
    pub max_consecutive_denies: u32,
    /// Maximum number of consecutive failed attempts; 0 disables the limit. Decodes as 5 if missing.
    #[serde(default = "default_max_consecutive_errors")]
    pub max_consecutive_errors: u32,
    /// Maximum number of consecutive attempts that the provider refused as too large (HTTP 413); 0 disables the limit.
    /// Decodes as 2 if missing.
    #[serde(default = "default_max_consecutive_413")]
    pub max_consecutive_413: u32,
}

fn default_max_consecutive_errors() -> u32 {
    5
}

fn default_max_consecutive_413() -> u32 {
    2
}

impl BudgetGuards {
    /// Returns the first axis, in the order of [`BudgetAxis`], whose limit is reached, or `None`.
    ///
    /// A limit of 0 on the first four axes is reached from the start. On `max_consecutive_errors` and
    /// `max_consecutive_413` it disables the limit.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use driver_events_types::{BudgetAxis, BudgetGuards, BudgetUsage};
    ///
    /// let guards = BudgetGuards {
    ///     max_turns: 8,
    ///     max_wall_time: Duration::from_secs(1800),
    ///     max_tokens: 400_000,
    ///     max_consecutive_denies: 3,
    ///     max_consecutive_errors: 5,
    ///     max_consecutive_413: 2,
    /// };
    /// let mut usage = BudgetUsage::default();
    /// assert_eq!(guards.is_exhausted(&usage), None);
    /// usage.tokens = 400_000;
    /// assert_eq!(guards.is_exhausted(&usage), Some(BudgetAxis::Tokens));
    /// ```
    #[must_use]
    pub fn is_exhausted(&self, usage: &BudgetUsage) -> Option<BudgetAxis> {
        let reached_unless_off = |used: u32, limit: u32| limit > 0 && used >= limit;
        let axes = [
            (BudgetAxis::Turns, usage.turns >= self.max_turns),
            (BudgetAxis::WallTime, usage.wall_time >= self.max_wall_time),
            (BudgetAxis::Tokens, usage.tokens >= self.max_tokens),
            (
                BudgetAxis::ConsecutiveDenies,
                usage.consecutive_denies >= self.max_consecutive_denies,
            ),
            (
                BudgetAxis::ConsecutiveErrors,
                reached_unless_off(usage.consecutive_errors, self.max_consecutive_errors),
            ),
            (
                BudgetAxis::Consecutive413,
                reached_unless_off(usage.consecutive_413, self.max_consecutive_413),
            ),
        ];
        axes.into_iter().find_map(|(axis, reached)| reached.then_some(axis))
    }
}

/// Budget that a goal has used so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetUsage {
    /// Number of attempts made.
    pub turns: u32,
    /// Wall-clock time elapsed.
    #[serde(with = "crate::codec::duration")]
    pub wall_time: Duration,
    /// Tokens used over all attempts.
    pub tokens: u64,
    /// Consecutive denied decisions, since the last allowed one.
    pub consecutive_denies: u32,
    /// Consecutive failed attempts, since the last successful one. Decodes as 0 if missing.
    #[serde(default)]
    pub consecutive_errors: u32,
    /// Consecutive attempts refused as too large (HTTP 413). Decodes as 0 if missing.
    #[serde(default)]
    pub consecutive_413: u32,
}

/// A limit of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetAxis {
    /// `turns`: [`BudgetGuards::max_turns`].
    Turns,
    /// `wall_time`: [`BudgetGuards::max_wall_time`].
    WallTime,
    /// `tokens`: [`BudgetGuards::max_tokens`].
    Tokens,
    /// `consecutive_denies`: [`BudgetGuards::max_consecutive_denies`].
    ConsecutiveDenies,
    /// `consecutive_errors`: [`BudgetGuards::max_consecutive_errors`].
    ConsecutiveErrors,
    /// `consecutive413`: [`BudgetGuards::max_consecutive_413`]. The text has no underscore before the digits.
    Consecutive413,
}

impl BudgetAxis {
    /// Returns the value's text in the JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Turns => "turns",
            Self::WallTime => "wall_time",
            Self::Tokens => "tokens",
            Self::ConsecutiveDenies => "consecutive_denies",
            Self::ConsecutiveErrors => "consecutive_errors",
            Self::Consecutive413 => "consecutive413",
        }
    }
}
