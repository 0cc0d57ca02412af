//! `explain`: what a mail would be understood as.

use crate::model::message::{Attachment, Defect, Message};
use crate::model::organisation::{ReferenceRules, Rules};
use crate::understand;
use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line, in the order of the arguments
    #[arg(long)]
    json: bool,
    /// Mails as files; - is standard input
    #[arg(required = true)]
    files: Vec<String>,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let rules = Rules::new(&ReferenceRules::default(), Vec::new())?;
    let mut out = std::io::stdout().lock();
    for file in &args.files {
        let raw = read(file)?;
        let (message, defects) = understand::read(None, &raw, &rules);
        let answer = answer(file, &raw, &message, &defects);
        if args.json {
            writeln!(out, "{answer}")?;
        } else {
            writeln!(out, "{answer:#}")?;
        }
    }
    Ok(())
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
        "sha256": Sha256::digest(raw).iter().map(|b| format!("{b:02x}")).collect::<String>(),
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
    json!({
        "of": one.of, "name": one.name, "media_type": one.media_type, "declared_type": one.declared_type, "size": one.size,
        "sha256": one.sha256, "kind": one.kind, "role": one.role, "reason": one.reason,
    })
}
