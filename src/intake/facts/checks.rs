//! SPF, DKIM, DMARC and ARC as we find them ourselves, by mail-auth and the DNS. Says what was found; whether that is enough is
//! judged later. Never longer than the budget: what did not come back by then is DNS trouble, beside what did.

use super::authentication_results;
use super::reading::Reading;
use super::{results, trouble};
use crate::config::Dns;
use crate::intake::told::Told;
use crate::model::arrival::Purpose;
use crate::model::facts::{Aligned, Arc, ArcSet, Checked, Dkim, Facts, Origin, Spf};
use futures_util::future::join_all;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::headers::Header;
use mail_auth::common::verify::VerifySignature;
use mail_auth::dkim::Signature;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, MessageAuthenticator, SpfOutput, SpfResult};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

/// Signatures that are looked at. RFC 6376 §6.1 lets a verifier bound its work.
const MOST_SIGNATURES: usize = 10;
/// Sets of a chain that are looked at. RFC 8617 §4.2.1 allows 50; each costs two signatures and two questions.
const MOST_SETS: usize = 10;
/// Names in an `h=`.
const MOST_SIGNED_NAMES: usize = 200;

/// What is asked of the mail's surroundings.
pub struct Question<'a> {
    pub facts: &'a Facts,
    /// The reverse-path; none is null.
    pub mail_from: Option<&'a str>,
    /// Whose seals the tenant believes: only their trouble matters.
    pub trusted_sealers: &'a [String],
}

/// Whether to ask at all: only where the answer can decide something, and nobody else has given it.
pub fn are_needed(purpose: &Purpose, facts: &Facts) -> bool {
    let decides = match purpose {
        Purpose::Import | Purpose::Reply { .. } | Purpose::ReceiptAnswer { .. } => true,
        Purpose::Bounces { .. } | Purpose::Postmaster | Purpose::Canary { .. } => false,
    };
    let asked_already = facts.pinned.as_ref().is_some_and(|pinned| pinned.dmarc.is_some());
    decides && facts.login.is_none() && facts.internal.is_none() && facts.origin != Origin::SubmissionRelay && !asked_already
}

/// Checks senders. Cheap to clone.
#[derive(Clone)]
pub struct Checks {
    /// None if the configuration of the DNS is unusable: every question is trouble then.
    resolver: Option<MessageAuthenticator>,
    budget: Duration,
    /// Our name in Authentication-Results.
    hostname: String,
    told: Told,
}

impl Checks {
    /// Says in the log what is wrong with the DNS; mail that needs it then hears 451 instead of a false no.
    pub fn new(dns: &Dns, hostname: String) -> Checks {
        let resolver = match super::resolver::resolver(dns) {
            Ok(resolver) => Some(resolver),
            Err(error) => {
                warn!(error = format!("{error:#}"), "senders cannot be checked by SPF, DKIM and DMARC; their mail gets 451");
                None
            }
        };
        Checks { resolver, budget: dns.budget, hostname, told: Told::default() }
    }

    /// Everything that can be found out. `reading`: none if nothing in the mail can be proved.
    pub async fn ask(&self, reading: Option<&Reading>, question: &Question<'_>) -> Checked {
        let message = reading.and_then(Reading::message);
        let asked = message.as_ref().and_then(|message| Some((message, author(message)?)));
        let mut checked = match (asked, &self.resolver) {
            (None, _) => Checked::default(),
            (Some(_), None) => Checked { dns_trouble: true, ..Checked::default() },
            (Some((message, author)), Some(dns)) => {
                let deadline = Instant::now() + self.budget;
                let asking = Asking { dns, message, author: &author, question, deadline, hostname: &self.hostname };
                let checked = asking.everything().await;
                self.tell_of_trouble(&checked, &author);
                checked
            }
        };
        // RFC 8601 §2.7.2: which identity SPF was asked about.
        let identity = if question.mail_from.is_some() { "smtp.mailfrom" } else { "smtp.helo" };
        checked.results = results::value(&self.hostname, identity, &checked);
        checked
    }
}

impl Checks {
    /// Once a minute: when the DNS is away, it is so for every mail.
    fn tell_of_trouble(&self, checked: &Checked, author: &str) {
        if checked.dns_trouble && self.told.first("dns") {
            let names = trouble::unanswered(checked, author).join(", ");
            warn!(
                names,
                "the resolvers of [dns] (or /etc/resolv.conf) did not answer what was asked about {names}; mail that needs it gets 451"
            );
        }
    }
}

/// The domain of the one author, in lower case. Of several no domain can vouch for the mail. RFC 7489 §6.6.1.
fn author(message: &AuthenticatedMessage<'_>) -> Option<String> {
    let [from] = message.froms() else { return None };
    from.rsplit_once('@').map(|(_, domain)| domain.to_lowercase()).filter(|domain| !domain.is_empty())
}

/// The questions about one mail.
struct Asking<'a> {
    dns: &'a MessageAuthenticator,
    message: &'a AuthenticatedMessage<'a>,
    author: &'a str,
    question: &'a Question<'a>,
    deadline: Instant,
    hostname: &'a str,
}

/// One signature and what came of it.
struct Checkmark {
    signature: Signature,
    result: Outcome,
    aligned: Alignment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Pass,
    Fail,
    Neutral,
    PermError,
    TempError,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Yes,
    No,
    /// The DNS did not say.
    Unknown,
}

impl Asking<'_> {
    /// The chain has nothing to do with the rest, so neither waits for the other.
    async fn everything(&self) -> Checked {
        let (own, arc) = tokio::join!(self.own(), self.arc());
        let (arc, arc_trouble) = arc;
        Checked { dns_trouble: own.dns_trouble || arc_trouble, arc, ..own }
    }

    /// SPF, DKIM, and DMARC over both.
    async fn own(&self) -> Checked {
        let chosen = chosen(&self.message.dkim_headers, self.author);
        let (spf, mut marks) = tokio::join!(self.spf(), join_all(chosen.into_iter().map(|header| self.signature(header))));
        let nothing = SpfOutput::default();
        let asked = spf.as_ref().unwrap_or(&nothing);
        // The policy, and what SPF adds to it; then each signature alone, because what is said of all together names none.
        let policy = self.dmarc(&[], asked).await;
        for mark in &mut marks {
            mark.aligned = self.alignment(mark, policy.as_ref()).await;
        }
        let of_marks = |result: Outcome| marks.iter().any(|mark| mark.result == result && mark.aligned == Alignment::Yes);
        let by_spf = policy.as_ref().is_some_and(|policy| *policy.spf_result() == DmarcResult::Pass);
        let record = policy.as_ref().filter(|policy| policy.dmarc_record().is_some());
        let failed = policy.as_ref().is_none_or(|policy| is_error(policy) && policy.dmarc_record().is_none());
        let result = match (record, by_spf || of_marks(Outcome::Pass)) {
            (Some(_), true) => "pass",
            (Some(_), false) if self.is_open(&marks, asked, policy.as_ref()) => "temperror",
            (Some(_), false) => "fail",
            (None, _) if failed => {
                if policy.as_ref().is_some_and(is_permanent) {
                    "permerror"
                } else {
                    "temperror"
                }
            }
            (None, _) => "none",
        };
        Checked {
            spf: spf.as_ref().map(|spf| Spf { result: spf_word(spf.result()).into(), domain: spf.domain().to_lowercase() }),
            dns_trouble: self.is_open(&marks, asked, policy.as_ref()),
            dmarc: Aligned {
                result: result.into(),
                header_from: policy
                    .as_ref()
                    .map(|policy| policy.domain().to_lowercase())
                    .filter(|domain| !domain.is_empty())
                    .unwrap_or_else(|| self.author.to_owned()),
                policy: record.map(|policy| policy.policy().to_string()),
                by_spf,
            },
            dkim: marks.into_iter().map(Checkmark::told).collect(),
            arc: None,
            results: String::new(),
        }
    }

    /// Whether an answer that did not come could have made the sender proved. A stranger's broken DNS does not count: else he could
    /// have his forgeries tried again for days.
    fn is_open(&self, marks: &[Checkmark], spf: &SpfOutput, policy: Option<&DmarcOutput>) -> bool {
        let unsaid = policy.is_none_or(|policy| is_error(policy) && !is_permanent(policy));
        let spf_is_open =
            policy.is_some_and(|policy| matches!(policy.spf_result(), DmarcResult::TempError(_)) && policy.dmarc_record().is_some());
        let counts = |mark: &Checkmark| mark.result == Outcome::Pass || mark.result == Outcome::TempError;
        let mark_is_open = |mark: &Checkmark| match (mark.result, mark.aligned) {
            (Outcome::TempError, aligned) => aligned != Alignment::No,
            (Outcome::Pass, Alignment::Unknown) => true,
            _ => false,
        };
        let unsaid_matters = marks.iter().any(|mark| counts(mark) && is_related(&mark.signature.d, self.author))
            || matches!(spf.result(), SpfResult::Pass | SpfResult::TempError) && is_related(spf.domain(), self.author);
        marks.iter().any(mark_is_open) || spf_is_open || (unsaid && unsaid_matters)
    }

    /// RFC 7208 §2.4: of MAIL FROM, of HELO where that is null. A trusted host's address says nothing about the sender.
    async fn spf(&self) -> Option<SpfOutput> {
        let facts = self.question.facts;
        let peer = facts.peer.map(|peer: IpAddr| peer.to_canonical()).filter(|_| facts.origin == Origin::Direct)?;
        let helo = facts.helo.as_deref().unwrap_or("");
        let parameters = match self.question.mail_from {
            Some(from) => SpfParameters::verify_mail_from(peer, helo, self.hostname, from),
            None => SpfParameters::verify_ehlo(peer, helo, self.hostname),
        };
        let late = || SpfOutput::new(self.envelope_domain().to_owned()).with_result(SpfResult::TempError);
        Some(timeout_at(self.deadline, self.dns.verify_spf(parameters)).await.unwrap_or_else(|_| late()))
    }

    fn envelope_domain(&self) -> &str {
        let helo = self.question.facts.helo.as_deref().unwrap_or("");
        self.question.mail_from.map_or(helo, |from| from.rsplit_once('@').map_or(helo, |(_, domain)| domain))
    }

    /// None if there was no time.
    async fn dmarc(&self, signatures: &[DkimOutput<'_>], spf: &SpfOutput) -> Option<DmarcOutput> {
        let parameters = DmarcParameters::new(self.message, signatures, self.envelope_domain(), spf);
        timeout_at(self.deadline, self.dns.verify_dmarc(parameters)).await.ok()
    }

    /// One signature, alone: a key that does not come back must not keep the others.
    async fn signature(&self, header: &Header<'_, Signature>) -> Checkmark {
        let mut alone = self.message.clone();
        let mut signature = header.header.clone();
        // Neither reports (RFC 6651) nor other domains' permissions (RFC 6541) are asked for.
        (signature.r, signature.atps) = (false, None);
        alone.dkim_headers = vec![Header::new(header.name, header.value, signature.clone())];
        alone.errors.clear();
        let result = match refused(&signature) {
            true => Outcome::PermError,
            false => match timeout_at(self.deadline, self.dns.verify_dkim(&alone)).await {
                Ok(outputs) => outputs.first().map_or(Outcome::Neutral, |output| outcome(output.result())),
                Err(_) => Outcome::TempError,
            },
        };
        let result = if result == Outcome::Pass { self.as_the_key_says(&signature).await } else { result };
        Checkmark { signature, result, aligned: Alignment::No }
    }

    /// RFC 6376 §3.6.1: a key in testing (`t=y`) proves nothing, nor does one that is not for mail or not for SHA-256.
    async fn as_the_key_says(&self, signature: &Signature) -> Outcome {
        let asked = timeout_at(self.deadline, self.dns.txt_raw_lookup(signature.domain_key())).await;
        let Ok(Ok(record)) = asked else { return Outcome::TempError };
        let record = String::from_utf8_lossy(&record).to_ascii_lowercase();
        let tags = || record.split(';').filter_map(|tag| tag.split_once('=')).map(|(name, value)| (name.trim(), value));
        let has = |value: &str, words: &[&str]| value.split(':').any(|word| words.contains(&word.trim()));
        let unfit = |(name, value): (&str, &str)| match name {
            "t" => has(value, &["y"]),
            "s" => !has(value, &["*", "email"]),
            "h" => !has(value, &["sha256"]),
            _ => false,
        };
        if tags().any(unfit) { Outcome::Neutral } else { Outcome::Pass }
    }

    /// Whether a signature's domain is the author's: the same, or as the author's policy allows. RFC 7489 §3.1.1; the
    /// organisational domain by a walk up the tree, RFC 9989 §4.10.
    async fn alignment(&self, mark: &Checkmark, policy: Option<&DmarcOutput>) -> Alignment {
        if !matches!(mark.result, Outcome::Pass | Outcome::TempError) || !is_related(&mark.signature.d, self.author) {
            return Alignment::No;
        }
        if mark.signature.d.eq_ignore_ascii_case(self.author) {
            return Alignment::Yes;
        }
        let Some(policy) = policy else { return Alignment::Unknown };
        if policy.dmarc_record().is_none() {
            return Alignment::No;
        }
        let passed = DkimOutput::pass().with_signature(&mark.signature);
        match self.dmarc(std::slice::from_ref(&passed), &SpfOutput::default()).await {
            Some(output) if *output.dkim_result() == DmarcResult::Pass => Alignment::Yes,
            Some(output) if !matches!(output.dkim_result(), DmarcResult::TempError(_)) => Alignment::No,
            _ => Alignment::Unknown,
        }
    }

    /// The chain, and whether trouble with it could matter. RFC 8617 §5.2.
    async fn arc(&self) -> (Option<Arc>, bool) {
        let (signatures, seals) = (&self.message.ams_headers, &self.message.as_headers);
        let Some(newest) = seals.last() else { return (None, false) };
        if seals.len() > MOST_SETS || signatures.len() > MOST_SETS || self.message.aar_headers.len() > MOST_SETS {
            return (None, false);
        }
        let weak = seals.iter().any(|seal| seal.header.a == Algorithm::RsaSha1)
            || signatures.iter().any(|one| one.header.a == Algorithm::RsaSha1 || one.header.h.len() > MOST_SIGNED_NAMES)
            || signatures.last().is_none_or(|last| !names(&last.header.h).contains(&"from".to_owned()));
        let found = match weak {
            true => Outcome::Fail,
            false => match timeout_at(self.deadline, self.dns.verify_arc(self.message)).await {
                Ok(output) => outcome(output.result()),
                Err(_) => Outcome::TempError,
            },
        };
        // As RFC 8617 §4.4 has it, a chain passes or fails; we tell apart what may pass later.
        let result = match found {
            Outcome::Pass => "pass",
            Outcome::TempError => "temperror",
            Outcome::Fail | Outcome::Neutral | Outcome::PermError => "fail",
        };
        let set = |(seal, results): (&Header<'_, mail_auth::arc::Seal>, &Header<'_, mail_auth::arc::Results>)| ArcSet {
            sealer: seal.header.d.to_lowercase(),
            dmarc: authentication_results::read_sealed(results.value).and_then(|results| results.dmarc),
        };
        let arc = Arc {
            result: result.into(),
            sets: seals.iter().zip(&self.message.aar_headers).map(set).collect(),
            signs: signatures.last().map(|last| names(&last.header.h)).unwrap_or_default(),
        };
        let trouble = found == Outcome::TempError && self.question.trusted_sealers.contains(&newest.header.d.to_lowercase());
        (Some(arc), trouble)
    }
}

impl Checkmark {
    fn told(self) -> Dkim {
        let result = match self.result {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Neutral => "neutral",
            Outcome::PermError => "permerror",
            Outcome::TempError => "temperror",
        };
        Dkim {
            result: result.into(),
            domain: self.signature.d.to_lowercase(),
            selector: self.signature.s.clone(),
            aligned: self.aligned == Alignment::Yes,
            signs: names(&self.signature.h),
        }
    }
}

/// The signatures that are looked at, in the order of the fields: those that may speak for the author first, if there are too many.
fn chosen<'a, 'x>(headers: &'a [Header<'x, Signature>], author: &str) -> Vec<&'a Header<'x, Signature>> {
    let (related, others): (Vec<_>, Vec<_>) = headers.iter().partition(|header| is_related(&header.header.d, author));
    related.into_iter().chain(others).take(MOST_SIGNATURES).collect()
}

/// What is no proof whatever its key says. RFC 6376 §3.5 and §5.4 (version; From must be signed), RFC 8301 §3.1 (no SHA-1).
fn refused(signature: &Signature) -> bool {
    let from_is_signed = signature.h.iter().any(|name| name.eq_ignore_ascii_case("from"));
    signature.v != 1 || signature.a == Algorithm::RsaSha1 || !from_is_signed || signature.h.len() > MOST_SIGNED_NAMES
}

/// Whether one policy could cover both domains: the same last two labels. An organisational domain has at least two.
fn is_related(one: &str, other: &str) -> bool {
    let end = |domain: &str| domain.trim_end_matches('.').rsplit('.').take(2).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    end(one) == end(other)
}

fn names(list: &[String]) -> Vec<String> {
    list.iter().map(|name| name.to_ascii_lowercase()).collect()
}

fn outcome(result: &DkimResult) -> Outcome {
    match result {
        DkimResult::Pass => Outcome::Pass,
        DkimResult::Fail(_) => Outcome::Fail,
        DkimResult::Neutral(_) | DkimResult::None => Outcome::Neutral,
        DkimResult::PermError(_) => Outcome::PermError,
        DkimResult::TempError(_) => Outcome::TempError,
    }
}

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

/// The policy itself could not be found out.
fn is_error(policy: &DmarcOutput) -> bool {
    matches!(policy.dkim_result(), DmarcResult::TempError(_) | DmarcResult::PermError(_))
}

fn is_permanent(policy: &DmarcOutput) -> bool {
    matches!(policy.dkim_result(), DmarcResult::PermError(_))
}

#[cfg(test)]
#[path = "../../../tests/system/dns.rs"]
mod dns;
#[cfg(test)]
mod tests;
