//! Records that tests of several rooms begin with.

use super::id::{TenantId, UserId};
use super::organisation::{Application, Candidate, Disagreement, ReferenceRules, Tenant};
use super::user::{Locale, Role, User};

/// Acme, with every setting at its default but for the Documents tab.
pub fn tenant() -> Tenant {
    Tenant {
        id: TenantId::new("acme"),
        name: "Acme".into(),
        time_zone: "Europe/Berlin".into(),
        locale: Locale::De,
        fallback_address: None,
        import_addresses: vec!["import@acme.example".into()],
        reference: ReferenceRules::default(),
        may_import: vec![Role::HrManager, Role::DepartmentPlus],
        documents_tab: true,
        documents_kinds: None,
        notify_forwarder: true,
        disagreement: Disagreement::Hold,
        trusted_sealers: Vec::new(),
        refused_file_types: None,
        filename_rules: Vec::new(),
        digest_at: Some(super::daily::DEFAULT_AT),
        discard_held_after_days: None,
    }
}

/// An active user of the department `it`.
pub fn user(email: &str, role: Role) -> User {
    User {
        id: UserId::generate(),
        name: format!("Name of {email}"),
        email: email.into(),
        role,
        locale: Locale::De,
        active: true,
        departments: vec!["it".into()],
        wants_receipts: false,
    }
}

/// An application to a job of the department `it`, for which nobody is responsible.
pub fn application(reference: &str, candidate: Candidate) -> Application {
    Application {
        id: format!("A-{reference}"),
        reference: reference.into(),
        has_check_digit: false,
        job: "J1".into(),
        job_title: "Entwickler (m/w/d)".into(),
        department: Some("it".into()),
        responsible: Vec::new(),
        closed: false,
        erased: false,
        candidate,
    }
}
