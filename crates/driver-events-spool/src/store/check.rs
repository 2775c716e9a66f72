use rusqlite::Connection;

use super::store_error::StoreError;

/// Reads the whole file and checks its structure ([`quick_check`](https://www.sqlite.org/pragma.html#pragma_quick_check)).
///
/// # Errors
/// The structure is damaged: rows may be missing or out of order. A damaged value is no error here: its row has a checksum.
pub(crate) fn check_structure(connection: &Connection) -> Result<(), StoreError> {
    let mut check = connection.prepare("PRAGMA quick_check")?;
    let mut findings = check.query([])?;
    while let Some(finding) = findings.next()? {
        let text: String = finding.get(0)?;
        // Such as `NULL value in events.kind`.
        if text != "ok" && !text.contains(" value in ") {
            return Err(StoreError::corrupt(&text));
        }
    }
    Ok(())
}
