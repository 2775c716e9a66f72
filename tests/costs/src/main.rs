//! `costs OPERATION CALLS` does an operation, to be counted by callgrind. `costs` lists the operations.

use anyhow::{Context, Result};
use driver_events_costs::Operation;

#[expect(clippy::print_stdout, reason = "the list is what the program is asked for")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for operation in Operation::ALL {
            println!("{}\t{}", operation.name(), operation.events());
        }
        return Ok(());
    };
    let operation = Operation::parse(&name)?;
    let calls = arguments.next().context("usage: costs OPERATION CALLS")?;
    let calls: usize = calls
        .parse()
        .with_context(|| format!("`{calls}` is not a number of calls"))?;
    let mut call = operation.prepare()?;
    (0..calls).try_for_each(|_| call())
}
