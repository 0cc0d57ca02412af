//! Users, their roles and languages (MODEL: Role, User).

use serde::{Deserialize, Serialize};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Administrator,
    /// »Personalmanager«
    HrManager,
    Recruiter,
    /// »Fachbereich«
    Department,
    /// »Fachbereich Plus«
    DepartmentPlus,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Administrator, Role::HrManager, Role::Recruiter, Role::Department, Role::DepartmentPlus];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::HrManager => "hr_manager",
            Role::Recruiter => "recruiter",
            Role::Department => "department",
            Role::DepartmentPlus => "department_plus",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Who is told of an imported reply when responsible (S1.24, S1.25): HR managers and both kinds of department user.
    pub fn is_told(self) -> bool {
        matches!(self, Role::HrManager | Role::Department | Role::DepartmentPlus)
    }
}

/// The language a user reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    De,
    #[default]
    En,
    Sv,
}

impl Locale {
    pub const ALL: [Locale; 3] = [Locale::De, Locale::En, Locale::Sv];

    pub fn as_str(self) -> &'static str {
        match self {
            Locale::De => "de",
            Locale::En => "en",
            Locale::Sv => "sv",
        }
    }

    /// `de`, and also `de-AT` or `de_CH`: the part before the first separator counts.
    pub fn parse(text: &str) -> Option<Locale> {
        let language = text.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Locale::ALL.into_iter().find(|locale| locale.as_str() == language)
    }
}

/// A user as the steps see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: super::id::UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub locale: Locale,
    pub active: bool,
    /// Ids of the departments he belongs to.
    pub departments: Vec<String>,
    /// Whether he wants a receipt for what was filed, too.
    pub wants_receipts: bool,
}

impl User {
    /// Whether he may see an application (MODEL §3.5): users of departments only what is their department's or their own.
    pub fn may_see(&self, application: &super::organisation::Application) -> bool {
        match self.role {
            Role::Administrator | Role::HrManager | Role::Recruiter => true,
            Role::Department | Role::DepartmentPlus => {
                application.department.as_ref().is_some_and(|department| self.departments.contains(department))
                    || application.responsible.contains(&self.id)
            }
        }
    }
}
