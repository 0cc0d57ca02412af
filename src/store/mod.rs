//! The only folder with SQL, and the blobs. Knows no mail, decides nothing: rows in, rows out.

pub mod arrivals;
pub mod audit;
pub mod blobs;
pub mod directory;
pub mod filing;
pub mod history;
pub mod known;
pub mod listing;
pub mod organisation;
pub mod outbox;
pub mod upkeep;
pub mod verify;
mod write;

use crate::model::installation::Place;
use anyhow::{Context, bail};
use blobs::Blobs;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use write::Writer;

/// How long a statement waits for another process's transaction before the answer is "not now".
const BUSY: Duration = Duration::from_secs(5);
/// Connections that only read.
const READERS: u32 = 4;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Another mail with the same dedupe key has been filed (G3).
    #[error("a mail with the same key has been filed before")]
    AlreadyFiled,
    /// Somebody else has the arrival in hand by now.
    #[error("the arrival is in other hands")]
    Fenced,
    #[error("{0:#}")]
    NotNow(anyhow::Error),
}

impl NotWritten {
    fn of(error: sqlx::Error) -> NotWritten {
        match &error {
            sqlx::Error::Database(db) if db.is_unique_violation() && db.message().contains("dedupe_key") => NotWritten::AlreadyFiled,
            _ => NotWritten::NotNow(error.into()),
        }
    }
}

/// Database and blobs of one installation. Clones share them.
#[derive(Clone)]
pub struct Store {
    reads: SqlitePool,
    writer: Writer,
    blobs: Blobs,
    /// This run of the program: claims bear it.
    run: Arc<str>,
    changed: Arc<watch::Sender<u64>>,
    options: SqliteConnectOptions,
}

/// Whether a missing database may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Create,
    IsAnError,
}

impl Store {
    /// Opens the database and brings its schema up to date. Fails on another owner's database, on a damaged one, and on
    /// one that a newer version has written; never replaces it.
    pub async fn open(place: &Place, missing: Missing) -> anyhow::Result<Store> {
        let exists = place.database.try_exists().with_context(|| place.database.display().to_string())?;
        match (exists, missing) {
            (true, _) => check_owner(&place.database)?,
            (false, Missing::IsAnError) => {
                bail!("{}: there is no database yet; `rohrpost import FILE.json` makes one", place.database.display());
            }
            (false, Missing::Create) => create_private(&place.database)?,
        }
        let options = connect_options(&place.database);
        let reads = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY)
            .connect_with(options.clone().pragma("query_only", "on"))
            .await
            .with_context(|| place.database.display().to_string())?;
        migrate(&options).await.with_context(|| place.database.display().to_string())?;
        let (changed, _) = watch::channel(0);
        let changed = Arc::new(changed);
        Ok(Store {
            reads,
            writer: Writer::start(options.clone(), changed.clone()),
            blobs: Blobs::local(&place.blobs)?,
            run: ulid::Ulid::new().to_string().into(),
            changed,
            options,
        })
    }

    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Ticks after every commit, of this process or another.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Ends the writer after what is waiting, and closes the connections.
    pub async fn close(&self) {
        self.writer.close().await;
        self.reads.close().await;
    }
}

fn connect_options(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("secure_delete", "on")
        .pragma("wal_autocheckpoint", "0")
        .statement_cache_capacity(200)
}

/// An empty file that only its owner may read: SQLite gives its log the same mode.
fn create_private(database: &Path) -> anyhow::Result<()> {
    create_private_folder(database)?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database);
    made.map(drop).with_context(|| database.display().to_string())
}

fn create_private_folder(database: &Path) -> anyhow::Result<()> {
    let Some(folder) = database.parent() else { return Ok(()) };
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(folder).with_context(|| folder.display().to_string())
}

/// A database that root has touched cannot be written by the service any more, so nobody but its owner may open it.
fn check_owner(database: &Path) -> anyhow::Result<()> {
    let owner = std::fs::metadata(database).with_context(|| database.display().to_string())?.uid();
    let me = rustix::process::geteuid().as_raw();
    if owner != me {
        bail!(
            "{}: this database belongs to user {owner}, and you are user {me}; run the command as its owner (sudo -u '#{owner}' rohrpost …)",
            database.display()
        );
    }
    Ok(())
}

async fn migrate(options: &SqliteConnectOptions) -> anyhow::Result<()> {
    use sqlx::{ConnectOptions, Connection};
    let mut connection = options.connect().await?;
    sqlx::migrate!("migrations/sqlite").run(&mut connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(version) => {
            anyhow::anyhow!("a newer version of rohrpost has written this database (schema {version}); install that version again")
        }
        other => other.into(),
    })?;
    connection.close().await?;
    Ok(())
}

/// Held by `serve`, so that two daemons never share a database.
#[derive(Debug)]
pub struct DaemonLock {
    _file: File,
}

impl DaemonLock {
    fn path(place: &Place) -> PathBuf {
        place.database.with_extension("lock")
    }

    /// Fails if another daemon holds it, and for everybody but the database's owner.
    pub fn take(place: &Place) -> anyhow::Result<DaemonLock> {
        let path = Self::path(place);
        if place.database.exists() {
            check_owner(&place.database)?;
        } else {
            create_private_folder(&place.database)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => Ok(DaemonLock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => bail!("{}: another `rohrpost serve` works on this database", path.display()),
            Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Whether a daemon runs on this database.
    pub fn is_taken(place: &Place) -> bool {
        File::open(Self::path(place)).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    }
}

/// Milliseconds since 1970 as a timestamp; a value outside of time reads as its start.
fn moment(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests;
