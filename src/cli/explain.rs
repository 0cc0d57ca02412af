//! `explain`: what a mail would be understood as; with a configuration, also what would become of it.

use super::{Done, Failure, On, show};
use crate::model::address;
use crate::model::arrival::{Envelope, Purpose};
use crate::model::digest;
use crate::model::facts::{Facts, Login, Origin};
use crate::model::id::ArrivalId;
use crate::model::message::{Attachment, Defect, Message};
use crate::model::organisation::{ReferenceRules, Rules, Tenant};
use crate::pipeline::{Pipeline, Settings};
use crate::scan::Scanner;
use crate::store::arrivals::Claimed;
use crate::understand;
use anyhow::Context;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Read;
use std::panic::AssertUnwindSafe;

#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line, in the order of the arguments; without it, the same over several lines
    #[arg(long)]
    json: bool,
    /// Mails as files; - is standard input
    #[arg(required = true)]
    files: Vec<String>,
    /// The envelope sender a door would have known; <> is the null one
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// The import address it would have come to; needs a configuration
    #[arg(long, value_name = "ADDRESS")]
    rcpt: Option<String>,
    /// The user who would have signed in; needs a configuration
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
}

pub async fn run(on: &On, args: Args) -> Done {
    // Not clap's `requires`: it does not see a --config that stands before the command.
    if on.config.is_none() && (args.user.is_some() || args.rcpt.is_some()) {
        return Err(Failure::Usage("--user and --rcpt speak of an installation: say which with --config FILE".into()));
    }
    let known = if on.config.is_some() { Some(Known::open(on, &args).await?) } else { None };
    let rules = Rules::new(&ReferenceRules::default(), Vec::new()).context("the default pattern")?;
    let mut unreadable = 0;
    for file in &args.files {
        let answer = match read(file) {
            Ok(raw) => explained(file, raw.into(), &args, &rules, known.as_ref()).await?,
            Err(error) => {
                unreadable += 1;
                eprintln!("rohrpost: {error:#}");
                continue;
            }
        };
        show::out(show::harmless(&if args.json { answer.to_string() } else { format!("{answer:#}") }))?;
    }
    match unreadable {
        0 => Ok(()),
        n => Err(Failure::Failed(anyhow::anyhow!("{n} of {} files could not be read", args.files.len()))),
    }
}

/// An installation against which mails are explained.
struct Known {
    pipeline: Pipeline,
    tenant: Tenant,
    login: Option<Login>,
}

impl Known {
    async fn open(on: &On, args: &Args) -> Result<Known, Failure> {
        let (config, store) = on.store().await?;
        let tenant = on.tenant(&store).await?;
        let login = match &args.user {
            None => None,
            Some(user) => {
                let found = store.credentials(user).await?.map(|credentials| credentials.login);
                let found = found.filter(|login| login.tenant == tenant.id);
                Some(found.ok_or_else(|| Failure::Usage(format!("--user: {} has no user {user}", tenant.id)))?)
            }
        };
        let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
        Ok(Known { pipeline: Pipeline::new(store, settings, config.scan.as_ref().map(Scanner::new)), tenant, login })
    }

    /// The arrival that a door would have accepted.
    fn claimed(&self, raw: &Bytes, args: &Args) -> Claimed {
        let door = crate::intake::facts::Connection {
            peer: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            origin: Origin::Relay,
            authserv_id: None,
            helo: String::new(),
            tls: false,
            login: self.login.clone(),
        };
        let facts: Facts = crate::intake::facts::gather(&door, raw);
        Claimed {
            id: ArrivalId::generate(),
            tenant: self.tenant.id.clone(),
            at: Timestamp::now(),
            envelope: envelope(args, raw, self.tenant.import_addresses.first()),
            facts,
            size: raw.len() as u64,
            sha256: crate::model::digest::sha256(raw),
            attempts: 0,
            fence: 0,
            alone: false,
            assigned: None,
            crashes: 0,
            heals: None,
            heal_tries: 0,
        }
    }
}

/// What the arguments say of the envelope; the Return-Path field speaks where they do not.
fn envelope(args: &Args, raw: &[u8], default_rcpt: Option<&String>) -> Envelope {
    let header = crate::model::header::Header::read(raw);
    let path = args.mail_from.clone().or_else(|| header.text("Return-Path")).unwrap_or_else(|| "?".into());
    let path = path.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let to = args.rcpt.clone().or_else(|| default_rcpt.cloned()).unwrap_or_default();
    Envelope {
        from: Some(path).filter(|path| !path.is_empty()),
        mailbox: address::without_detail(&to).0,
        to: vec![to],
        purpose: Purpose::Import,
    }
}

async fn explained(file: &str, raw: Bytes, args: &Args, rules: &Rules, known: Option<&Known>) -> anyhow::Result<Value> {
    if let Some(known) = known {
        let claimed = known.claimed(&raw, args);
        let Some((read, judged)) = known.pipeline.foresee(&claimed, raw.clone()).await? else { return Ok(failed(file, &raw)) };
        let mut answer = answer(file, &raw, &judged.message, &read.defects);
        answer["disposition"] = json!(judged.verdict.disposition());
        answer["reason"] = json!(judged.verdict.reason());
        answer["notify"] = judged.notices.iter().map(|notice| json!(notice.to)).collect();
        return Ok(answer);
    }
    let envelope = args.mail_from.as_ref().map(|_| envelope(args, &raw, None));
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| understand::read(envelope.as_ref(), &raw, rules)));
    Ok(match read {
        Ok((message, defects)) => answer(file, &raw, &message, &defects),
        Err(_) => failed(file, &raw),
    })
}

/// Reading it failed: the daemon would hold it.
fn failed(file: &str, raw: &[u8]) -> Value {
    let mut answer = answer(file, raw, &Message::default(), &[]);
    answer["defects"] = json!(["reading this mail failed; it would be held as unreadable"]);
    answer
}

fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    if file == "-" {
        let mut raw = Vec::new();
        std::io::stdin().read_to_end(&mut raw).context("standard input")?;
        return Ok(raw);
    }
    std::fs::read(file).with_context(|| file.to_owned())
}

fn answer(file: &str, raw: &[u8], message: &Message, defects: &[Defect]) -> Value {
    json!({
        "file": file,
        "sha256": digest::sha256(raw),
        "reference": message.reference,
        "subject": message.subject,
        "from": message.from,
        "date": message.date,
        "note": message.note,
        "original": message.original,
        "enclosed": message.enclosed,
        "text": message.text,
        "automatic": message.automatic,
        "attachments": message.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "defects": defects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "disposition": null,
        "reason": null,
        "notify": null,
    })
}

fn attachment(one: &Attachment) -> Value {
    let mut row = json!({
        "of": one.of, "name": one.name, "media_type": one.media_type, "declared_type": one.declared_type, "size": one.size,
        "sha256": one.sha256, "kind": one.kind, "role": one.role, "reason": one.reason,
    });
    if let Some(found) = &one.found {
        row["found"] = json!(found);
    }
    one.details.add_to(&mut row);
    row
}
