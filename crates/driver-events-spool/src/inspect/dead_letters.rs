use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::kept_event::{DeadLetter, unsigned};
use crate::clock::from_ms;
use crate::store::columns::{COUNT, event_columns};
use crate::store::read::content;
use crate::store::store_error::StoreError;

/// Reads the dead letters after a number.
pub(super) fn read(connection: &Connection, after: u64, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        event_columns!(),
        ", number, target, error, reason, spooled_at, died_at FROM dead_letters WHERE number > ? ORDER BY number LIMIT ?"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(SELECT)?;
    let mut rows = statement.query(params![after.cast_signed(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(dead_letter(row)?);
    }
    Ok(found)
}

fn dead_letter(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        event: content(row).1,
        number: unsigned(row.get(COUNT)?),
        target: row.get(COUNT + 1)?,
        error: row.get(COUNT + 2)?,
        reason: row.get(COUNT + 3)?,
        spooled_at: from_ms(row.get(COUNT + 4)?),
        died_at: from_ms(row.get(COUNT + 5)?),
    })
}

/// Puts dead letters back as events for their targets, unless the file does not know the target any more. Returns their number.
pub(super) fn retry(connection: &mut Connection, numbers: &[u64]) -> Result<u64, StoreError> {
    const COPY: &str = concat!(
        "INSERT INTO events (spooled_at, target, ",
        event_columns!(),
        ") SELECT spooled_at, target, ",
        event_columns!(),
        " FROM dead_letters WHERE number = ? AND target IN (SELECT name FROM targets)"
    );
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut count = 0;
    for number in numbers {
        let copied = transaction
            .prepare_cached(COPY)?
            .execute(params![number.cast_signed()])?;
        if copied > 0 {
            count += delete(&transaction, *number)?;
        }
    }
    transaction.commit()?;
    Ok(count)
}

/// Removes dead letters. Returns how many of the numbers there were.
pub(super) fn drop_all(connection: &mut Connection, numbers: &[u64]) -> Result<u64, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut count = 0;
    for number in numbers {
        count += delete(&transaction, *number)?;
    }
    transaction.commit()?;
    Ok(count)
}

fn delete(connection: &Connection, number: u64) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM dead_letters WHERE number = ?")?;
    Ok(statement.execute(params![number.cast_signed()])? as u64)
}
