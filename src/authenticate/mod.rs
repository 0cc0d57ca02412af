//! Who sent it? A pure judgement over the frozen facts and the tenant's users. Asks nobody, knows no protocol.

use crate::model::address;
use crate::model::facts::{Facts, Origin};
use crate::model::sender::{Proof, Sender, Unproven};
use crate::model::user::User;

/// Judges the sender. `users`: those whom the facts could speak of, each with their addresses in comparison form.
///
/// A login decides alone. Otherwise exactly one address in exactly one From field must be vouched for by the mail host in front:
/// by `dmarc=pass` for its domain (RFC 7489 §3.1), or because the host takes mail from signed-in users only.
pub fn judge(facts: &Facts, users: &[(User, Vec<String>)]) -> Sender {
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
    if facts.from_fields != 1 || facts.from_is_incomplete {
        return unproven(Unproven::UnclearFrom);
    }
    let domain = address::split(from).map(|(_, domain)| domain);
    let proof = if domain.is_some() && facts.dmarc_passed_for() == domain {
        Proof::Dmarc
    } else if facts.origin == Origin::SubmissionRelay {
        Proof::SubmissionRelay
    } else {
        return unproven(Unproven::NoProof);
    };
    by_address(from).map_or(unproven(Unproven::NoUser), |user| Sender::User { user: user.clone(), proof })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::facts::{Dmarc, Login, Pinned};
    use crate::model::id::{TenantId, UserId};
    use crate::model::user::{Locale, Role};

    fn user(email: &str, active: bool) -> (User, Vec<String>) {
        let user =
            User { id: UserId::generate(), name: "P".into(), email: email.into(), role: Role::HrManager, locale: Locale::De, active };
        (user, vec![email.into(), format!("alias.{email}")])
    }

    fn facts(origin: Origin, from: &[&str], dmarc: Option<(&str, &str)>) -> Facts {
        Facts {
            origin,
            from: from.iter().map(ToString::to_string).collect(),
            from_fields: 1,
            pinned: dmarc.map(|(result, domain)| Pinned { dmarc: Some(Dmarc { result: result.into(), header_from: Some(domain.into()) }) }),
            ..Facts::default()
        }
    }

    fn check(facts: &Facts, want: Result<Proof, Unproven>) {
        let users = [user("petra@acme.example", true), user("old@acme.example", false)];
        let seen = match judge(facts, &users) {
            Sender::User { user, proof } => {
                assert_eq!(user.email, "petra@acme.example");
                Ok(proof)
            }
            Sender::Unproven { why, .. } => Err(why),
        };
        assert_eq!(seen, want, "{facts:?}");
    }

    /// Acceptance: S1.E6. The decision table: origin, From, DMARC.
    #[test]
    fn who_is_proved() {
        const PETRA: &[&str] = &["petra@acme.example"];
        check(&facts(Origin::Direct, PETRA, None), Err(Unproven::NoProof));
        check(&facts(Origin::Relay, PETRA, None), Err(Unproven::NoProof));
        check(&facts(Origin::Relay, PETRA, Some(("pass", "acme.example"))), Ok(Proof::Dmarc));
        check(&facts(Origin::Relay, &["alias.petra@acme.example"], Some(("pass", "acme.example"))), Ok(Proof::Dmarc));
        check(&facts(Origin::Relay, PETRA, Some(("fail", "acme.example"))), Err(Unproven::NoProof));
        check(&facts(Origin::Relay, PETRA, Some(("pass", "evil.example"))), Err(Unproven::NoProof));
        check(&facts(Origin::Relay, &["petra@acme.example", "x@evil.example"], Some(("pass", "acme.example"))), Err(Unproven::UnclearFrom));
        check(&facts(Origin::Relay, &[], Some(("pass", "acme.example"))), Err(Unproven::UnclearFrom));
        check(&Facts { from_fields: 2, ..facts(Origin::Relay, PETRA, Some(("pass", "acme.example"))) }, Err(Unproven::UnclearFrom));
        let hidden = Facts { from_is_incomplete: true, ..facts(Origin::Relay, PETRA, Some(("pass", "acme.example"))) };
        check(&hidden, Err(Unproven::UnclearFrom));
        check(&facts(Origin::Relay, &["old@acme.example"], Some(("pass", "acme.example"))), Err(Unproven::NoUser));
        check(&facts(Origin::Relay, &["x@evil.example"], Some(("pass", "evil.example"))), Err(Unproven::NoUser));
        check(&facts(Origin::SubmissionRelay, PETRA, None), Ok(Proof::SubmissionRelay));
        check(&facts(Origin::SubmissionRelay, &["x@evil.example"], None), Err(Unproven::NoUser));
    }

    #[test]
    fn a_login_decides_whatever_from_says() {
        let petra = user("petra@acme.example", true);
        let login = Login { tenant: TenantId::new("acme"), user: petra.0.id };
        let signed_in = Facts { login: Some(login.clone()), ..facts(Origin::Direct, &["x@evil.example"], None) };
        assert!(matches!(judge(&signed_in, std::slice::from_ref(&petra)), Sender::User { proof: Proof::Login, .. }));
        let inactive = (User { active: false, ..petra.0 }, petra.1);
        assert!(matches!(judge(&signed_in, &[inactive]), Sender::Unproven { why: Unproven::NoUser, .. }));
    }
}
