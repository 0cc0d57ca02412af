//! `retry`: sends held mail through again, or says what would become of it.

use super::{Done, Failure, command, found, told};
use crate::cli::{actor, show};
use crate::config::Config;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::verdict::{Disposition, HoldReason, Verdict};
use crate::pipeline::{Pipeline, Settings};
use crate::scan::Scanner;
use crate::store::Store;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(clap::Args)]
pub struct Args {
    /// The mail's id, as the listings print it
    #[arg(required_unless_present_any = ["all", "reason"], conflicts_with_all = ["all", "reason"])]
    pub id: Option<ArrivalId>,
    /// Everything that is held; with --reason, everything that is held for it
    #[arg(long)]
    all: bool,
    /// All held mails of this reason (not_scanned, unknown_number, …)
    #[arg(long, value_name = "REASON", value_parser = parse_reason)]
    reason: Option<HoldReason>,
    /// Say what would become of each now, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// As JSON, an object a line
    #[arg(long)]
    json: bool,
}

/// The word for why mail is held, as the listings print it.
fn parse_reason(text: &str) -> Result<HoldReason, String> {
    HoldReason::parse(text).ok_or_else(|| "no reason for which mail is held; `dead-letter list` prints them".into())
}

pub async fn run(store: &Store, config: Config, tenant: &TenantId, args: Args) -> Done {
    match (args.id, args.dry_run) {
        (Some(id), true) => {
            let mail = found(store, tenant, id).await?;
            if matches!(mail.disposition, Some(Disposition::Filed | Disposition::Duplicate)) || mail.raw_gone {
                let words = command(store, tenant, &format!("mail show {id}")).await?;
                return Err(Failure::Failed(anyhow::anyhow!("{id}: this mail cannot be sent through again; see `{words}`")));
            }
            let mut foresight = Foresight::new(store, config, args.json);
            foresight.look(tenant, id).await?;
            foresight.summary()
        }
        (Some(id), false) => {
            store.retry(tenant, id, actor(), None).await?;
            if !args.json {
                return told(store, &config.place, tenant, id).await;
            }
            store.close().await;
            show::out_json(&json!({"retried": 1}))
        }
        (None, true) => {
            let mut foresight = Foresight::new(store, config, args.json);
            let mut after = None;
            while let Some(page) = page(store, tenant, &mut after).await? {
                for id in page.into_iter().filter(|(_, reason)| wanted(args.reason, *reason)).map(|(id, _)| id) {
                    foresight.look(tenant, id).await?;
                }
            }
            foresight.summary()
        }
        (None, false) => retry_all(store, tenant, args.reason, args.json).await,
    }
}

type Page = Vec<(ArrivalId, Option<HoldReason>)>;

/// The next page of what is held: memory does not grow with it. What is retried and held again meanwhile is behind the cursor.
async fn page(store: &Store, tenant: &TenantId, after: &mut Option<ArrivalId>) -> anyhow::Result<Option<Page>> {
    let page = store.held_after(tenant, *after).await?;
    *after = page.last().map(|(id, _)| *id);
    Ok((!page.is_empty()).then_some(page))
}

fn wanted(only: Option<HoldReason>, reason: Option<HoldReason>) -> bool {
    only.is_none() || only == reason
}

/// One that somebody else has in hand meanwhile is named and stops nothing.
async fn retry_all(store: &Store, tenant: &TenantId, only: Option<HoldReason>, as_json: bool) -> Done {
    let (mut retried, mut after) = (0_u64, None);
    while let Some(page) = page(store, tenant, &mut after).await? {
        for (id, _) in page.into_iter().filter(|(_, reason)| wanted(only, *reason)) {
            match store.retry(tenant, id, actor(), None).await {
                Ok(()) => retried += 1,
                Err(error) if as_json => show::out(line(&json!({"id": id, "error": format!("{error:#}")})))?,
                Err(error) => show::out(format!("{error:#}"))?,
            }
        }
    }
    store.close().await;
    if as_json { show::out(line(&json!({"retried": retried}))) } else { show::out(format!("sent through again: {retried}")) }
}

fn line(value: &Value) -> String {
    show::harmless(&value.to_string())
}

/// What would become of mails, counted.
struct Foresight<'s> {
    store: &'s Store,
    pipeline: Pipeline,
    json: bool,
    ends: BTreeMap<&'static str, u64>,
    held: BTreeMap<&'static str, u64>,
    untried: u64,
}

impl Foresight<'_> {
    fn new(store: &Store, config: Config, json: bool) -> Foresight<'_> {
        let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
        let pipeline = Pipeline::new(store.clone(), settings, config.scan.as_ref().map(Scanner::new));
        Foresight { store, pipeline, json, ends: BTreeMap::new(), held: BTreeMap::new(), untried: 0 }
    }

    async fn look(&mut self, tenant: &TenantId, id: ArrivalId) -> Done {
        let foresee = async {
            let mut claimed = self.store.as_claimed(tenant, id).await?.context("this mail is gone")?;
            // An operator's word, and no healing: on ordinary evidence.
            claimed.heals = None;
            self.pipeline.would_become(&claimed).await
        };
        let verdict = match foresee.await {
            Ok(foreseen) => foreseen.verdict(),
            // A scanner that is away, a file that is gone: the others are foreseen all the same.
            Err(error) => {
                self.untried += 1;
                return match self.json {
                    true => show::out(line(&json!({"id": id, "error": format!("{error:#}")}))),
                    false => show::out(format!("{id}  could not be tried: {}", show::clean(&format!("{error:#}")))),
                };
            }
        };
        let (end, reason) = (verdict.disposition().as_str(), verdict.reason());
        *self.ends.entry(end).or_default() += 1;
        if let Verdict::Hold(reason) = &verdict {
            *self.held.entry(reason.as_str()).or_default() += 1;
        }
        let number = match &verdict {
            Verdict::File(placement) => Some(placement.application.reference.clone()),
            Verdict::Hold(_) | Verdict::Duplicate(_) | Verdict::Ignore(_) => None,
        };
        if self.json {
            return show::out(line(&json!({"id": id, "disposition": end, "reason": reason, "reference": number})));
        }
        let more = number.as_deref().or(reason).map(|more| format!("  {}", show::clean(more))).unwrap_or_default();
        show::out(format!("{id}  {end}{more}"))
    }

    fn summary(&self) -> Done {
        let count = |end: Disposition| self.ends.get(end.as_str()).copied().unwrap_or_default();
        if self.json {
            return show::out(line(&json!({"summary": {
                "filed": count(Disposition::Filed), "duplicate": count(Disposition::Duplicate), "ignored": count(Disposition::Ignored),
                "held": self.held, "untried": self.untried,
            }})));
        }
        show::out(format!("would be filed: {}", count(Disposition::Filed)))?;
        for (end, words) in [(Disposition::Duplicate, "would be a duplicate"), (Disposition::Ignored, "would be ignored")] {
            if count(end) > 0 {
                show::out(format!("{words}: {}", count(end)))?;
            }
        }
        for (reason, mails) in &self.held {
            show::out(format!("would be held as {reason}: {mails}"))?;
        }
        if self.untried > 0 {
            show::out(format!("could not be tried: {}", self.untried))?;
        }
        show::out("nothing was changed")
    }
}
