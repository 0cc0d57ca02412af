//! The tenant's records as the steps see them: settings, applications, candidates.

use super::file_name::FilenameRule;
use super::id::TenantId;
use super::message::Kind;
use super::reference::{self, Check, Grammar};
use super::user::{Locale, Role};
use regex::Regex;
use std::sync::Arc;

/// A tenant's settings.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    pub locale: Locale,
    /// Who is told when nobody is responsible (S1.E17).
    pub fallback_address: Option<String>,
    pub import_addresses: Vec<String>,
    pub reference: ReferenceRules,
    pub may_import: Vec<Role>,
    pub documents_tab: bool,
    /// Kinds that are shown under Documents; none means every recognised kind.
    pub documents_kinds: Option<Vec<Kind>>,
    /// Whether a responsible forwarder is told of his own forward.
    pub notify_forwarder: bool,
    /// What becomes of a forward whose number and people disagree (G6).
    pub disagreement: Disagreement,
    /// Domains whose ARC seals are believed. RFC 8617 §9.
    pub trusted_sealers: Vec<String>,
    /// File name endings, in lower case without the dot, that are not filed; none means those that `files` refuses by itself.
    pub refused_file_types: Option<Vec<String>>,
    /// The tenant's own rules for kinds of documents, in the order of their words.
    pub filename_rules: Vec<FilenameRule>,
    /// When administrators are told of held mail, in the tenant's time zone; none: never.
    pub digest_at: Option<jiff::civil::Time>,
    /// Held mail older than so many days is discarded, once somebody has been told of it; none: never.
    pub discard_held_after_days: Option<u32>,
}

/// What becomes of a forward whose number says one candidate and whose people say another, or nobody who is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disagreement {
    #[default]
    Hold,
    /// It is filed under its number, and everybody who is told of it is warned.
    Warn,
}

impl Disagreement {
    pub fn as_str(self) -> &'static str {
        match self {
            Disagreement::Hold => "hold",
            Disagreement::Warn => "warn",
        }
    }
}

/// What a tenant's numbers look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRules {
    pub pattern: String,
    pub check: Check,
    pub grammar: Grammar,
    /// Letters before numbers that Rohrpost issues.
    pub prefix: String,
}

impl ReferenceRules {
    /// For a number that nobody has: whether it should end in a check digit, but does not.
    pub fn is_mistyped(&self, number: &str) -> bool {
        let must = self.check == Check::Mod1110 || reference::looks_issued(&self.prefix, number);
        must && !reference::check_digit_is_right(number)
    }
}

impl Default for ReferenceRules {
    fn default() -> Self {
        ReferenceRules {
            pattern: super::reference::DEFAULT_PATTERN.into(),
            check: Check::default(),
            grammar: Grammar::default(),
            prefix: super::reference::DEFAULT_PREFIX.into(),
        }
    }
}

/// What `understand` may know of the tenant. Built once per pattern: a regular expression is dear to compile.
#[derive(Clone, Debug)]
pub struct Rules {
    pub grammar: Grammar,
    /// The tenant's pattern, anchored at the start and followed by the end of the token.
    pub number: Arc<Regex>,
    /// Domains of our own Message-IDs: a mail that bears one is a notice of ours that came back.
    pub own_domains: Vec<String>,
    /// What the tenant says of file names, before what everybody says.
    pub file_names: Vec<FilenameRule>,
}

/// A pattern that cannot be used for reference numbers, and why.
#[derive(Debug, thiserror::Error)]
pub enum BadPattern {
    #[error("not a regular expression: {0}")]
    Syntax(String),
    #[error("it would take an empty text for a number")]
    MatchesNothing,
    #[error("it takes blanks for a part of the number; a number ends at the first blank")]
    MatchesBlanks,
}

/// Compiles a tenant's pattern for the start of a subject: the number in group 1, then its end.
/// A number is a whole token (DESIGN): `4711WG:` is none. Bounded in size, because tenants write it.
pub fn number_pattern(pattern: &str) -> Result<Regex, BadPattern> {
    let build = |text: String| {
        regex::RegexBuilder::new(&text)
            .size_limit(1 << 20)
            .dfa_size_limit(1 << 20)
            .build()
            .map_err(|error| BadPattern::Syntax(error.to_string()))
    };
    let alone = build(format!("^(?:{pattern})$"))?;
    if alone.is_match("") {
        return Err(BadPattern::MatchesNothing);
    }
    if alone.is_match(" ") || alone.is_match("4711 4711") {
        return Err(BadPattern::MatchesBlanks);
    }
    build(format!("^(?<number>{pattern})(?:$|[\\s:\\]])"))
}

impl Rules {
    pub fn new(reference: &ReferenceRules, own_domains: Vec<String>) -> Result<Rules, BadPattern> {
        Ok(Rules { grammar: reference.grammar, number: Arc::new(number_pattern(&reference.pattern)?), own_domains, file_names: Vec::new() })
    }
}

/// Where an application stands (MODEL §3.2, the groups).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    New,
    InReview,
    WithDepartment,
    Interview,
    Check,
    Offer,
    Hired,
    Rejected,
    Withdrawn,
}

impl Status {
    pub const ALL: [Status; 9] = [
        Status::New,
        Status::InReview,
        Status::WithDepartment,
        Status::Interview,
        Status::Check,
        Status::Offer,
        Status::Hired,
        Status::Rejected,
        Status::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::New => "new",
            Status::InReview => "in_review",
            Status::WithDepartment => "with_department",
            Status::Interview => "interview",
            Status::Check => "check",
            Status::Offer => "offer",
            Status::Hired => "hired",
            Status::Rejected => "rejected",
            Status::Withdrawn => "withdrawn",
        }
    }

    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub fn is_terminal(self) -> bool {
        matches!(self, Status::Hired | Status::Rejected | Status::Withdrawn)
    }
}

/// An application with what placing must know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub id: String,
    pub reference: String,
    /// Whether the number ends in a check digit.
    pub has_check_digit: bool,
    pub job: String,
    pub job_title: String,
    /// The job's, by id.
    pub department: Option<String>,
    /// Users responsible for it or for its job.
    pub responsible: Vec<super::id::UserId>,
    /// Over: hired, rejected, withdrawn, or its job is closed (S1.E5).
    pub closed: bool,
    pub erased: bool,
    pub candidate: Candidate,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    pub id: String,
    pub name: String,
}
