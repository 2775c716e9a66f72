//! The program whose instructions are counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{command, workspace};

const PACKAGE: &str = "driver-events-costs";
/// Numbers of calls in two runs: the difference of their instructions is without start and end of the process.
const CALLS: [u64; 2] = [50, 300];
const RUNS: usize = 5;
/// Makes glibc keep each freed block for the next allocation of its size. By default it keeps seven of a size, and what another one
/// costs depends on the order in which the blocks before were freed: with hash maps, up to a quarter from one process to the next.
const ALLOCATOR: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=4096");

/// The built program.
pub(super) struct Program(PathBuf);

impl Program {
    /// Builds the program, optimised, whatever the environment says: what is inlined depends on incremental compilation and the
    /// number of codegen units, and the C code of librdkafka is counted, too.
    ///
    /// # Errors
    /// Returns cargo's failure.
    pub(super) fn build(root: &Path) -> Result<Self> {
        let target = workspace::target(root).join("costs");
        let mut build = command::cargo(root);
        build.args(["build", "--release", "--package", PACKAGE]);
        for flags in ["CFLAGS", "CXXFLAGS"] {
            build.env(flags, "-O0 -g0");
        }
        build.env("CARGO_INCREMENTAL", "0");
        build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
        command::run(build.env("CARGO_TARGET_DIR", &target))?;
        Ok(Self(target.join("release/costs")))
    }

    /// Returns the name of each operation, and the number of events of one call.
    ///
    /// # Errors
    /// Returns an error if the program fails or prints something else.
    pub(super) fn operations(&self) -> Result<Vec<(String, u64)>> {
        let text = command::output(&mut Command::new(&self.0))?;
        let operation = |line: &str| {
            let (name, events) = line.split_once('\t')?;
            Some((name.to_owned(), events.parse().ok()?))
        };
        let operations: Option<Vec<_>> = text.lines().map(operation).collect();
        operations.with_context(|| format!("`{}` printed: {text}", self.0.display()))
    }

    /// Returns the instructions of an operation for each event: the fewest of several runs, since hash maps have another seed in
    /// each process.
    ///
    /// # Errors
    /// Returns an error if valgrind or the program fails.
    pub(super) fn instructions(&self, operation: &str, events: u64) -> Result<u64> {
        let [few, many] = CALLS;
        let fewest = |calls| -> Result<u64> {
            let runs: Result<Vec<_>> = (0..RUNS).map(|_| self.collected(operation, calls)).collect();
            runs?.into_iter().min().context("there are runs")
        };
        let difference = fewest(many)?.saturating_sub(fewest(few)?);
        Ok(difference / ((many - few) * events.max(1)))
    }

    /// Returns the instructions of a whole run.
    fn collected(&self, operation: &str, calls: u64) -> Result<u64> {
        let mut valgrind = Command::new("valgrind");
        valgrind
            .env(ALLOCATOR.0, ALLOCATOR.1)
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&self.0);
        let output = valgrind
            .args([operation, &calls.to_string()])
            .output()
            .context("cannot run valgrind")?;
        let text = String::from_utf8_lossy(&output.stderr);
        let collected = text
            .lines()
            .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
        match collected {
            Some(collected) if output.status.success() => Ok(collected),
            _ => bail!("valgrind failed on `{operation}`: {text}"),
        }
    }
}
