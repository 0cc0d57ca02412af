//! Who sent it? A pure judgement over the frozen facts and the tenant's users. Asks nobody, knows no protocol.

use crate::model::address;
use crate::model::facts::{Arc, Checked, Facts, Origin, Pinned};
use crate::model::organisation::Tenant;
use crate::model::sender::{Invited, Proof, Sender, Unproven};
use crate::model::user::User;

#[cfg(test)]
mod tests;

/// Judges the sender. `users`: those whom the facts could speak of, each with their addresses in comparison form. `invited`: the
/// candidate to whom the reply token was given that the mail came with.
///
/// A login decides alone. Otherwise exactly one address in exactly one plain From field must be vouched for, and fields that may
/// stand once must stand once: what is shown is then what was signed.
pub fn judge(tenant: &Tenant, facts: &Facts, users: &[(User, Vec<String>)], invited: Option<&Invited>) -> Sender {
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
    let proof = match address::split(from).map(|(_, domain)| proof_for(domain, tenant, facts)) {
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
fn proof_for(domain: &str, tenant: &Tenant, facts: &Facts) -> Result<Proof, Unproven> {
    let pinned = facts.pinned.as_ref().map(|pinned| by_mail_host(domain, tenant, facts, pinned));
    let checked = facts.checked.as_ref();
    let own = checked.map(|checked| by_own_checks(domain, tenant, facts, checked));
    let arc = checked.and_then(|checked| checked.arc.as_ref()).map(|arc| by_sealers(domain, tenant, facts, arc));
    let relay = (facts.origin == Origin::SubmissionRelay).then_some(Ok(Proof::SubmissionRelay));
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

/// RFC 7489 §3.1, as the mail host in front says. Where it adds that SPF did not pass, a signature alone made DMARC pass.
fn by_mail_host(domain: &str, tenant: &Tenant, facts: &Facts, pinned: &Pinned) -> Result<Proof, Unproven> {
    if facts.dmarc_passed_for() != Some(domain) {
        return Err(Unproven::NoProof);
    }
    let by_signature_alone = pinned.spf.as_deref().is_some_and(|spf| spf != "pass");
    let everything = ["to".to_owned(), "cc".to_owned()];
    if by_signature_alone && !is_addressed(tenant, facts, &everything) {
        return Err(Unproven::AddressedElsewhere);
    }
    Ok(Proof::Dmarc)
}

/// DMARC as we found it, or a signature of exactly this domain where it has no DMARC record.
fn by_own_checks(domain: &str, tenant: &Tenant, facts: &Facts, checked: &Checked) -> Result<Proof, Unproven> {
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
    let whole = signatures.any(|dkim| dkim.signs.iter().any(|name| name == "subject") && is_addressed(tenant, facts, &dkim.signs));
    if whole { Ok(proof) } else { Err(Unproven::AddressedElsewhere) }
}

/// RFC 8617 §5.2: what the newest hosts of the chain saw, as far back as the tenant trusts each.
fn by_sealers(domain: &str, tenant: &Tenant, facts: &Facts, arc: &Arc) -> Result<Proof, Unproven> {
    let trusted = arc.sets.iter().rev().take_while(|set| tenant.trusted_sealers.contains(&set.sealer));
    let mut saw = trusted.filter_map(|set| set.dmarc.as_ref()?.passed_for());
    if arc.result != "pass" || !saw.any(|passed| passed == domain) {
        return Err(Unproven::NoProof);
    }
    if is_addressed(tenant, facts, &arc.signs) { Ok(Proof::Arc) } else { Err(Unproven::AddressedElsewhere) }
}

/// Whether To or Cc names an import address under a signature: a signed mail to somebody else can be sent here by him.
fn is_addressed(tenant: &Tenant, facts: &Facts, signed: &[String]) -> bool {
    let is_ours = |address: &String| tenant.import_addresses.contains(address);
    [("to", &facts.to), ("cc", &facts.cc)].iter().any(|(name, list)| signed.iter().any(|one| one == name) && list.iter().any(is_ours))
}
