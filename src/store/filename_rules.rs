//! What tenants say of their files' names.

use super::audit::{self, NewAudit};
use super::{Store, moment};
use crate::model::file_name::{FilenameRule, MOST_RULES};
use crate::model::id::TenantId;
use crate::model::message::Kind;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use std::collections::HashMap;

/// A rule with who gave it.
#[derive(Clone, Debug)]
pub struct GivenRule {
    pub rule: FilenameRule,
    pub at: Timestamp,
    pub by: String,
}

/// How it ended to add a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    New,
    /// There was one about the same words; it says this kind from now on.
    Changed,
    /// There was this very rule.
    Known,
    TooMany,
}

const RULES: &str = "select words, kind, created_at, created_by from filename_rule where tenant = $1 order by pattern";

impl Store {
    /// A tenant's own rules, in the order of their words.
    pub async fn filename_rules(&self, tenant: &TenantId) -> anyhow::Result<Vec<GivenRule>> {
        let rows = sqlx::query(RULES).bind(tenant.as_str()).fetch_all(&self.reads).await?;
        Ok(rows.iter().map(given).collect())
    }

    pub async fn add_filename_rule(&self, tenant: &TenantId, rule: FilenameRule, by: String) -> anyhow::Result<Added> {
        let tenant = tenant.clone();
        self.write(move |c| Box::pin(async move { Ok(add(c, &tenant, &rule, Timestamp::now(), &by).await?) })).await
    }

    /// False, if there is none about these words.
    pub async fn remove_filename_rule(&self, tenant: &TenantId, pattern: String, by: String) -> anyhow::Result<bool> {
        let tenant = tenant.clone();
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query("delete from filename_rule where tenant = $1 and pattern = $2")
                    .bind(tenant.as_str())
                    .bind(&pattern)
                    .execute(&mut *c)
                    .await?;
                let is_gone = done.rows_affected() == 1;
                if is_gone {
                    log(c, &tenant, Timestamp::now(), (&by, "kind_rule_removed"), pattern).await?;
                }
                Ok(is_gone)
            })
        })
        .await
    }
}

fn given(row: &SqliteRow) -> GivenRule {
    // A kind that this program does not know tells none.
    let kind = Kind::parse(row.get("kind")).unwrap_or_default();
    GivenRule { rule: FilenameRule { words: row.get("words"), kind }, at: moment(row.get("created_at")), by: row.get("created_by") }
}

/// Adds a rule, or changes the one about the same words.
pub(super) async fn add(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    rule: &FilenameRule,
    at: Timestamp,
    by: &str,
) -> Result<Added, sqlx::Error> {
    let pattern = rule.key();
    let old: Option<(String, String)> = sqlx::query_as("select words, kind from filename_rule where tenant = $1 and pattern = $2")
        .bind(tenant.as_str())
        .bind(&pattern)
        .fetch_optional(&mut *c)
        .await?;
    if old.as_ref().is_some_and(|(_, kind)| kind == rule.kind.as_str()) {
        return Ok(Added::Known);
    }
    let count: i64 =
        sqlx::query_scalar("select count(*) from filename_rule where tenant = $1").bind(tenant.as_str()).fetch_one(&mut *c).await?;
    if old.is_none() && usize::try_from(count).is_ok_and(|count| count >= MOST_RULES) {
        return Ok(Added::TooMany);
    }
    sqlx::query(
        "insert into filename_rule (tenant, pattern, words, kind, created_at, created_by) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, pattern) do update set words = excluded.words, kind = excluded.kind,
         created_at = excluded.created_at, created_by = excluded.created_by",
    )
    .bind(tenant.as_str())
    .bind(&pattern)
    .bind(&rule.words)
    .bind(rule.kind.as_str())
    .bind(at.as_millisecond())
    .bind(by)
    .execute(&mut *c)
    .await?;
    log(c, tenant, at, (by, "kind_rule_added"), format!("{pattern}: {}", rule.kind.as_str())).await?;
    Ok(if old.is_some() { Added::Changed } else { Added::New })
}

async fn log(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    at: Timestamp,
    (by, what): (&str, &'static str),
    detail: String,
) -> Result<(), sqlx::Error> {
    let line = NewAudit { actor: by.to_owned(), what, subject: "filename_rule".into(), detail };
    audit::insert(c, &[(tenant, at, &line)]).await
}

/// What becomes of a tenant's rules if its file says these. Those that somebody taught stay, unless the file says another kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Those of earlier files that this one leaves out.
    pub gone: Vec<FilenameRule>,
    /// Those that somebody taught, and of which the file says another kind.
    pub overruled: Vec<FilenameRule>,
    /// Those that somebody taught, and of which the file says nothing.
    pub kept: usize,
}

impl Replaced {
    pub fn of(old: &[GivenRule], new: &[FilenameRule]) -> Replaced {
        let new: HashMap<String, Kind> = new.iter().map(|rule| (rule.key(), rule.kind)).collect();
        let mut replaced = Replaced::default();
        for given in old {
            match (new.get(&given.rule.key()), given.by == IMPORT) {
                (None, true) => replaced.gone.push(given.rule.clone()),
                (None, false) => replaced.kept += 1,
                (Some(kind), false) if *kind != given.rule.kind => replaced.overruled.push(given.rule.clone()),
                (Some(_), _) => (),
            }
        }
        replaced
    }
}

/// Rules of a tenant as its file says them; those that stay keep who gave them.
pub(super) async fn put_all(c: &mut SqliteConnection, tenant: &TenantId, rules: &[FilenameRule]) -> Result<(), sqlx::Error> {
    let old: Vec<GivenRule> = sqlx::query(RULES).bind(tenant.as_str()).fetch_all(&mut *c).await?.iter().map(given).collect();
    let at = Timestamp::now();
    for pattern in Replaced::of(&old, rules).gone.iter().map(FilenameRule::key) {
        sqlx::query("delete from filename_rule where tenant = $1 and pattern = $2")
            .bind(tenant.as_str())
            .bind(&pattern)
            .execute(&mut *c)
            .await?;
        log(c, tenant, at, (IMPORT, "kind_rule_removed"), pattern).await?;
    }
    for rule in rules {
        // The import has looked before; rules that somebody taught meanwhile may have taken the room.
        if add(c, tenant, rule, at, IMPORT).await? == Added::TooMany {
            return Err(sqlx::Error::Protocol(format!("more than {MOST_RULES} rules for file names")));
        }
    }
    Ok(())
}

/// Who gave a rule that stood in the file.
const IMPORT: &str = "import";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::import::{Existing, ImportFile};
    use crate::model::installation::Place;
    use crate::store::Missing;

    async fn store(folder: &std::path::Path) -> Store {
        let place = Place { database: folder.join("x.db"), blobs: folder.join("blobs") };
        let store = Store::open(&place, Missing::Create).await.unwrap();
        for tenant in ["acme", "other"] {
            import(&store, tenant, "").await;
        }
        store
    }

    async fn import(store: &Store, tenant: &str, more: &str) {
        let text = format!(r#"{{"tenant": {{"id": "{tenant}", "name": "x", "import_addresses": ["i@{tenant}.example"]{more}}}}}"#);
        let file = ImportFile::read(&text).unwrap();
        let existing: Existing = store.existing(&file).await.unwrap();
        assert_eq!(file.faults(&existing), []);
        store.import(file, &existing).await.unwrap();
    }

    async fn rules(store: &Store, tenant: &str) -> Vec<String> {
        let rules = store.tenant(&TenantId::new(tenant)).await.unwrap().unwrap().filename_rules;
        rules.iter().map(|rule| format!("{}={}", rule.words, rule.kind.as_str())).collect()
    }

    /// Acceptance: S1.22; G10.
    #[tokio::test]
    async fn rules_are_added_changed_and_removed_for_one_tenant() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let acme = TenantId::new("acme");
        let add = |words: &str, kind| store.add_filename_rule(&acme, FilenameRule { words: words.into(), kind }, "cli:anna".into());
        assert_eq!(add("Steckbrief", Kind::Cv).await.unwrap(), Added::New);
        assert_eq!(add("STECKBRIEF", Kind::Cv).await.unwrap(), Added::Known);
        assert_eq!(add("steckbrief", Kind::Dossier).await.unwrap(), Added::Changed);
        assert_eq!(add("Über mich", Kind::Cv).await.unwrap(), Added::New);
        assert_eq!(rules(&store, "acme").await, ["steckbrief=dossier", "Über mich=cv"]);
        assert!(rules(&store, "other").await.is_empty());
        assert!(!store.remove_filename_rule(&TenantId::new("other"), "steckbrief".into(), "x".into()).await.unwrap());
        assert!(store.remove_filename_rule(&acme, "steckbrief".into(), "cli:anna".into()).await.unwrap());
        // What was taught stays, whatever a file names; what a file named, the next one replaces.
        import(&store, "acme", "").await;
        assert_eq!(rules(&store, "acme").await, ["Über mich=cv"]);
        import(&store, "acme", r#", "filename_rules": [{"words": "Profil", "kind": "cv"}]"#).await;
        assert_eq!(rules(&store, "acme").await, ["Profil=cv", "Über mich=cv"]);
        import(&store, "acme", r#", "filename_rules": [{"words": "Blatt", "kind": "cv"}, {"words": "über mich", "kind": "photo"}]"#).await;
        assert_eq!(rules(&store, "acme").await, ["Blatt=cv", "über mich=photo"]);
        assert_eq!(add("Steckbrief", Kind::Cv).await.unwrap(), Added::New);
        let lines = store.audit_of(&acme, "filename_rule").await.unwrap();
        let said: Vec<String> = lines.iter().map(|line| format!("{} {} {}", line.actor, line.what, line.detail)).collect();
        assert_eq!(said.len(), 9, "{said:?}");
        assert_eq!(said[0], "cli:anna kind_rule_added steckbrief: cv");
        assert!(said.contains(&"import kind_rule_removed profil".to_owned()), "{said:?}");
        assert!(said.contains(&"import kind_rule_added ueber mich: photo".to_owned()), "{said:?}");
        import(&store, "acme", r#", "filename_rules": []"#).await;
        assert_eq!(rules(&store, "acme").await, ["Steckbrief=cv"]);
        store.close().await;
    }

    #[test]
    fn what_a_file_replaces() {
        let rule = |words: &str, kind| FilenameRule { words: words.into(), kind };
        let given = |words: &str, kind, by: &str| GivenRule { rule: rule(words, kind), at: Timestamp::now(), by: by.into() };
        let old = [
            given("Blatt", Kind::Cv, IMPORT),
            given("Profil", Kind::Cv, IMPORT),
            given("Über mich", Kind::Cv, "cli:anna"),
            given("Kompass", Kind::Cv, "cli:anna"),
            given("Steckbrief", Kind::Cv, "cli:anna"),
        ];
        let new = [rule("PROFIL", Kind::Photo), rule("ueber mich", Kind::Photo), rule("Kompass", Kind::Cv)];
        let expected = Replaced { gone: vec![rule("Blatt", Kind::Cv)], overruled: vec![rule("Über mich", Kind::Cv)], kept: 1 };
        assert_eq!(Replaced::of(&old, &new), expected);
    }

    /// They are read for every mail.
    #[tokio::test]
    async fn rules_are_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {}", RULES.replace("$1", "'a'"))))
            .fetch_all(&store.reads)
            .await
            .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(steps.len() == 1 && steps[0].starts_with("SEARCH"), "{steps:?}");
        store.close().await;
    }
}
