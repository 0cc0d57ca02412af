//! The file that `import` reads: an organisation as other systems know it. What is said, and what is wrong with it.

mod settings;
mod shape;

pub use settings::{file_type, sealer};

use super::address;
use super::file_name::FilenameRule;
use super::message::Kind;
use super::organisation::{Disagreement, Status, number_pattern};
use super::reference::{self, Check, Grammar};
use super::user::{Locale, Role};
use regex::Regex;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    pub tenant: TenantIn,
    #[serde(default)]
    pub departments: Vec<DepartmentIn>,
    #[serde(default)]
    pub users: Vec<UserIn>,
    #[serde(default)]
    pub jobs: Vec<JobIn>,
    #[serde(default)]
    pub applications: Vec<ApplicationIn>,
}

/// For a tenant that exists, what is left out stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantIn {
    pub id: String,
    pub name: Option<String>,
    pub import_addresses: Option<Vec<String>>,
    pub time_zone: Option<String>,
    pub locale: Option<Locale>,
    pub fallback_address: Option<String>,
    pub reference: Option<ReferenceIn>,
    pub may_import: Option<Vec<Role>>,
    pub documents_tab: Option<bool>,
    pub documents_kinds: Option<Vec<Kind>>,
    pub notify_forwarder: Option<bool>,
    pub disagreement: Option<Disagreement>,
    pub trusted_sealers: Option<Vec<String>>,
    pub refused_file_types: Option<Vec<String>>,
    /// All of the tenant's own, if any are given.
    pub filename_rules: Option<Vec<FilenameRule>>,
    /// `07:00`, or `off`.
    pub digest_at: Option<String>,
    /// 0 is never.
    pub discard_held_after_days: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceIn {
    pub pattern: Option<String>,
    pub check: Option<Check>,
    pub grammar: Option<Grammar>,
    pub prefix: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentIn {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserIn {
    pub email: String,
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub departments: Vec<String>,
    pub locale: Option<Locale>,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default = "yes")]
    pub active: bool,
    /// A receipt for what was filed, too.
    #[serde(default)]
    pub receipts: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobIn {
    pub id: String,
    pub title: String,
    pub department: Option<String>,
    #[serde(default)]
    pub responsible: Vec<String>,
    #[serde(default)]
    pub closed: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationIn {
    pub id: String,
    pub reference: Option<String>,
    pub job: String,
    #[serde(default)]
    pub status: Status,
    pub candidate: CandidateIn,
    #[serde(default)]
    pub responsible: Vec<String>,
    /// Erased elsewhere: no mail is filed to it any more.
    #[serde(default)]
    pub erased: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateIn {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub emails: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What the database holds already, as far as the file speaks of it.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    /// None: the tenant is new.
    pub tenant: Option<super::organisation::Tenant>,
    pub departments: HashSet<String>,
    /// Users' own addresses, in comparison form.
    pub users: HashSet<String>,
    pub jobs: HashSet<String>,
    /// Number of each application of this tenant that the file names.
    pub references: HashMap<String, String>,
    /// Import addresses of all tenants, and whose they are.
    pub import_addresses: HashMap<String, String>,
    /// Addresses in the database that would be import addresses, if the file had its way.
    pub in_use: Vec<InUse>,
    /// Login names among the file's that other tenants have.
    pub foreign_logins: HashSet<String>,
}

/// An address of somebody's that the file makes an import address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    pub tenant: String,
    /// In comparison form, perhaps with a detail.
    pub address: String,
    pub by: Owner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user who signs in by that name, in comparison form.
    User(String),
    /// It is the tenant's fallback address.
    Fallback,
}

/// What is wrong, and where in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A JSON path: `applications[3].job`.
    pub path: String,
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

/// The settings of the tenant as they will be.
#[derive(Clone, Debug)]
pub struct Merged {
    pub pattern: String,
    pub check: Check,
    pub grammar: Grammar,
    pub prefix: String,
    pub import_addresses: Vec<String>,
}

impl ImportFile {
    /// Reads the file's text, or says everything that is wrong with its shape.
    pub fn read(text: &str) -> Result<ImportFile, Vec<Fault>> {
        shape::read(text)
    }

    pub fn merged(&self, existing: &Existing) -> Merged {
        let old = existing.tenant.as_ref();
        let said = self.tenant.reference.clone().unwrap_or_default();
        let rules = old.map(|tenant| tenant.reference.clone()).unwrap_or_default();
        let addresses = self.tenant.import_addresses.as_ref().map(|list| list.iter().map(|one| address::key(one)).collect());
        Merged {
            pattern: said.pattern.unwrap_or(rules.pattern),
            check: said.check.unwrap_or(rules.check),
            grammar: said.grammar.unwrap_or(rules.grammar),
            prefix: said.prefix.unwrap_or(rules.prefix),
            import_addresses: addresses.or_else(|| old.map(|tenant| tenant.import_addresses.clone())).unwrap_or_default(),
        }
    }

    /// Everything that is wrong with the file, in its order.
    pub fn faults(&self, existing: &Existing) -> Vec<Fault> {
        let merged = self.merged(existing);
        let names = Names {
            users: existing.users.iter().cloned().chain(self.users.iter().map(|user| address::key(&user.email))).collect(),
            departments: existing.departments.iter().chain(self.departments.iter().map(|one| &one.id)).map(String::as_str).collect(),
            jobs: existing.jobs.iter().chain(self.jobs.iter().map(|job| &job.id)).map(String::as_str).collect(),
        };
        let mut faults = Faults { list: Vec::new() };
        self.check_tenant(existing, &merged, &mut faults);
        let pattern = self.check_reference(&merged, &mut faults);
        self.check_departments(&mut faults);
        self.check_users(existing, &merged, &names, &mut faults);
        self.check_jobs(&names, &mut faults);
        self.check_applications(existing, &merged, &names, pattern.as_ref(), &mut faults);
        faults.list
    }

    fn check_tenant(&self, existing: &Existing, merged: &Merged, faults: &mut Faults) {
        let tenant = &self.tenant;
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !(1..=40).contains(&tenant.id.len()) || !tenant.id.chars().all(legal) || tenant.id.starts_with('-') {
            faults.add("tenant.id", "1 to 40 small letters, digits, hyphens and underscores, no hyphen first");
        }
        if existing.tenant.is_none() {
            faults.add_if(tenant.name.is_none(), "tenant.name", "a new tenant needs a name");
            faults.add_if(tenant.import_addresses.is_none(), "tenant.import_addresses", "a new tenant needs an import address");
        }
        if tenant.import_addresses.as_ref().is_some_and(Vec::is_empty) {
            faults.add("tenant.import_addresses", "a tenant needs an import address");
        }
        for (index, given) in tenant.import_addresses.iter().flatten().enumerate() {
            let path = format!("tenant.import_addresses[{index}]");
            let key = address::key(given);
            let local = address::split(&key).map_or("", |(local, _)| local).to_owned();
            faults.add_if(!address::is_plausible(&key), &path, "this is no e-mail address");
            faults.add_if(local.contains('+'), &path, "an import address has no + in it: what stands behind one is a detail");
            faults.add_if(matches!(local.as_str(), "postmaster" | "bounces"), &path, "this address has a meaning of its own");
            let owner = existing.import_addresses.get(&key);
            faults.add_if(owner.is_some_and(|owner| *owner != tenant.id), &path, "another tenant has this import address");
            self.check_not_in_use(existing, &key, &path, faults);
        }
        if let Some(zone) = &tenant.time_zone {
            faults.add_if(jiff::tz::TimeZone::get(zone).is_err(), "tenant.time_zone", "there is no such time zone (as in Europe/Berlin)");
        }
        let fallback = tenant.fallback_address.as_deref();
        if let Some(fallback) = fallback {
            faults.add_if(!address::is_plausible(fallback), "tenant.fallback_address", "this is no e-mail address");
            faults.add_if(self.is_import_address(fallback, existing, merged), "tenant.fallback_address", LOOP);
        }
        settings::check(tenant, faults);
    }

    /// Notices to somebody at an import address would come back (S1.E20). What the file itself says anew is judged at its own place.
    fn check_not_in_use(&self, existing: &Existing, import_address: &str, path: &str, faults: &mut Faults) {
        let own_users: HashSet<String> = self.users.iter().map(|user| address::key(&user.email)).collect();
        let is_said_anew = |used: &InUse| match &used.by {
            _ if used.tenant != self.tenant.id => false,
            Owner::User(login) => own_users.contains(login),
            Owner::Fallback => self.tenant.fallback_address.is_some(),
        };
        let fits = |used: &&InUse| address::without_detail(&used.address).0 == import_address && !is_said_anew(used);
        for used in existing.in_use.iter().filter(fits) {
            let whose = match (&used.by, used.tenant == self.tenant.id) {
                (Owner::User(login), true) => format!("the user {login} has the address {}", used.address),
                (Owner::Fallback, true) => format!("{} is the fallback address", used.address),
                (Owner::User(_), false) => "a user of another tenant has this address".to_owned(),
                (Owner::Fallback, false) => "it is another tenant's fallback address".to_owned(),
            };
            faults.add(path, &format!("{whose}: notices to it would come back as mail to import"));
        }
    }

    /// Whether it will be one: this tenant's are those of the file, if it names any.
    fn is_import_address(&self, given: &str, existing: &Existing, merged: &Merged) -> bool {
        let (mailbox, _) = address::without_detail(given);
        let of_another = existing.import_addresses.get(&mailbox).is_some_and(|owner| *owner != self.tenant.id);
        of_another || merged.import_addresses.contains(&mailbox)
    }

    /// The tenant's pattern, if it can be used.
    fn check_reference(&self, merged: &Merged, faults: &mut Faults) -> Option<Regex> {
        let needs_numbers = self.applications.iter().any(|application| application.reference.is_none());
        let legal = (1..=4).contains(&merged.prefix.len()) && merged.prefix.bytes().all(|b| b.is_ascii_uppercase());
        faults.add_if(!legal, "tenant.reference.prefix", "one to four capital letters");
        let example = reference::issued(&merged.prefix, 1);
        match number_pattern(&merged.pattern) {
            Err(error) => {
                faults.add("tenant.reference.pattern", &error.to_string());
                None
            }
            Ok(pattern) => {
                let reason =
                    format!("it does not allow the numbers that are issued here ({example}), and some applications have no reference");
                faults.add_if(needs_numbers && !takes(&pattern, &example), "tenant.reference.pattern", &reason);
                Some(pattern)
            }
        }
    }

    fn check_departments(&self, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for (index, department) in self.departments.iter().enumerate() {
            let path = format!("departments[{index}].id");
            faults.check_id(&path, &department.id);
            faults.add_if(!seen.insert(&department.id), &path, "this id stands here twice");
        }
    }

    fn check_users(&self, existing: &Existing, merged: &Merged, names: &Names<'_>, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for (index, user) in self.users.iter().enumerate() {
            let addresses = std::iter::once((format!("users[{index}].email"), &user.email));
            let aliases = user.aliases.iter().enumerate().map(|(at, alias)| (format!("users[{index}].aliases[{at}]"), alias));
            for (path, given) in addresses.chain(aliases) {
                faults.add_if(!address::is_plausible(given), &path, "this is no e-mail address");
                faults.add_if(!seen.insert(address::key(given)), &path, "two users cannot have the same address");
                faults.add_if(self.is_import_address(given, existing, merged), &path, LOOP);
            }
            let login = address::key(&user.email);
            faults.add_if(
                existing.foreign_logins.contains(&login),
                &format!("users[{index}].email"),
                "a user of another tenant signs in with this address",
            );
            for (at, department) in user.departments.iter().enumerate() {
                let known = names.departments.contains(department.as_str());
                faults.add_if(!known, &format!("users[{index}].departments[{at}]"), &format!("there is no department {department:?}"));
            }
        }
    }

    fn check_jobs(&self, names: &Names<'_>, faults: &mut Faults) {
        let mut seen = HashSet::new();
        for (index, job) in self.jobs.iter().enumerate() {
            let path = format!("jobs[{index}].id");
            faults.check_id(&path, &job.id);
            faults.add_if(!seen.insert(&job.id), &path, "this id stands here twice");
            if let Some(department) = &job.department {
                let known = names.departments.contains(department.as_str());
                faults.add_if(!known, &format!("jobs[{index}].department"), &format!("there is no department {department:?}"));
            }
            names.check_responsible(&format!("jobs[{index}].responsible"), &job.responsible, faults);
        }
    }

    fn check_applications(&self, existing: &Existing, merged: &Merged, names: &Names<'_>, pattern: Option<&Regex>, faults: &mut Faults) {
        let (mut ids, mut numbers) = (HashSet::new(), HashSet::new());
        for (index, application) in self.applications.iter().enumerate() {
            let path = |field: &str| format!("applications[{index}].{field}");
            faults.check_id(&path("id"), &application.id);
            faults.check_id(&path("candidate.id"), &application.candidate.id);
            faults.add_if(!ids.insert(&application.id), &path("id"), "this id stands here twice");
            faults.add_if(!names.jobs.contains(application.job.as_str()), &path("job"), &format!("there is no job {:?}", application.job));
            for (at, email) in application.candidate.emails.iter().enumerate() {
                faults.add_if(!address::is_plausible(email), &path(&format!("candidate.emails[{at}]")), "this is no e-mail address");
            }
            names.check_responsible(&path("responsible"), &application.responsible, faults);
            let Some(number) = &application.reference else { continue };
            let path = path("reference");
            faults.add_if(!numbers.insert(number), &path, "another application in this file has the same number");
            faults.add_if(
                pattern.is_some_and(|pattern| !takes(pattern, number)),
                &path,
                "the tenant's pattern would not recognise this number",
            );
            let wrong = merged.check == Check::Mod1110 && !reference::check_digit_is_right(number);
            faults.add_if(wrong, &path, "its last digit is not the check digit of the others (ISO 7064 MOD 11,10)");
            let owner = existing.references.get(number);
            faults.add_if(owner.is_some_and(|owner| *owner != application.id), &path, "another application has this number");
        }
    }
}

const LOOP: &str = "this is an import address: notices to it would come back as mail to import";

/// Whether the pattern takes the whole text for a number.
fn takes(pattern: &Regex, number: &str) -> bool {
    pattern.captures(number).and_then(|found| found.name("number")).is_some_and(|found| found.as_str() == number)
}

/// What the file may name: its own records, and those that exist already.
struct Names<'a> {
    /// In comparison form.
    users: HashSet<String>,
    departments: HashSet<&'a str>,
    jobs: HashSet<&'a str>,
}

impl Names<'_> {
    fn check_responsible(&self, path: &str, emails: &[String], faults: &mut Faults) {
        for (at, email) in emails.iter().enumerate() {
            faults.add_if(!self.users.contains(&address::key(email)), &format!("{path}[{at}]"), "there is no user with this address");
        }
    }
}

struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    fn add(&mut self, path: &str, reason: &str) {
        self.list.push(Fault { path: path.to_owned(), reason: reason.to_owned() });
    }

    fn add_if(&mut self, wrong: bool, path: &str, reason: &str) {
        if wrong {
            self.add(path, reason);
        }
    }

    fn check_id(&mut self, path: &str, id: &str) {
        let legal = (1..=100).contains(&id.len()) && !id.chars().any(|c| c.is_control() || c.is_whitespace());
        self.add_if(!legal, path, "1 to 100 characters without blanks");
    }
}
