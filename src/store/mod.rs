//! The only folder with SQL, and the blobs. Knows no mail, decides nothing: rows in, rows out.

pub mod alarms;
mod answers;
pub mod arrivals;
pub mod audit;
pub mod blobs;
pub mod canaries;
pub mod daily;
pub mod directory;
pub mod document_kinds;
pub mod doors;
#[cfg(test)]
pub mod examples;
pub mod filename_rules;
mod files;
pub mod filing;
pub mod healing;
pub mod held;
pub mod history;
mod images;
pub mod known;
pub mod listing;
pub mod mailboxes;
pub mod maildirs;
mod names;
pub mod oauth;
pub mod organisation;
pub mod outbox;
mod piped;
pub mod put_off;
mod retention;
pub mod strikes;
pub mod taking_back;
pub mod tokens;
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
    /// The held mail that was to be repaired has been repaired or discarded by somebody else.
    #[error("the mail to repair is not held any more")]
    NotHeldAnyMore,
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
        let may_migrate = !DaemonLock::is_taken(place);
        Store::open_with(place, missing, may_migrate).await
    }

    /// The same for the daemon, which alone brings the schema of a database forward that a daemon works on.
    pub async fn open_as_daemon(_lock: &DaemonLock, place: &Place) -> anyhow::Result<Store> {
        Store::open_with(place, Missing::Create, true).await
    }

    async fn open_with(place: &Place, missing: Missing, may_migrate: bool) -> anyhow::Result<Store> {
        let exists = check_place(place)?;
        match (exists, missing) {
            (true, _) => (),
            (false, Missing::IsAnError) => {
                bail!("{}: there is no database yet; `rohrpost import FILE.json` makes one", place.database.display());
            }
            (false, Missing::Create) => create_private(&place.database)?,
        }
        let options = connect_options(&place.database);
        let reads = SqlitePoolOptions::new()
            .max_connections(READERS)
            // Connections to a file do not age. Without these the pool spawns no task that looks for old ones: sqlx 0.9 counts its idle
            // connections a moment late, and that task, meeting a count below none, went round for ever and kept a command from ending.
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(BUSY)
            .connect_with(options.clone().pragma("query_only", "on"))
            .await
            .with_context(|| place.database.display().to_string())?;
        migrate(&options, may_migrate).await.with_context(|| place.database.display().to_string())?;
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

    /// Names this run of the program, as leases do.
    pub fn run(&self) -> &str {
        &self.run
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

#[cfg(test)]
impl Store {
    /// Writes past all rules what no code of ours would; it must change something.
    pub async fn damage(&self, sql: &'static str) {
        let done = self.write(move |c| Box::pin(async move { Ok(sqlx::raw_sql(sql).execute(c).await?.rows_affected()) }));
        assert!(done.await.unwrap() > 0, "{sql}");
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

/// A file of root's in the state directory would stop the service, so nobody but the owner of what is there may open it.
fn check_owner(place: &Place) -> anyhow::Result<()> {
    let me = rustix::process::geteuid().as_raw();
    let folder = place.database.parent().unwrap_or(Path::new("/"));
    let owner = |path: &Path| std::fs::metadata(path).ok().map(|metadata| metadata.uid());
    let of_folder = owner(folder);
    match (owner(&place.database), of_folder) {
        (Some(0), Some(of_folder)) if of_folder != 0 => bail!(
            "{}: root owns this database, and user {of_folder} its folder; give everything back: sudo chown -R '{of_folder}' {}",
            place.database.display(),
            folder.display()
        ),
        (Some(owner), _) if owner == me => Ok(()),
        (Some(owner), _) => bail!(
            "{}: this database belongs to user {owner}, and you are user {me}; run the command as its owner (sudo -u '#{owner}' rohrpost …)",
            place.database.display()
        ),
        (None, Some(of_folder)) if me == 0 && of_folder != 0 => bail!(
            "{}: this folder belongs to user {of_folder}, and you are root; run the command as its owner (sudo -u '#{of_folder}' rohrpost …)",
            folder.display()
        ),
        (None, _) => Ok(()),
    }
}

/// Whether there is a database that we may open, or none and one may be made; an error says what is wrong with it.
pub fn check_place(place: &Place) -> anyhow::Result<bool> {
    check_owner(place)?;
    let exists = place.database.try_exists().with_context(|| place.database.display().to_string())?;
    if !exists && was_served(place) {
        bail!(
            "{}: the database is missing, and {} says that a service has worked on one: put it back or restore a backup; \
             if there never was one, remove that file",
            place.database.display(),
            DaemonLock::path(place).display()
        );
    }
    Ok(exists)
}

/// Whether a daemon has ever worked here: it leaves its lock behind, made only once there is a database.
fn was_served(place: &Place) -> bool {
    std::fs::metadata(DaemonLock::path(place)).is_ok_and(|lock| lock.len() > 0)
}

/// Brings the schema forward. A command must not do that under a running daemon of an older version.
async fn migrate(options: &SqliteConnectOptions, may_migrate: bool) -> anyhow::Result<()> {
    use sqlx::{ConnectOptions, Connection};
    let migrator = sqlx::migrate!("migrations/sqlite");
    let mut connection = options.connect().await?;
    if !may_migrate {
        let done: i64 =
            sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(&mut connection).await.unwrap_or(0);
        if (done as usize) < migrator.iter().count() {
            bail!("a `rohrpost serve` of an older version works on this database; restart it first, it brings the database forward");
        }
    }
    migrator.run(&mut connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(version) => {
            anyhow::anyhow!("a newer version of rohrpost has written this database (schema {version}); install that version again")
        }
        other => other.into(),
    })?;
    names::work_out_keys(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Held by `serve`, so that two daemons never share a database.
#[derive(Debug)]
pub struct DaemonLock {
    file: File,
}

impl DaemonLock {
    fn path(place: &Place) -> PathBuf {
        place.database.with_extension("lock")
    }

    /// Fails if another daemon holds it, and for everybody but the database's owner.
    pub fn take(place: &Place) -> anyhow::Result<DaemonLock> {
        let path = Self::path(place);
        check_owner(place)?;
        create_private_folder(&place.database)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        // A command that looks whether a daemon runs has the lock for a moment.
        let mut tries = 0..20;
        let locked = loop {
            match file.try_lock() {
                Err(std::fs::TryLockError::WouldBlock) if tries.next().is_some() => std::thread::sleep(Duration::from_millis(10)),
                other => break other,
            }
        };
        match locked {
            Ok(()) => Ok(DaemonLock { file }),
            Err(std::fs::TryLockError::WouldBlock) => bail!("{}: another `rohrpost serve` works on this database", path.display()),
            Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Leaves word that there is a database here: if it is missing later, it is not simply made anew.
    pub fn mark(&self) -> anyhow::Result<()> {
        use std::os::unix::fs::FileExt;
        self.file.write_all_at(b"rohrpost serve\n", 0).context("the lock file")
    }

    /// Whether a daemon runs on this database.
    pub fn is_taken(place: &Place) -> bool {
        // Shared, so that two who look at the same time do not take each other for a daemon.
        File::open(Self::path(place)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
    }
}

/// Milliseconds since 1970 as a timestamp; a value outside of time reads as its start.
fn moment(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests;
