//! `history move` and `history withdraw`: a mail that was filed to the wrong application is taken back.

use crate::cli::{Done, Failure, On, actor, reason, show, target};
use crate::model::id::EntryId;
use crate::pipeline::take_back::{self, NotTakenBack};
use crate::pipeline::{Pipeline, Settings};

#[derive(clap::Subcommand)]
pub enum Action {
    /// File a mail to another application, and take it back from this one
    Move {
        /// The entry's id, as `history` prints it
        entry: EntryId,
        /// The number of the application that it belongs to
        #[arg(long, value_name = "NUMBER")]
        reference: String,
        /// The reason, for operators who ask later
        #[arg(long, value_name = "REASON")]
        why: Option<String>,
    },
    /// Take a mail back, and file it nowhere
    Withdraw {
        /// The entry's id, as `history` prints it
        entry: EntryId,
        /// The reason; readers of the application see it
        #[arg(long, value_name = "REASON")]
        why: String,
    },
}

pub async fn run(on: &On, action: Action) -> Done {
    let (config, store) = on.store().await?;
    let tenant = on.tenant(&store).await?;
    let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
    let pipeline = Pipeline::new(store.clone(), settings, None);
    let said = match action {
        Action::Move { entry, reference, why } => {
            let target = target::assignable(&store, &tenant.id, &reference).await?;
            let why = why.as_deref().map(reason).transpose()?;
            let done = pipeline.move_to(&tenant, entry, &target, &actor(), why.as_deref()).await.map_err(failed)?;
            let new = done.entry.map(|entry| entry.to_string()).unwrap_or_default();
            format!("{entry} moved to {}, as {new}; {}", show::clean(&target.reference), told(done))
        }
        Action::Withdraw { entry, why } => {
            let done = pipeline.withdraw(&tenant, entry, &actor(), &reason(&why)?).await.map_err(failed)?;
            format!("{entry} withdrawn; {}", told(done))
        }
    };
    store.close().await;
    show::out(said)
}

fn failed(error: NotTakenBack) -> Failure {
    Failure::Failed(match error {
        NotTakenBack::Failed(error) => error,
        other => other.into(),
    })
}

fn told(done: take_back::Done) -> String {
    match done.corrected {
        0 => "nobody had been told of it".into(),
        1 => "1 person who had been told of it gets a correction".into(),
        people => format!("{people} people who had been told of it get a correction"),
    }
}
