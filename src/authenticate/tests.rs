//! The decision table of the judgement, a row each.

use super::*;
use crate::model::arrival::Purpose;
use crate::model::examples::{self, tenant};
use crate::model::facts::{ArcSet, Dkim, Dmarc, Login, Pinned, Spf};
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
        to: vec!["import@acme.example".into()],
        pinned: dmarc
            .map(|(result, domain)| Pinned { dmarc: Some(Dmarc { result: result.into(), header_from: Some(domain.into()) }), spf: None }),
        ..Facts::default()
    }
}

fn envelope(to: &str, purpose: Purpose) -> Envelope {
    Envelope { from: None, to: vec![to.into()], mailbox: "import@acme.example".into(), purpose }
}

fn judged_by(tenant: &Tenant, facts: &Facts, users: &[(User, Vec<String>)], invited: Option<&Invited>) -> Sender {
    let envelope = envelope("import@acme.example", Purpose::Import);
    judge(Case { tenant, envelope: &envelope, facts }, users, invited)
}

fn check(facts: &Facts, want: Result<Proof, Unproven>) {
    let users = [user("petra@acme.example", true), user("old@acme.example", false)];
    let seen = match judged_by(&tenant(), facts, &users, None) {
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
    let internal = |domain: &str| Facts { internal: Some(domain.into()), ..facts(Origin::Relay, PETRA, None) };
    check(&internal("acme.example"), Ok(Proof::SubmissionRelay));
    check(&internal("other.example"), Err(Unproven::NoProof));
    check(&Facts { from_fields: 2, ..internal("acme.example") }, Err(Unproven::UnclearFrom));
    check(&Facts { from_is_odd: true, ..internal("acme.example") }, Err(Unproven::UnclearFrom));
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
    assert!(matches!(judged_by(&tenant(), &signed_in, std::slice::from_ref(&petra), None), Sender::User { proof: Proof::Login, .. }));
    let inactive = (User { active: false, ..petra.0 }, petra.1);
    assert!(matches!(judged_by(&tenant(), &signed_in, &[inactive], None), Sender::Unproven { why: Unproven::NoUser, .. }));
}

const PETRA: &str = "petra@acme.example";

/// What our own checks found for a mail from Petra to the import address, at the door itself.
fn checked(change: impl FnOnce(&mut Facts, &mut Checked)) -> Facts {
    let mut facts = Facts { to: vec!["import@acme.example".into()], ..facts(Origin::Direct, &[PETRA], None) };
    let mut checked = Checked::default();
    checked.dmarc.header_from = "acme.example".into();
    checked.dmarc.result = "none".into();
    change(&mut facts, &mut checked);
    facts.checked = Some(checked);
    facts
}

fn signature(result: &str, aligned: bool, signs: &[&str]) -> Dkim {
    Dkim {
        result: result.into(),
        domain: "acme.example".into(),
        selector: "s".into(),
        aligned,
        signs: signs.iter().map(ToString::to_string).collect(),
    }
}

const WHOLE: &[&str] = &["from", "to", "subject", "date"];

fn passes(checked: &mut Checked) {
    checked.dmarc.result = "pass".into();
    checked.dmarc.policy = Some("reject".into());
}

/// Acceptance: S1.E6; G6. Our own checks, a row each.
#[test]
fn what_our_own_checks_prove() {
    use Unproven::{AddressedElsewhere, HeaderDoubled, NoProof, UnclearFrom};
    let by_spf = |facts: &mut Facts, checked: &mut Checked| {
        passes(checked);
        checked.dmarc.by_spf = true;
        facts.to.clear();
    };
    let by_dkim = |checked: &mut Checked, signs: &[&str]| {
        passes(checked);
        checked.dkim = vec![signature("fail", true, WHOLE), signature("pass", true, signs)];
    };
    // The host that may send for the domain: whatever To says.
    check(&checked(by_spf), Ok(Proof::Dmarc));
    check(&checked(|_, c| by_dkim(c, WHOLE)), Ok(Proof::Dmarc));
    // A signature alone is good for a mail to us, under the signature.
    check(&checked(|f, c| (by_dkim(c, WHOLE), f.to = vec!["bob@example.net".into()]).1), Err(AddressedElsewhere));
    check(&checked(|_, c| by_dkim(c, &["from", "subject"])), Err(AddressedElsewhere));
    check(&checked(|_, c| by_dkim(c, &["from", "to"])), Err(AddressedElsewhere));
    check(&checked(|f, c| (by_dkim(c, WHOLE), f.cc = std::mem::take(&mut f.to)).1), Err(AddressedElsewhere));
    check(&checked(|f, c| (by_dkim(c, &["from", "cc", "subject"]), f.cc = std::mem::take(&mut f.to)).1), Ok(Proof::Dmarc));
    // How the body is read decides what it says.
    let multipart = |signs: &'static [&'static str]| checked(move |f, c| (by_dkim(c, signs), f.reading = vec!["content-type".into()]).1);
    check(&multipart(WHOLE), Err(AddressedElsewhere));
    check(&multipart(&["from", "to", "subject", "content-type"]), Ok(Proof::Dmarc));
    // It passes, but not by anything of the domain's own that we saw.
    check(&checked(|_, c| (passes(c), c.dkim = vec![signature("pass", false, WHOLE)]).1), Err(NoProof));
    check(&checked(|_, c| (by_dkim(c, WHOLE), c.dmarc.header_from = "evil.example".into()).1), Err(NoProof));
    for result in ["fail", "temperror", "permerror"] {
        check(&checked(|_, c| (by_dkim(c, WHOLE), c.dmarc.result = result.into()).1), Err(NoProof));
    }
    // Without a policy, a signature of exactly the domain; with one that fails, none.
    let alone = |aligned: bool, policy: Option<&str>| {
        checked(|_, c| (c.dkim = vec![signature("pass", aligned, WHOLE)], c.dmarc.policy = policy.map(str::to_owned)).1)
    };
    check(&alone(true, None), Ok(Proof::Dkim));
    check(&alone(false, None), Err(NoProof));
    check(&alone(true, Some("none")), Err(NoProof));
    check(&checked(|_, c| c.spf = Some(Spf { result: "pass".into(), domain: "acme.example".into() })), Err(NoProof));
    // What is shown must be what was signed.
    check(&checked(|f, c| (by_dkim(c, WHOLE), f.doubled = vec!["Subject".into()]).1), Err(HeaderDoubled));
    check(&checked(|f, c| (by_dkim(c, WHOLE), f.from_is_odd = true).1), Err(UnclearFrom));
    check(&checked(|f, c| (by_dkim(c, WHOLE), f.from_fields = 2).1), Err(UnclearFrom));
}

/// RFC 8617 §5.2, as far back as the tenant trusts each host of the chain.
#[test]
fn what_sealers_prove() {
    let acme = Tenant { trusted_sealers: vec!["forwarder.example".into(), "other.example".into()], ..tenant() };
    let sets = |chain: &[(&str, &str, &str)]| -> Vec<ArcSet> {
        let dmarc = |result: &str, domain: &str| Dmarc { result: result.into(), header_from: Some(domain.into()) };
        chain.iter().map(|(sealer, result, domain)| ArcSet { sealer: (*sealer).into(), dmarc: Some(dmarc(result, domain)) }).collect()
    };
    let check = |result: &str, chain: &[(&str, &str, &str)], signs: &[&str], want: Result<Proof, Unproven>| {
        let signs = signs.iter().map(ToString::to_string).collect();
        let facts = checked(|_, c| c.arc = Some(Arc { result: result.into(), sets: sets(chain), signs }));
        let seen = match judged_by(&acme, &facts, &[user(PETRA, true)], None) {
            Sender::User { proof, .. } => Ok(proof),
            Sender::Candidate { .. } => unreachable!(),
            Sender::Unproven { why, .. } => Err(why),
        };
        assert_eq!(seen, want, "{result} {chain:?}");
    };
    let (good, seen) = ("forwarder.example", "acme.example");
    check("pass", &[(good, "pass", seen)], WHOLE, Ok(Proof::Arc));
    check("pass", &[(good, "pass", seen), ("other.example", "fail", seen)], WHOLE, Ok(Proof::Arc));
    check("fail", &[(good, "pass", seen)], WHOLE, Err(Unproven::NoProof));
    check("pass", &[(good, "fail", seen)], WHOLE, Err(Unproven::NoProof));
    check("pass", &[(good, "pass", "evil.example")], WHOLE, Err(Unproven::NoProof));
    check("pass", &[("evil.example", "pass", seen)], WHOLE, Err(Unproven::NoProof));
    // Whatever stands before a stranger's seal is the stranger's word.
    check("pass", &[(good, "pass", seen), ("evil.example", "pass", seen)], WHOLE, Err(Unproven::NoProof));
    check("pass", &[("evil.example", "pass", seen), (good, "fail", seen)], WHOLE, Err(Unproven::NoProof));
    check("pass", &[(good, "pass", seen)], &["from", "subject"], Err(Unproven::AddressedElsewhere));
}

/// Where the mail host does not add that SPF passed for the author's domain, the mail may be a replay.
#[test]
fn what_a_mail_host_adds() {
    let pinned = |spf: Option<(&str, &str)>, to: &str| {
        let mut facts = Facts { to: vec![to.into()], ..facts(Origin::Relay, &[PETRA], Some(("pass", "acme.example"))) };
        facts.pinned.as_mut().unwrap().spf = spf.map(|(result, domain)| Spf { result: result.into(), domain: domain.into() });
        facts
    };
    let elsewhere = || Err(Unproven::AddressedElsewhere);
    check(&pinned(None, "bob@example.net"), elsewhere());
    check(&pinned(None, "import@acme.example"), Ok(Proof::Dmarc));
    for domain in ["acme.example", "bounce.acme.example"] {
        check(&pinned(Some(("pass", domain)), "bob@example.net"), Ok(Proof::Dmarc));
    }
    // Whoever sends it on passes SPF as himself.
    for domain in ["evil.example", "example", "notacme.example", ""] {
        check(&pinned(Some(("pass", domain)), "bob@example.net"), elsewhere());
    }
    check(&pinned(Some(("fail", "acme.example")), "import@acme.example"), Ok(Proof::Dmarc));
    check(&pinned(Some(("softfail", "acme.example")), "bob@example.net"), elsewhere());
}

/// G6: a reply token is good for its candidate's own addresses alone.
#[test]
fn who_a_reply_token_was_given_to() {
    let maria = Invited { name: "Maria".into(), addresses: vec!["maria@acme.example".into()] };
    let judged = |from: &str, facts: Facts| {
        let facts = Facts { from: vec![from.into()], ..facts };
        judged_by(&tenant(), &facts, &[user(PETRA, true)], Some(&maria))
    };
    let passed = || checked(|_, c| (passes(c), c.dmarc.by_spf = true).1);
    assert_eq!(judged("maria@acme.example", passed()), Sender::Candidate { name: "Maria".into(), proof: Proof::Dmarc });
    assert!(matches!(judged(PETRA, passed()), Sender::User { .. }));
    let why = |sender: Sender| match sender {
        Sender::Unproven { why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(judged("eva@acme.example", passed())), Unproven::NotTheCandidate);
    assert_eq!(why(judged("maria@acme.example", checked(|_, _| ()))), Unproven::NoProof);
    let odd = checked(|f, c| (passes(c), c.dmarc.by_spf = true, f.from_is_odd = true).2);
    assert_eq!(why(judged("maria@acme.example", odd)), Unproven::UnclearFrom);
}

/// A signed answer is good for the address that it was written to: not for another receipt's, nor for another candidate's.
#[test]
fn an_answer_is_for_one_address() {
    let to = |written: &str, came: &str| {
        let facts = checked(|f, c| {
            passes(c);
            c.dkim = vec![signature("pass", true, WHOLE)];
            f.to = vec![written.into()];
        });
        let envelope = envelope(came, Purpose::ReceiptAnswer { message: None });
        judge(Case { tenant: &tenant(), envelope: &envelope, facts: &facts }, &[user(PETRA, true)], None).user().is_some()
    };
    assert!(to("import+one@acme.example", "Import+one@acme.example"));
    assert!(!to("import+one@acme.example", "import+two@acme.example"));
    assert!(!to("import@acme.example", "import+two@acme.example"));
}
