//! The rule of G6 over random users, numbers, tokens and people, and the proof that the rule is able to find a fault.
//! Acceptance: G6.

use super::*;
use crate::model::address::Mailbox;
use crate::model::examples;
use crate::model::id::EntryId;
use crate::model::message::Prefix;
use crate::model::organisation::Candidate;
use crate::model::reference::{Grammar, Reference};
use crate::model::sender::Proof;
use crate::model::user::{Role, User};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

/// Three candidates, the fourth person is nobody's, the fifth is a user.
const PEOPLE: [(&str, &str); 5] = [
    ("Maria Müller", "maria@example.net"),
    ("Eva Anders", "eva@example.net"),
    ("Carl Gustaf", "carl@example.net"),
    ("Ganz Fremd", "fremd@example.org"),
    ("Petra Huber", "petra@acme.example"),
];
/// The candidate of each application, its department, and its number.
const APPLICATIONS: [(usize, &str, &str); 4] = [(0, "it", "4711"), (0, "hr", "4800"), (1, "it", "BW-0004711-2"), (2, "hr", "2026")];

#[derive(Clone, Debug)]
struct Case {
    tenant: Tenant,
    sender: Sender,
    /// Index of the token's application.
    token: Option<usize>,
    /// Index of the typed number's application; one more than there are is nobody's number.
    typed: Option<usize>,
    /// Index of each person inside, and whether the forward names the address, the name, or both.
    inside: Vec<(usize, bool, bool)>,
    lacks_original: bool,
    chosen: Option<Chosen>,
}

fn user(role: Role, department: &str) -> User {
    User { departments: vec![department.into()], ..examples::user("petra@acme.example", role) }
}

fn application(index: usize) -> Application {
    let (candidate, department, number) = APPLICATIONS[index];
    let candidate = Candidate { id: format!("C{candidate}"), name: PEOPLE[candidate].0.into() };
    let department = Some(department.to_owned());
    Application { department, has_check_digit: number.starts_with("BW"), ..examples::application(number, candidate) }
}

fn cases() -> impl Strategy<Value = Case> {
    let users = (select(Role::ALL.to_vec()), select(vec!["it", "hr"]));
    let sender = prop_oneof![
        6 => users.prop_map(|(role, department)| Sender::User { user: user(role, department), proof: Proof::Dmarc }),
        2 => Just(Sender::Candidate { name: "Maria".into(), proof: Proof::Dmarc }),
        2 => select(vec![Unproven::NoProof, Unproven::NoUser, Unproven::NotTheCandidate, Unproven::AddressedElsewhere])
            .prop_map(|why| Sender::Unproven { why, claims_user: true }),
    ];
    let inside = prop::collection::vec((0..PEOPLE.len(), any::<bool>(), any::<bool>()), 0..3);
    let disagreement = prop_oneof![3 => Just(Disagreement::Hold), 1 => Just(Disagreement::Warn)];
    let chosen = prop_oneof![5 => Just(None), 1 => Just(Some(Chosen::ByForwarder))];
    (sender, prop::option::of(0..4_usize), prop::option::of(0..5_usize), inside, any::<bool>(), disagreement, chosen).prop_map(
        |(sender, token, typed, inside, lacks_original, disagreement, chosen)| Case {
            tenant: Tenant { disagreement, ..examples::tenant() },
            // Only a reply token makes a candidate a sender.
            token: if matches!(sender, Sender::Candidate { .. }) { token.or(Some(0)) } else { token },
            // Only users get receipts, and whoever chooses gives a number.
            chosen: chosen.filter(|_| typed.is_some() && sender.user().is_some()),
            sender,
            typed,
            lacks_original: lacks_original && inside.is_empty(),
            inside,
        },
    )
}

fn message(case: &Case) -> Message {
    let number = case.typed.map(|index| APPLICATIONS.get(index).map_or("9999", |one| one.2));
    let mut originals = case.inside.iter().map(|&(person, has_name, has_address)| {
        let (name, address) = PEOPLE[person];
        Original { from: Mailbox::new(has_name.then_some(name), has_address.then_some(address)), ..Original::default() }
    });
    Message {
        reference: number.map(|number| Reference { number: number.into(), rule: Grammar::Strict }),
        original: originals.next(),
        enclosed: originals.collect(),
        prefix: case.lacks_original.then_some(Prefix::Forward),
        ..Message::default()
    }
}

fn found(case: &Case) -> Found {
    let owners = PEOPLE[..3].iter().enumerate().map(|(index, (_, address))| ((*address).to_owned(), vec![format!("C{index}")]));
    Found {
        by_number: case.typed.filter(|&index| index < APPLICATIONS.len()).map(application),
        by_token: case.token.map(application),
        owners: owners.collect(),
        users: [PEOPLE[4].1.to_owned()].into(),
        ..Found::default()
    }
}

fn envelope(case: &Case) -> Envelope {
    let purpose = match case.token {
        Some(index) => Purpose::Reply { application: application(index).id },
        None => Purpose::Import,
    };
    Envelope { from: None, to: Vec::new(), mailbox: "import@acme.example".into(), purpose }
}

/// G6: a mail is filed only where its number, or the token that it came with and no other number, says; and only for a proved user
/// who may import and may see the application, while no known candidate inside is another one and an unknown one is vouched for by
/// a check digit or his own second word (unless the tenant only wants to be warned); or for the candidate whom the token was given.
fn may_be_filed(case: &Case) -> Option<usize> {
    let by_token = case.token.filter(|_| case.chosen.is_none());
    let sees = |index: usize| case.sender.user().is_none_or(|user| user.may_see(&application(index)));
    // Beside a token, a year is a number only to somebody who may know that there is one.
    let is_number = |index: usize| APPLICATIONS.get(index).is_none_or(|one| one.2 != "2026" || sees(index));
    let typed_other = case.typed.filter(|&typed| Some(typed) != by_token && is_number(typed));
    let target = match by_token {
        Some(token) => typed_other.is_none().then_some(token)?,
        None => case.typed.filter(|&typed| typed < APPLICATIONS.len())?,
    };
    let user = match &case.sender {
        Sender::Candidate { .. } => return Some(target),
        Sender::Unproven { .. } => return None,
        Sender::User { user, .. } => user,
    };
    let (candidate, department, number) = APPLICATIONS[target];
    let in_department = user.departments.contains(&department.to_owned());
    let may = match user.role {
        Role::HrManager => true,
        Role::DepartmentPlus => in_department,
        Role::Administrator | Role::Recruiter | Role::Department => false,
    };
    let warned = case.tenant.disagreement == Disagreement::Warn;
    let vouched = warned || number.starts_with("BW") || case.chosen.is_some();
    let agrees = |&(person, has_name, has_address): &(usize, bool, bool)| match (person == 4 && has_address, person == candidate) {
        (true, _) => true,
        (false, true) => has_name || has_address || vouched,
        (false, false) if person < 3 && has_address => warned,
        (false, false) => vouched,
    };
    let everybody = case.inside.iter().all(agrees) && (!case.lacks_original || vouched);
    // A year says nothing by itself.
    let nobody = !case.lacks_original && case.inside.iter().all(|&(person, _, has_address)| person == 4 && has_address);
    let year_alone = number == "2026" && nobody && case.chosen.is_none();
    (may && everybody && !year_alone).then_some(target)
}

/// What decides: `place` itself, or one with a fault in it.
type Decider = fn(&Case, &Message, &Found) -> Verdict;

fn place(case: &Case, message: &Message, found: &Found) -> Verdict {
    verdict(&case.tenant, &envelope(case), &case.sender, message, found, case.chosen)
}

/// The counter-example, if there is one.
fn counter_example(decide: Decider) -> Option<String> {
    let mut runner = TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&cases(), |case| {
        let filed = match decide(&case, &message(&case), &found(&case)) {
            Verdict::File(placement) => Some(placement.application.reference),
            _ => None,
        };
        let want = may_be_filed(&case).map(|index| APPLICATIONS[index].2.to_owned());
        prop_assert_eq!(filed, want);
        Ok(())
    });
    result.err().map(|error| error.to_string())
}

#[test]
fn nothing_is_filed_but_by_the_rule() {
    assert_eq!(counter_example(place), None);
}

/// Each fault is one that a change of a line in `place` could make; the rule finds every one of them.
#[test]
fn planted_faults_are_found() {
    let faults: [(&str, Decider); 8] = [
        ("every role may import", |case, message, found| {
            let tenant = Tenant { may_import: Role::ALL.to_vec(), ..case.tenant.clone() };
            verdict(&tenant, &envelope(case), &case.sender, message, found, case.chosen)
        }),
        ("whose address it is, is not asked", |case, message, found| {
            place(case, message, &Found { owners: Default::default(), ..found.clone() })
        }),
        ("who is not proved is taken for a user", |case, message, found| {
            let sender = Sender::User { user: user(Role::HrManager, "it"), proof: Proof::Dmarc };
            let sender = if matches!(case.sender, Sender::Unproven { .. }) { sender } else { case.sender.clone() };
            verdict(&case.tenant, &envelope(case), &sender, message, found, case.chosen)
        }),
        ("everybody may see everything", |case, message, found| {
            let open =
                |application: &Option<Application>| application.clone().map(|one| Application { department: Some("it".into()), ..one });
            let found = Found { by_number: open(&found.by_number), by_token: open(&found.by_token), ..found.clone() };
            place(case, message, &found)
        }),
        ("the number beside a token is passed over", |case, message, found| {
            let message = Message { reference: message.reference.clone().filter(|_| case.token.is_none()), ..message.clone() };
            place(case, &message, found)
        }),
        ("every number has a check digit", |case, message, found| {
            let sure = found.by_number.clone().map(|one| Application { has_check_digit: true, ..one });
            place(case, message, &Found { by_number: sure, ..found.clone() })
        }),
        ("only the first person inside is asked", |case, message, found| {
            place(case, &Message { enclosed: Vec::new(), ..message.clone() }, found)
        }),
        ("a user's word is enough against everybody", |case, message, found| {
            let operator = case.chosen.map(|_| Chosen::ByOperator);
            verdict(&case.tenant, &envelope(case), &case.sender, message, found, operator)
        }),
    ];
    for (fault, decide) in faults {
        assert!(counter_example(decide).is_some(), "not found: {fault}");
    }
}

/// What was filed before is a duplicate wherever it would have been filed, and only there.
#[test]
fn a_duplicate_is_what_would_be_filed() {
    let entry = EntryId::generate();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let result = runner.run(&cases(), |case| {
        let before = place(&case, &message(&case), &Found { filed_before: Some(entry), ..found(&case) });
        let filed = matches!(place(&case, &message(&case), &found(&case)), Verdict::File(_));
        prop_assert_eq!(before == Verdict::Duplicate(entry), filed);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// G6: by itself a mail is filed only where it would be filed anyway, and only if everybody who wrote what is inside, users apart, is
/// that candidate by address; or if he wrote it himself.
fn may_heal(case: &Case, target: usize) -> bool {
    let mut others = case.inside.iter().filter(|&&(person, _, has_address)| !(person == 4 && has_address)).peekable();
    let is_somebody = others.peek().is_some();
    let is_he = |&(person, _, has_address): &(usize, bool, bool)| has_address && person == APPLICATIONS[target].0;
    matches!(case.sender, Sender::Candidate { .. }) || (is_somebody && others.all(is_he))
}

fn healing_counter_example(decide: Decider) -> Option<String> {
    let mut runner = TestRunner::new(Config { cases: 20_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&cases(), |case| {
        let filed = match decide(&case, &message(&case), &found(&case)) {
            Verdict::File(placement) => Some(placement.application.reference),
            _ => None,
        };
        let want = may_be_filed(&case).filter(|&target| may_heal(&case, target)).map(|index| APPLICATIONS[index].2.to_owned());
        prop_assert_eq!(filed, want);
        Ok(())
    });
    result.err().map(|error| error.to_string())
}

#[test]
fn nothing_heals_but_by_address() {
    let healed: Decider = |case, message, found| heal::verdict(place(case, message, found), &case.sender, message, found);
    assert_eq!(healing_counter_example(healed), None);
    let faults: [(&str, Decider); 3] = [
        ("it is judged like any other mail", place),
        ("whose address it is, is not asked", |case, message, found| {
            let nobodys = Found { owners: Default::default(), ..found.clone() };
            heal::verdict(place(case, message, found), &case.sender, message, &nobodys)
        }),
        ("only the first person inside is asked", |case, message, found| {
            let first = Message { enclosed: Vec::new(), ..message.clone() };
            heal::verdict(place(case, message, found), &case.sender, &first, found)
        }),
    ];
    for (fault, decide) in faults {
        assert!(healing_counter_example(decide).is_some(), "not found: {fault}");
    }
}
