use driver_events_core::{SetupError, SetupErrorKind, SinkError, SinkErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Error of the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The file is damaged, or is no database.
    #[error("the spool file is damaged")]
    Corrupt(#[source] rusqlite::Error),
    /// The disk is full, or a limit such as a quota is reached.
    #[error("the disk of the spool takes no more bytes")]
    Full(#[source] rusqlite::Error),
    /// Written by a newer version of this crate.
    #[error(
        "the spool file has schema version {found}, and this version of driver-events-spool knows {known}: update it"
    )]
    Newer { found: i32, known: i32 },
    /// A database of another program.
    #[error("the file is an SQLite database of another program: use another path")]
    Foreign,
    /// Any other error.
    #[error("cannot use the spool file")]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    /// Creates the error of damage that SQLite itself does not report.
    pub(crate) fn corrupt(what: &str) -> Self {
        let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
        Self::Corrupt(rusqlite::Error::SqliteFailure(code, Some(what.to_owned())))
    }

    /// Creates an error that SQLite itself does not report.
    pub(crate) fn other(message: String) -> Self {
        Self::Sqlite(rusqlite::Error::ToSqlConversionFailure(message.into()))
    }

    pub(crate) fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt(_))
    }

    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Returns the error of a send whose commit failed with this error.
    pub(crate) fn to_sink_error(&self) -> SinkError {
        let kind = match self {
            Self::Full(_) => SinkErrorKind::Full,
            Self::Corrupt(_) | Self::Sqlite(_) => SinkErrorKind::Disconnected,
            Self::Newer { .. } | Self::Foreign => SinkErrorKind::Fatal,
        };
        SinkError::new(kind, self.with_cause())
    }

    /// Returns the message with that of SQLite.
    pub(crate) fn with_cause(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The tables have strict types: another value is damage.
        let has_other_type = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        if has_other_type {
            return Self::Corrupt(error);
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
            Some(ErrorCode::DiskFull) => Self::Full(error),
            // SQLite reports a quota in this way.
            Some(ErrorCode::SystemIoFailure) if is_failed_write(&error) => Self::Full(error),
            _ => Self::Sqlite(error),
        }
    }
}

fn is_failed_write(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(ffi::SQLITE_IOERR_WRITE)
}

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::Newer { .. } | StoreError::Foreign => SetupErrorKind::Incompatible,
            StoreError::Full(_) => SetupErrorKind::Unreachable,
            StoreError::Corrupt(_) | StoreError::Sqlite(_) => SetupErrorKind::Invalid,
        };
        Self::new(kind, "cannot open the spool").with_source(error)
    }
}
