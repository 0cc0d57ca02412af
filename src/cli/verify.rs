//! `verify`: proves that raw mails, rows, documents, folder and outbox agree. Costs memory independent of the data.

use super::{Done, Failure, On, document, show};
use crate::config::Config;
use crate::config::imap::SignsIn;
use crate::dead_letter::folder::{Folder, Why};
use crate::store::Store;
use crate::store::verify::{Finding, Recorded, Said};

/// What was looked at.
#[derive(Default, Debug)]
struct Counts {
    mails: usize,
    documents: usize,
    held: usize,
}

pub async fn run(on: &On) -> Done {
    let (config, store) = on.store().await?;
    let (counts, findings) = verify(&config, &store).await?;
    store.close().await;
    let (mails, documents) = (show::counted(counts.mails, "mail"), show::counted(counts.documents, "document"));
    show::out(format!("{mails}, {documents}, {} held", counts.held))?;
    if findings.is_empty() {
        return show::out("everything agrees");
    }
    Err(Failure::Failed(anyhow::anyhow!("{} things do not agree:\n{}", findings.len(), findings.join("\n"))))
}

async fn verify(config: &Config, store: &Store) -> anyhow::Result<(Counts, Vec<Finding>)> {
    let mut findings = store.disagreements().await?;
    let mut counts = Counts::default();
    let mut last: Option<Recorded> = None;
    loop {
        let page = store.recorded_after(last.as_ref()).await?;
        if page.is_empty() {
            break;
        }
        for mail in &page {
            counts.mails += 1;
            check_mail(store, mail, &mut counts, &mut findings).await?;
        }
        last = page.into_iter().last();
    }
    check_folder(config, store, &mut counts, &mut findings).await?;
    check_sign_ins(config, store, &mut findings).await?;
    Ok((counts, findings))
}

async fn check_mail(store: &Store, mail: &Recorded, counts: &mut Counts, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let id = mail.id;
    match store.hash_of_raw(&mail.tenant, id).await {
        Ok(_) if mail.raw_gone => findings.push(format!("{id}: its raw bytes should be removed, and are still there")),
        // Only mail that was discarded for its age may lack them.
        Err(_) if mail.raw_gone && mail.disposition.as_deref() == Some("held") && !mail.is_open => (),
        Err(_) if mail.raw_gone && mail.reason.as_deref() == Some("canary") => (),
        Ok((hash, size)) if hash == mail.sha256 && size == mail.size => (),
        Ok(_) => findings.push(format!("{id}: its raw bytes are not those that were accepted")),
        Err(error) => findings.push(format!("{id}: its raw bytes cannot be read: {error:#}")),
    }
    let entries = store.said_of(&mail.tenant, id).await.unwrap_or_else(|error| {
        findings.push(format!("{id}: its history cannot be read: {error:#}"));
        Vec::new()
    });
    let live = entries.iter().filter(|said| !said.is_withdrawn).count();
    // What was taken back and not moved is filed all the same: it has an end, and nobody reads it.
    let is_withdrawn = entries.iter().any(|said| said.is_withdrawn && Some(said.entry.to_string()) == mail.entry);
    match mail.disposition.as_deref() {
        None => findings.push(format!("{id}: has no disposition yet")),
        Some("filed") if live != usize::from(!is_withdrawn) => findings.push(format!("{id}: is filed and has {live} history entries")),
        Some("filed") => (),
        Some(other) if !entries.is_empty() => findings.push(format!("{id}: is {other} and has a history entry all the same")),
        Some(_) => (),
    }
    for said in &entries {
        check_entry(store, mail, said, counts, findings).await?;
    }
    Ok(())
}

/// Everybody whom the entry says was told has a message in the outbox, and a correction if it was taken back; every file that it
/// names is there, with its bytes; no more than that.
async fn check_entry(store: &Store, mail: &Recorded, said: &Said, counts: &mut Counts, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    if said.told != said.notices {
        findings.push(format!("{}: the history names {} people who were told, the outbox {}", mail.id, said.told, said.notices));
    }
    let expected = if said.is_withdrawn { said.people } else { 0 };
    if said.corrections != expected {
        findings.push(format!("{}: {expected} people must hear that it was taken back, the outbox has {}", mail.id, said.corrections));
    }
    let documents = store.documents_of_entry(&mail.tenant, said.entry).await?;
    if documents.len() as u64 != said.files {
        findings.push(format!("{}: the history names {} files, and there are {} documents", mail.id, said.files, documents.len()));
    }
    for document in documents {
        counts.documents += 1;
        if let Err(error) = document::content(store, &mail.tenant, &document).await {
            findings.push(format!("{}: {error:#}", mail.id));
        }
    }
    Ok(())
}

/// Tokens of a mailbox that is signed in to no more are secrets that nobody renews, lists or misses.
async fn check_sign_ins(config: &Config, store: &Store, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let signs_in = |name: &str| config.imap.iter().any(|mailbox| mailbox.name == name && matches!(mailbox.signs_in, SignsIn::Oauth(_)));
    for row in store.sign_ins().await?.iter().filter(|row| !signs_in(&row.mailbox)) {
        let name = show::clean(&row.mailbox);
        findings
            .push(format!("mailbox {name}: its tokens are kept, and no [[imap]] of this name has `oauth`: rohrpost oauth logout {name}"));
    }
    Ok(())
}

async fn check_folder(config: &Config, store: &Store, counts: &mut Counts, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let mut folder = Folder::new(config.dead_letters.clone());
    let all = store.all_held().await?;
    for held in &all {
        counts.held += 1;
        if folder.file_of(held, store).await?.is_none() {
            findings.push(format!("{}: is held, but the dead-letter folder does not show it", held.id));
        }
    }
    // Folders of mail programs are nobody's fault.
    let foreign = folder.foreign(&all, store).await?;
    for foreign in foreign.iter().filter(|foreign| foreign.why != Why::Folder) {
        findings.push(format!("{}: is no mail that is held: {}", foreign.path.display(), foreign.why.words()));
    }
    Ok(())
}
