//! The one writer. What is waiting is written as one group in one transaction: one statement a table for mails, each other job under
//! a savepoint of its own. A fault in one job undoes that job alone; a fault of the transaction is everybody's "not now".

use super::NotWritten;
use super::arrivals::{self, NewArrival};
use super::files::Files;
use super::filing::{self, Filing};
use anyhow::Context;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Jobs in one group at most; more make the transaction longer and the commit no cheaper.
const LARGEST_GROUP: usize = 64;
/// Jobs that may wait before callers wait for room.
const WAITING: usize = 1024;

type Outcome<T> = Result<T, NotWritten>;
type Done<T> = oneshot::Sender<Outcome<T>>;
/// Tells the caller, once it is known whether the group was committed.
type Tell = Box<dyn FnOnce(Result<(), &str>) + Send>;
/// Works on the connection, or hears why there is none; says whether what it wrote is to be kept.
type Work = Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, &'c str>) -> BoxFuture<'c, (bool, Tell)> + Send>;

pub(super) enum Job {
    Accept(Box<NewArrival>, Done<()>),
    File(Box<Filing>, Done<()>),
    Other(Work),
}

#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    ended: watch::Receiver<bool>,
    stop: Arc<tokio_util::sync::CancellationToken>,
}

impl Writer {
    pub fn start(options: SqliteConnectOptions, changed: Arc<watch::Sender<u64>>) -> Writer {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (end, ended) = watch::channel(false);
        let stop = Arc::new(tokio_util::sync::CancellationToken::new());
        let stopped = stop.clone();
        tokio::spawn(async move {
            run(options, waiting, &changed, &stopped).await;
            end.send_replace(true);
        });
        Writer { jobs, ended, stop }
    }

    pub async fn close(&self) {
        self.stop.cancel();
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    async fn ask<T>(&self, job: impl FnOnce(Done<T>) -> Job) -> Outcome<T> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(job(done)).await.map_err(|_| NotWritten::NotNow(anyhow::anyhow!("the store is closed")))?;
        answer.await.unwrap_or_else(|_| Err(NotWritten::NotNow(anyhow::anyhow!("the store was closed meanwhile"))))
    }
}

impl super::Store {
    pub(super) async fn write_arrival(&self, arrival: NewArrival) -> Outcome<()> {
        self.writer.ask(|done| Job::Accept(Box::new(arrival), done)).await
    }

    pub(super) async fn write_filing(&self, filing: Filing) -> Outcome<()> {
        self.writer.ask(|done| Job::File(Box::new(filing), done)).await
    }

    /// Runs statements in the writer's next group, under a savepoint of their own.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, anyhow::Result<T>> + Send + 'static,
    ) -> anyhow::Result<T> {
        let job = |done: Done<T>| {
            Job::Other(Box::new(move |connection| {
                Box::pin(async move {
                    let result = match connection {
                        Ok(connection) => work(connection).await,
                        Err(why) => Err(anyhow::anyhow!("not committed: {why}")),
                    };
                    let keep = result.is_ok();
                    let tell: Tell = Box::new(move |committed| {
                        let outcome = result.map_err(NotWritten::NotNow);
                        let _ = done.send(outcome.and_then(|value| committed.map(|()| value).map_err(not_committed)));
                    });
                    (keep, tell)
                })
            }))
        };
        self.writer.ask(job).await.map_err(|error| match error {
            NotWritten::NotNow(error) => error,
            other => other.into(),
        })
    }
}

fn not_committed(why: &str) -> NotWritten {
    NotWritten::NotNow(anyhow::anyhow!("not committed: {why}"))
}

async fn run(
    options: SqliteConnectOptions,
    mut waiting: mpsc::Receiver<Job>,
    changed: &watch::Sender<u64>,
    stop: &tokio_util::sync::CancellationToken,
) {
    let mut connection = None;
    let mut files = Files::new(options.get_filename());
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    loop {
        let got = tokio::select! {
            biased;
            got = waiting.recv_many(&mut group, LARGEST_GROUP) => got,
            () = stop.cancelled(), if !waiting.is_closed() => { waiting.close(); continue }
        };
        if got == 0 {
            break;
        }
        let jobs = std::mem::take(&mut group);
        match ready(&mut connection, &options, &mut files).await {
            Ok(open) => {
                if commit(open, jobs).await {
                    changed.send_modify(|version| *version += 1);
                } else {
                    // After a failed transaction the connection's state is not worth guessing.
                    connection = None;
                }
            }
            Err(error) => refuse(jobs, &format!("{error:#}")).await,
        }
    }
    if let Some(open) = connection {
        let _ = open.close().await;
    }
}

async fn ready<'c>(
    connection: &'c mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
    files: &mut Files,
) -> anyhow::Result<&'c mut SqliteConnection> {
    if connection.is_none() {
        // Opening makes no file: what is gone is not replaced by something empty.
        *connection = Some(options.connect().await.context("opening the database for writing")?);
        files.reopened();
    }
    files.unmoved()?;
    connection.as_mut().context("no connection")
}

/// Nothing of these jobs was begun.
async fn refuse(jobs: Vec<Job>, why: &str) {
    for job in jobs {
        match job {
            Job::Accept(_, done) | Job::File(_, done) => drop(done.send(Err(not_committed(why)))),
            Job::Other(work) => {
                let (_, tell) = work(Err(why)).await;
                tell(Err(why));
            }
        }
    }
}

/// Writes one group; false if the transaction failed as a whole.
async fn commit(connection: &mut SqliteConnection, jobs: Vec<Job>) -> bool {
    // An immediate transaction takes the write lock at once: a later upgrade would fail without waiting.
    if let Err(error) = connection.execute("begin immediate").await {
        refuse(jobs, &error.to_string()).await;
        return false;
    }
    let mut group = Group::default();
    for job in jobs {
        match job {
            Job::Accept(row, done) => group.accepts.push((*row, done)),
            Job::File(row, done) => group.filings.push((*row, done)),
            Job::Other(work) => group.others.push(work),
        }
    }
    let tells = group.write(connection).await;
    let committed = match &tells {
        Ok(_) => connection.execute("commit").await.map(drop).map_err(|error| error.to_string()),
        Err((_, error)) => Err(error.clone()),
    };
    if committed.is_err() {
        let _ = connection.execute("rollback").await;
    }
    let (Ok(tells) | Err((tells, _))) = tells;
    for tell in tells {
        tell(committed.as_ref().map(|&()| ()).map_err(String::as_str));
    }
    committed.is_ok()
}

/// Jobs of one transaction, by kind.
#[derive(Default)]
struct Group {
    accepts: Vec<(NewArrival, Done<()>)>,
    filings: Vec<(Filing, Done<()>)>,
    others: Vec<Work>,
}

impl Group {
    /// Writes everything; the error says that the transaction itself is lost.
    async fn write(self, connection: &mut SqliteConnection) -> Result<Vec<Tell>, (Vec<Tell>, String)> {
        let mut tells: Vec<Tell> = Vec::new();
        let mut lost = None;
        let (rows, dones): (Vec<_>, Vec<_>) = self.accepts.into_iter().unzip();
        lost = lost.or(together(connection, rows, dones, &mut tells, |c, rows| Box::pin(arrivals::insert(c, rows))).await);
        let (rows, dones): (Vec<_>, Vec<_>) = self.filings.into_iter().unzip();
        lost = lost.or(together(connection, rows, dones, &mut tells, |c, rows| Box::pin(filing::insert(c, rows))).await);
        for work in self.others {
            if lost.is_none() {
                lost = connection.execute("savepoint job").await.err().map(|error| error.to_string());
            }
            if let Some(why) = &lost {
                tells.push(work(Err(why)).await.1);
                continue;
            }
            let (keep, tell) = work(Ok(&mut *connection)).await;
            tells.push(tell);
            lost = release(connection, keep).await.err().map(|error| error.to_string());
        }
        match lost {
            None => Ok(tells),
            Some(error) => Err((tells, error)),
        }
    }
}

/// Keeps or undoes what happened since the savepoint.
async fn release(connection: &mut SqliteConnection, keep: bool) -> Result<(), sqlx::Error> {
    if !keep {
        connection.execute("rollback to job").await?;
    }
    connection.execute("release job").await.map(drop)
}

type Insert<R> = for<'c> fn(&'c mut SqliteConnection, &'c [R]) -> BoxFuture<'c, Outcome<()>>;

/// Writes all rows with one statement a table; if that fails, one mail at a time, each under its savepoint.
/// Returns why the transaction is lost, if it is.
async fn together<R: Send + Sync>(
    connection: &mut SqliteConnection,
    rows: Vec<R>,
    dones: Vec<Done<()>>,
    tells: &mut Vec<Tell>,
    insert: Insert<R>,
) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let mut outcomes: Vec<Outcome<()>> = Vec::with_capacity(rows.len());
    let lost = match attempt(connection, &rows, insert).await {
        Ok(Ok(())) => {
            outcomes.extend(rows.iter().map(|_| Ok(())));
            None
        }
        Ok(Err(error)) if rows.len() == 1 => {
            outcomes.push(Err(error));
            None
        }
        Ok(Err(_)) => {
            let mut lost = None;
            for row in &rows {
                match attempt(connection, std::slice::from_ref(row), insert).await {
                    Ok(outcome) => outcomes.push(outcome),
                    Err(error) => {
                        lost = Some(error.to_string());
                        break;
                    }
                }
            }
            lost
        }
        Err(error) => Some(error.to_string()),
    };
    outcomes.resize_with(dones.len(), || Err(not_committed("the transaction was lost")));
    for (done, outcome) in dones.into_iter().zip(outcomes) {
        tells.push(Box::new(move |committed| {
            let _ = done.send(outcome.and_then(|()| committed.map_err(not_committed)));
        }));
    }
    lost
}

/// The inner result is the rows' fate, the outer one the transaction's.
async fn attempt<R>(connection: &mut SqliteConnection, rows: &[R], insert: Insert<R>) -> Result<Outcome<()>, sqlx::Error> {
    connection.execute("savepoint job").await?;
    let outcome = insert(connection, rows).await;
    release(connection, outcome.is_ok()).await?;
    Ok(outcome)
}
