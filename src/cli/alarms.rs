//! `alarms`: what is wrong and what was, who was told, and whether the ways to tell anybody work.

use super::{Done, Failure, On, show};
use crate::alarms::ways::Ways;
use crate::model::alarm::{Alarm, AlarmKind, News, RaisedAlarm, Told, Way};
use crate::store::DaemonLock;
use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Alarms, the newest first
    List {
        /// Only those that go on; exit 1 if there is any
        #[arg(long)]
        open: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Send a test alarm by every way, and say of each whether it worked
    Test,
}

pub async fn run(on: &On, command: Command) -> Done {
    match command {
        Command::List { open, json } => list(on, open, json).await,
        Command::Test => test(on).await,
    }
}

async fn list(on: &On, open: bool, as_json: bool) -> Done {
    let (config, store) = on.store().await?;
    let ways = Ways::new(&config);
    let (alarms, told) = (store.alarms().await?, store.told().await?);
    store.close().await;
    let alarms: Vec<&RaisedAlarm> = alarms.iter().filter(|one| !open || one.cleared_at.is_none()).collect();
    if as_json {
        show::out_json(&alarms.iter().map(|one| shown(one, &told, &ways)).collect())?;
    } else if alarms.is_empty() {
        show::out(if open { "no alarm is open" } else { "there was no alarm yet" })?;
    } else {
        let heads = ["since (UTC)", "kind", "about", "over", "told", "what"];
        show::out(show::table(&heads, &alarms.iter().map(|one| row(one, &told, &ways)).collect::<Vec<_>>()))?;
    }
    // Nobody looks, then: whoever asks a monitoring question must hear it.
    if open && !DaemonLock::is_taken(&config.place) {
        return Err(Failure::Failed(anyhow!("no `rohrpost serve` works on this database, so nobody looks whether anything is wrong")));
    }
    match alarms.len() {
        0 => Ok(()),
        _ if !open => Ok(()),
        count => Err(Failure::Failed(anyhow!("{} open", if count == 1 { "1 alarm is".into() } else { format!("{count} alarms are") }))),
    }
}

/// What was told of this very alarm.
fn told_of<'t>(one: &'t RaisedAlarm, told: &'t [Told]) -> impl Iterator<Item = &'t Told> {
    told.iter().filter(|told| told.kind == one.alarm.kind && told.about == one.alarm.about && told.raised_at == one.raised_at)
}

fn shown(one: &RaisedAlarm, told: &[Told], ways: &Ways) -> Value {
    let ways = told_of(one, told).map(|told| {
        json!({"way": ways.name(told.way), "told_at": told.told_at, "over_at": told.over_at, "attempts_in_vain": told.attempts, "last_error": told.last_error})
    });
    json!({
        "kind": one.alarm.kind.as_str(), "about": one.alarm.about, "text": one.alarm.text, "raised_at": one.raised_at, "seen_at": one.seen_at,
        "cleared_at": one.cleared_at, "told": ways.collect::<Vec<_>>(),
    })
}

fn row(one: &RaisedAlarm, told: &[Told], ways: &Ways) -> Vec<String> {
    let word = |told: &Told| match (&told.last_error, told.told_at) {
        (Some(_), _) => format!("{} fails", ways.name(told.way)),
        (None, Some(_)) => ways.name(told.way),
        (None, None) => String::new(),
    };
    let ways: Vec<String> = told_of(one, told).map(word).filter(|word| !word.is_empty()).collect();
    vec![
        show::at(one.raised_at),
        one.alarm.kind.as_str().to_owned(),
        show::clean(&one.alarm.about),
        one.cleared_at.map(show::at).unwrap_or_default(),
        ways.join(", "),
        show::clean(&one.alarm.text),
    ]
}

async fn test(on: &On) -> Done {
    let ways = Ways::new(&on.config()?);
    let now = Timestamp::now();
    let text = "This is a test. Somebody on this host tries whether alarms arrive; nothing is wrong.".to_owned();
    let alarm = Alarm { kind: AlarmKind::DoorFailing, about: "test".into(), text };
    let alarm = RaisedAlarm { alarm, raised_at: now, seen_at: now, told_at: None, cleared_at: None };
    let outward: Vec<Way> = ways.all().into_iter().filter(|way| *way != Way::Log).collect();
    if outward.is_empty() {
        return show::out("alarms go to the log alone; [alarms] in the configuration names people (mail_to) and programs (webhook)");
    }
    let mut failed = Vec::new();
    for way in outward {
        match ways.tell(way, News::Test, &alarm).await {
            Ok(()) => show::out(format!("{}: taken", ways.name(way)))?,
            Err(no) => {
                show::out(format!("{}: {no}", ways.name(way)))?;
                failed.push(ways.name(way));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Failed(anyhow!("not by {}", failed.join(", nor by ")))) }
}
