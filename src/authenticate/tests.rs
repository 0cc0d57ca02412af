//! The decision table of the judgement, a row each.

use super::*;
use crate::model::examples::{self, tenant};
use crate::model::facts::{Dmarc, Login, Pinned};
use crate::model::id::TenantId;
use crate::model::user::Role;

fn user(email: &str, active: bool) -> (User, Vec<String>) {
    (User { active, ..examples::user(email, Role::HrManager) }, vec![email.into(), format!("alias.{email}")])
}

fn facts(origin: Origin, from: &[&str], dmarc: Option<(&str, &str)>) -> Facts {
    Facts {
        origin,
        from: from.iter().map(ToString::to_string).collect(),
        from_fields: 1,
        pinned: dmarc
            .map(|(result, domain)| Pinned { dmarc: Some(Dmarc { result: result.into(), header_from: Some(domain.into()) }), spf: None }),
        ..Facts::default()
    }
}

fn check(facts: &Facts, want: Result<Proof, Unproven>) {
    let users = [user("petra@acme.example", true), user("old@acme.example", false)];
    let seen = match judge(&tenant(), facts, &users, None) {
        Sender::User { user, proof } => {
            assert_eq!(user.email, "petra@acme.example");
            Ok(proof)
        }
        Sender::Unproven { why, .. } => Err(why),
        Sender::Candidate { .. } => unreachable!(),
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
    assert!(matches!(judge(&tenant(), &signed_in, std::slice::from_ref(&petra), None), Sender::User { proof: Proof::Login, .. }));
    let inactive = (User { active: false, ..petra.0 }, petra.1);
    assert!(matches!(judge(&tenant(), &signed_in, &[inactive], None), Sender::Unproven { why: Unproven::NoUser, .. }));
}
