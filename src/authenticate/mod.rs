//! Who sent it? A pure judgement over the frozen facts and the tenant's users. Asks nobody, knows no protocol.

use crate::model::address;
use crate::model::arrival::Envelope;
use crate::model::facts::{Arc, Checked, Facts, Origin};
use crate::model::organisation::Tenant;
use crate::model::sender::{Invited, Proof, Sender, Unproven};
use crate::model::user::User;

#[cfg(test)]
mod tests;

/// What is judged.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub tenant: &'a Tenant,
    pub envelope: &'a Envelope,
    pub facts: &'a Facts,
}

/// Judges the sender. `users`: those whom the facts could speak of, each with their addresses in comparison form. `invited`: the
/// candidate to whom the reply token was given that the mail came with.
///
/// A login decides alone. Otherwise exactly one address in exactly one plain From field must be vouched for, and fields that may
/// stand once must stand once: what is shown is then what was signed.
pub fn judge(on: Case<'_>, users: &[(User, Vec<String>)], invited: Option<&Invited>) -> Sender {
    let facts = on.facts;
    let by_address =
        |wanted: &str| users.iter().find(|(user, addresses)| user.active && addresses.iter().any(|a| a == wanted)).map(|(user, _)| user);
    let claims_user = facts.from.iter().any(|from| by_address(from).is_some());
    let unproven = |why| Sender::Unproven { why, claims_user };
    if let Some(login) = &facts.login {
        let found = users.iter().find(|(user, _)| user.active && user.id == login.user);
        return found.map_or(unproven(Unproven::NoUser), |(user, _)| Sender::User { user: user.clone(), proof: Proof::Login });
    }
    if !facts.anybody_vouches() {
        return unproven(Unproven::NoProof);
    }
    let [from] = facts.from.as_slice() else { return unproven(Unproven::UnclearFrom) };
    if facts.from_fields != 1 || facts.from_is_incomplete || facts.from_is_odd {
        return unproven(Unproven::UnclearFrom);
    }
    if !facts.doubled.is_empty() {
        return unproven(Unproven::HeaderDoubled);
    }
    let proof = match address::split(from).map(|(_, domain)| proof_for(domain, on)) {
        Some(Ok(proof)) => proof,
        Some(Err(why)) => return unproven(why),
        None => return unproven(Unproven::NoProof),
    };
    match (by_address(from), invited) {
        (Some(user), _) => Sender::User { user: user.clone(), proof },
        (None, Some(invited)) if invited.addresses.contains(from) => Sender::Candidate { name: invited.name.clone(), proof },
        (None, Some(_)) => unproven(Unproven::NotTheCandidate),
        (None, None) => unproven(Unproven::NoUser),
    }
}

/// What vouches for this domain of From: the best of it counts.
fn proof_for(domain: &str, on: Case<'_>) -> Result<Proof, Unproven> {
    let facts = on.facts;
    let pinned = facts.pinned.as_ref().map(|_| by_mail_host(domain, on));
    let checked = facts.checked.as_ref();
    let own = checked.map(|checked| by_own_checks(domain, on, checked));
    let arc = checked.and_then(|checked| checked.arc.as_ref()).map(|arc| by_sealers(domain, on, arc));
    let is_relayed = facts.origin == Origin::SubmissionRelay || facts.internal.as_deref() == Some(domain);
    let relay = is_relayed.then_some(Ok(Proof::SubmissionRelay));
    let mut worst = Unproven::NoProof;
    for found in [pinned, own, arc, relay].into_iter().flatten() {
        match found {
            Ok(proof) => return Ok(proof),
            Err(Unproven::AddressedElsewhere) => worst = Unproven::AddressedElsewhere,
            Err(_) => (),
        }
    }
    Err(worst)
}

/// RFC 7489 §3.1, as the mail host in front says. Unless it adds that SPF passed for the author's own domain, a signature alone may
/// have made DMARC pass.
fn by_mail_host(domain: &str, on: Case<'_>) -> Result<Proof, Unproven> {
    if on.facts.dmarc_passed_for() != Some(domain) {
        return Err(Unproven::NoProof);
    }
    let is_ours = on.facts.is_sent_by_its_domain(domain) || is_addressed(on, &["to", "cc"]);
    if is_ours { Ok(Proof::Dmarc) } else { Err(Unproven::AddressedElsewhere) }
}

/// DMARC as we found it, or a signature of exactly this domain where it has no DMARC record.
fn by_own_checks(domain: &str, on: Case<'_>, checked: &Checked) -> Result<Proof, Unproven> {
    let dmarc = &checked.dmarc;
    if dmarc.header_from != domain {
        return Err(Unproven::NoProof);
    }
    let passed = dmarc.result == "pass";
    if passed && dmarc.by_spf {
        return Ok(Proof::Dmarc);
    }
    let proof = match (passed, dmarc.result.as_str(), &dmarc.policy) {
        (true, _, _) => Proof::Dmarc,
        (false, "none", None) => Proof::Dkim,
        _ => return Err(Unproven::NoProof),
    };
    let mut signatures = checked.dkim.iter().filter(|dkim| dkim.result == "pass" && dkim.aligned).peekable();
    if signatures.peek().is_none() {
        return Err(Unproven::NoProof);
    }
    if signatures.any(|dkim| covers(on, &dkim.signs)) { Ok(proof) } else { Err(Unproven::AddressedElsewhere) }
}

/// RFC 8617 §5.2: what the newest hosts of the chain saw, as far back as the tenant trusts each.
fn by_sealers(domain: &str, on: Case<'_>, arc: &Arc) -> Result<Proof, Unproven> {
    let trusted = arc.sets.iter().rev().take_while(|set| on.tenant.trusted_sealers.contains(&set.sealer));
    let mut saw = trusted.filter_map(|set| set.dmarc.as_ref()?.passed_for());
    if arc.result != "pass" || !saw.any(|passed| passed == domain) {
        return Err(Unproven::NoProof);
    }
    if covers(on, &arc.signs) { Ok(Proof::Arc) } else { Err(Unproven::AddressedElsewhere) }
}

/// Whether a signature covers everything that decides what becomes of the mail: the number, where it goes, and how it is read.
fn covers(on: Case<'_>, signed: &[String]) -> bool {
    let is_signed = |name: &str| signed.iter().any(|one| one == name);
    is_signed("subject") && on.facts.reading.iter().all(|name| is_signed(name)) && is_addressed(on, signed)
}

/// Whether To or Cc names an import address, or for an answer the very address that it came to, under a signature: a signed mail to
/// somebody else can be sent here by him, and one answer to another receipt.
fn is_addressed(on: Case<'_>, signed: &[impl AsRef<str>]) -> bool {
    let Case { tenant, envelope, facts } = on;
    facts.is_addressed(signed, |one| match envelope.is_answer() {
        true => envelope.to.iter().any(|to| address::key(to) == *one),
        false => tenant.import_addresses.contains(&address::without_detail(one).0),
    })
}
