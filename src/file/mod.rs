//! Writes down what was decided: history entry, documents, messages and disposition of one mail, in one transaction (G9).
//! Decides nothing; an error leaves nothing behind but objects that no row names.

use crate::model::address;
use crate::model::answer::{Outcome, Receipt};
use crate::model::arrival::Purpose;
use crate::model::healing::VERSION;
use crate::model::id::{ArrivalId, DocumentId, EntryId, OutboundId};
use crate::model::message::{Automatic, Defect, Kind, Message, PartRole, Source};
use crate::model::organisation::Tenant;
use crate::model::outbound::{MessagePurpose, MessageState, Notice, ReplyTo};
use crate::model::sender::Sender;
use crate::model::token;
use crate::model::verdict::{Audience, HoldReason, IgnoreReason, Questions, Verdict};
use crate::store::arrivals::Claimed;
use crate::store::audit::NewAudit;
use crate::store::filing::{Delivery, Filing, NewDocument, NewEntry, NewMessage, NewToken, Summary, Waits};
use crate::store::{NotWritten, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub mod kind_changed;
mod names;
pub mod parts;
pub mod taken_back;

/// What was found out and decided about one arrival.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    pub claimed: &'a Claimed,
    pub tenant: &'a Tenant,
    pub sender: &'a Sender,
    pub message: &'a Message,
    pub defects: &'a [Defect],
    pub questions: &'a Questions,
    pub verdict: &'a Verdict,
    /// What is done about it, if it is a user's answer to a receipt.
    pub answer: Option<&'a (Receipt, Outcome)>,
    pub audience: &'a Audience,
    pub notices: &'a [Notice],
    /// When it is looked at again by itself, if it is held and time heals it.
    pub heals_at: Option<Timestamp>,
    /// The id that the notices' links name.
    pub entry: EntryId,
}

/// How long an answer to a receipt is known as one.
const TOKEN_LIVES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Commits it. `AlreadyFiled`: another mail with the same key was quicker; judge this one again.
pub async fn put(store: &Store, decided: Decided<'_>) -> Result<(), NotWritten> {
    let now = Timestamp::now();
    let documents = documents(decided);
    for (document, bytes) in &documents {
        if let Some(bytes) = bytes {
            // The object before the row: a row never names what is not there.
            store.blobs().put_document(&decided.claimed.tenant, document.id, bytes.to_vec()).await.map_err(NotWritten::NotNow)?;
        }
    }
    let documents: Vec<NewDocument> = documents.into_iter().map(|(document, _)| document).collect();
    let filing = Filing {
        tenant: decided.claimed.tenant.clone(),
        arrival: decided.claimed.id,
        fence: decided.claimed.fence,
        at: now,
        disposition: decided.verdict.disposition(),
        reason: decided.verdict.reason(),
        summary: summary(decided),
        entry: entry(decided, &documents, now),
        documents,
        images: decided.questions.images.clone(),
        messages: {
            let entry = matches!(decided.verdict, Verdict::File(_)).then_some(decided.entry);
            let mailbox = &decided.claimed.envelope.mailbox;
            decided.notices.iter().map(|notice| message(mailbox, decided.tenant, notice, entry, now)).collect()
        },
        audit: audit(decided),
        delivery: delivery(decided),
        waits: waits(decided),
        repair: match decided.answer {
            Some((_, Outcome::Repair(repair))) => Some(repair.clone()),
            _ => None,
        },
    };
    store.file(filing).await
}

fn summary(decided: Decided<'_>) -> Summary {
    let message = decided.message;
    let (application, entry) = match decided.verdict {
        Verdict::File(placement) => (Some(placement.application.id.clone()), Some(decided.entry)),
        Verdict::Duplicate(of) => (None, Some(*of)),
        Verdict::Hold(_) | Verdict::Ignore(_) => (None, None),
    };
    let from = message.from.clone().unwrap_or_default();
    Summary {
        is_unproven: matches!(decided.sender, Sender::Unproven { .. }),
        subject: message.subject.clone(),
        from_name: from.name,
        from_address: from.address,
        reference: number(decided),
        message_id: message.message_id.clone(),
        dedupe_key: Some(decided.questions.dedupe_key.clone()),
        inner_addresses: json!(decided.questions.addresses).to_string(),
        inner_names: json!(decided.questions.names).to_string(),
        application,
        entry,
    }
}

/// The number that it is filed under, or what was typed as long as it is held: an answer that led nowhere does not hide that.
fn number(decided: Decided<'_>) -> Option<String> {
    let typed = decided.message.reference.as_ref().map(|reference| reference.number.clone());
    let typed = typed.filter(|_| matches!(decided.verdict, Verdict::Hold(_)));
    typed.or_else(|| decided.questions.number.clone())
}

fn waits(decided: Decided<'_>) -> Waits {
    let Verdict::Hold(reason) = decided.verdict else { return Waits::default() };
    let number = decided.questions.number.clone().filter(|_| *reason == HoldReason::UnknownNumber);
    Waits { due: decided.heals_at, number, version: None }
}

/// The documents of a filed mail, each with its bytes if it is an object of its own.
fn documents(decided: Decided<'_>) -> Vec<(NewDocument, Option<&[u8]>)> {
    let Verdict::File(placement) = decided.verdict else { return Vec::new() };
    let mut names = names::Names::default();
    let files = decided.message.attachments.iter().filter(|attachment| attachment.role == PartRole::File);
    files
        .map(|attachment| {
            let document = NewDocument {
                id: DocumentId::generate(),
                application: placement.application.id.clone(),
                name: names.unique(names::name(attachment)),
                name_as_sent: attachment.name_as_sent.clone(),
                media_type: attachment.media_type.clone(),
                declared_type: attachment.declared_type.clone(),
                size: attachment.size,
                sha256: attachment.sha256.clone(),
                kind: attachment.kind,
                in_files: true,
                in_documents: is_shown_under_documents(decided.tenant, attachment.kind),
                range: match &attachment.source {
                    Source::Range { range, encoding } => Some((range.clone(), *encoding)),
                    Source::Decoded(_) => None,
                },
            };
            let bytes = match &attachment.source {
                Source::Range { .. } => None,
                Source::Decoded(bytes) => Some(bytes.as_slice()),
            };
            (document, bytes)
        })
        .collect()
}

/// S1.20, S1.30: every file is under Files; under Documents too if the tenant has that tab and wants the kind there.
fn is_shown_under_documents(tenant: &Tenant, kind: Kind) -> bool {
    tenant.documents_tab && tenant.documents_kinds.as_ref().map_or(kind != Kind::Other, |kinds| kinds.contains(&kind))
}

fn entry(decided: Decided<'_>, documents: &[NewDocument], now: Timestamp) -> Option<NewEntry> {
    let Verdict::File(placement) = decided.verdict else { return None };
    let message = decided.message;
    // S1.E3: a subject that was the number alone shows the forwarded message's own.
    let own = message.original.as_ref().map(|original| original.subject.as_str());
    let subject = if message.subject.is_empty() { own.unwrap_or_default() } else { &message.subject };
    Some(NewEntry {
        id: decided.entry,
        application: placement.application.id.clone(),
        at: now,
        kind: "inbound_email",
        actor: actor(decided),
        subject: subject.to_owned(),
        body: body(decided, placement.flags.as_slice(), documents).to_string(),
        visibility: "department",
        dedupe_key: Some(decided.questions.dedupe_key.clone()),
        message_id: message.message_id.clone(),
        moved_from: None,
    })
}

/// Who brought the mail in: the forwarder, or the operator who assigned it.
fn actor(decided: Decided<'_>) -> String {
    match (decided.sender.user(), &decided.claimed.assigned) {
        (_, Some(assigned)) => assigned.by.clone(),
        (Some(user), None) => user.email.clone(),
        (None, None) => match decided.sender {
            Sender::Candidate { name, .. } => name.clone(),
            _ => "-".into(),
        },
    }
}

/// What readers of the entry get: the mail's words, the people, every part and what became of it (G8).
fn body(decided: Decided<'_>, flags: &[crate::model::verdict::Flag], documents: &[NewDocument]) -> Value {
    let message = decided.message;
    let parts = parts::rows(message, documents.iter().map(|document| document.id));
    let forwarder = decided.sender.user().map(|user| json!({"name": user.name, "address": user.email}));
    // A receipt tells its reader what he did himself.
    let notices = decided.notices.iter().filter(|notice| notice.purpose == MessagePurpose::ReplyImported);
    let told: Vec<&str> = notices.map(|notice| notice.to.as_str()).collect();
    json!({
        "text": message.text, "folds": message.folds, "note": message.note, "original": message.original, "enclosed": message.enclosed,
        "from": message.from, "date": message.date, "forwarder": forwarder, "parts": parts, "flags": flags, "told": told,
        // S1.E17: what the audience decided, whoever else has the fallback address.
        "nobody_responsible": decided.audience.is_nobody(),
        "defects": decided.defects.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// `mailbox`: the import address that the mail came to. `entry`: what the notice is about.
fn message(mailbox: &str, tenant: &Tenant, notice: &Notice, entry: Option<EntryId>, now: Timestamp) -> NewMessage {
    let import_domain = |address: &str| address::split(address).map(|(_, domain)| domain.to_owned());
    let own = tenant.import_addresses.first().and_then(|address| import_domain(address));
    let (token, reply_to) = match &notice.reply_to {
        ReplyTo::Nobody => (None, None),
        ReplyTo::Address(address) => (None, Some(address.clone())),
        ReplyTo::Token(offer) => {
            let token = token::generate();
            let address = address::split(mailbox).map(|(local, domain)| format!("{local}+{token}@{domain}"));
            (Some(NewToken { token, expires_at: now + TOKEN_LIVES, offers: offer.numbers.clone(), again: offer.again }), address)
        }
    };
    NewMessage {
        id: OutboundId::generate(),
        purpose: notice.purpose,
        recipient: notice.to.clone(),
        locale: notice.locale,
        subject: notice.subject.clone(),
        body: notice.text.clone(),
        reply_to,
        domain: import_domain(mailbox).or(own).unwrap_or_else(|| "localhost".into()),
        attaches_raw: notice.purpose == MessagePurpose::Postmaster,
        entry,
        token,
        about: match &notice.reply_to {
            ReplyTo::Token(offer) => offer.about,
            ReplyTo::Nobody | ReplyTo::Address(_) => None,
        },
    }
}

fn audit(decided: Decided<'_>) -> Vec<NewAudit> {
    let subject = decided.claimed.id.to_string();
    let line = |what, detail: String| NewAudit { actor: actor(decided), what, subject: subject.clone(), detail };
    if let Some((receipt, outcome)) = decided.answer {
        let did = match outcome {
            Outcome::Repair(repair) => format!("mail {} goes to {}", receipt.arrival, repair.reference),
            Outcome::Useless(why) => format!("mail {} stays as it is: {}", receipt.arrival, why.as_str()),
            Outcome::Nothing(why) => format!("mail {} stays as it is: {}", receipt.arrival, why.as_str()),
        };
        return vec![line("answered", did)];
    }
    match decided.verdict {
        Verdict::File(placement) => vec![line("filed", placement.application.id.clone())],
        Verdict::Hold(reason) => vec![line("held", reason.as_str().into())],
        Verdict::Duplicate(of) => vec![line("duplicate", of.to_string())],
        // There are many of them, and they are nobody's.
        Verdict::Ignore(IgnoreReason::Canary) => Vec::new(),
        // Users' answers are told of above.
        Verdict::Ignore(reason @ IgnoreReason::ReceiptAnswer) => {
            vec![line("ignored", format!("{}: its sender is not proved", reason.as_str()))]
        }
        Verdict::Ignore(reason) => vec![line("ignored", reason.as_str().into())],
    }
}

/// RFC 3464 §2.3.3: what a bounce says of the message that it was sent to.
fn delivery(decided: Decided<'_>) -> Option<Delivery> {
    let Purpose::Bounces { message } = decided.claimed.envelope.purpose else { return None };
    let (Verdict::Ignore(IgnoreReason::OwnBounce), Some(report)) = (decided.verdict, &decided.message.report) else { return None };
    let state = match report.action.as_str() {
        "delivered" | "relayed" | "expanded" => MessageState::Delivered,
        "delayed" => return None,
        "failed" => MessageState::Failed,
        // A report without a legible action is a bounce if it calls itself one.
        _ if decided.message.automatic == Some(Automatic::Bounce) => MessageState::Failed,
        _ => return None,
    };
    let why = match &report.status {
        Some(status) => format!("the recipient's server reports {} {status}", report.action),
        None => format!("the recipient's server reports {}", if report.action.is_empty() { "a bounce" } else { &report.action }),
    };
    Some(Delivery { message, state, why })
}

/// A held arrival that nothing is known of: it could not be understood.
pub async fn put_unreadable(
    store: &Store,
    claimed: &Claimed,
    tenant: &Tenant,
    reason: crate::model::verdict::HoldReason,
    notices: &[Notice],
) -> Result<(), NotWritten> {
    let now = Timestamp::now();
    let id: ArrivalId = claimed.id;
    let audit = NewAudit { actor: "-".into(), what: "held", subject: id.to_string(), detail: reason.as_str().into() };
    let filing = Filing {
        tenant: claimed.tenant.clone(),
        arrival: id,
        fence: claimed.fence,
        at: now,
        disposition: crate::model::verdict::Disposition::Held,
        reason: Some(reason.as_str()),
        summary: Summary { inner_addresses: "[]".into(), inner_names: "[]".into(), ..Summary::default() },
        entry: None,
        documents: Vec::new(),
        images: Vec::new(),
        messages: notices.iter().map(|notice| message(&claimed.envelope.mailbox, tenant, notice, None, now)).collect(),
        audit: vec![audit],
        delivery: None,
        waits: Waits { version: Some(VERSION), ..Waits::default() },
        repair: None,
    };
    store.file(filing).await
}
