use std::fs;
use std::time::Duration;

use crate::Failure;

/// Returns the CPU time that a process has used since it started, in steps of 10 ms.
pub(crate) fn of_process(id: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // After the name, which is in parentheses: the state is the first field, user and system time the 12th and 13th.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
    // Linux counts in hundredths of a second for programs.
    Ok(Duration::from_millis(ticks * 10))
}
