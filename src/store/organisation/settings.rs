//! A tenant's settings: what is said now over what was said before.

use crate::model::daily;
use crate::model::file_name::FilenameRule;
use crate::model::id::TenantId;
use crate::model::import::{self, Existing, ImportFile};
use crate::model::message::Kind;
use crate::model::organisation::Disagreement;
use crate::model::reference::Check;
use crate::model::user::{Locale, Role};
use crate::store::filename_rules;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

/// A tenant's settings as they will be.
pub(super) struct Settings {
    name: String,
    time_zone: String,
    pub(super) locale: Locale,
    fallback_address: Option<String>,
    pattern: String,
    pub(super) check: Check,
    grammar: &'static str,
    pub(super) prefix: String,
    may_import: Vec<Role>,
    documents_tab: bool,
    documents_kinds: Option<Vec<Kind>>,
    notify_forwarder: bool,
    disagreement: Disagreement,
    trusted_sealers: Vec<String>,
    refused_file_types: Option<Vec<String>>,
    filename_rules: Option<Vec<FilenameRule>>,
    digest_at: String,
    discard_held_after_days: u32,
    import_addresses: Vec<String>,
}

impl Settings {
    pub(super) fn of(file: &ImportFile, existing: &Existing) -> Settings {
        let (said, old) = (&file.tenant, existing.tenant.as_ref());
        let merged = file.merged(existing);
        Settings {
            name: said.name.clone().or_else(|| old.map(|tenant| tenant.name.clone())).unwrap_or_else(|| said.id.clone()),
            time_zone: said.time_zone.clone().or_else(|| old.map(|tenant| tenant.time_zone.clone())).unwrap_or_else(|| "UTC".into()),
            locale: said.locale.or_else(|| old.map(|tenant| tenant.locale)).unwrap_or_default(),
            fallback_address: said.fallback_address.clone().or_else(|| old.and_then(|tenant| tenant.fallback_address.clone())),
            pattern: merged.pattern,
            check: merged.check,
            grammar: merged.grammar.as_str(),
            prefix: merged.prefix,
            may_import: said
                .may_import
                .clone()
                .or_else(|| old.map(|tenant| tenant.may_import.clone()))
                .unwrap_or_else(|| vec![Role::HrManager, Role::DepartmentPlus]),
            documents_tab: said.documents_tab.or_else(|| old.map(|tenant| tenant.documents_tab)).unwrap_or(false),
            documents_kinds: said.documents_kinds.clone().or_else(|| old.and_then(|tenant| tenant.documents_kinds.clone())),
            notify_forwarder: said.notify_forwarder.or_else(|| old.map(|tenant| tenant.notify_forwarder)).unwrap_or(true),
            disagreement: said.disagreement.or_else(|| old.map(|tenant| tenant.disagreement)).unwrap_or_default(),
            trusted_sealers: each(&said.trusted_sealers, import::sealer)
                .or_else(|| old.map(|tenant| tenant.trusted_sealers.clone()))
                .unwrap_or_default(),
            refused_file_types: each(&said.refused_file_types, import::file_type)
                .or_else(|| old.and_then(|tenant| tenant.refused_file_types.clone())),
            filename_rules: said.filename_rules.clone(),
            digest_at: said
                .digest_at
                .clone()
                .unwrap_or_else(|| daily::written_at(old.map_or(Some(daily::DEFAULT_AT), |tenant| tenant.digest_at))),
            discard_held_after_days: said
                .discard_held_after_days
                .or_else(|| old.and_then(|tenant| tenant.discard_held_after_days))
                .unwrap_or(0),
            import_addresses: merged.import_addresses,
        }
    }
}

/// In the form that is compared.
fn each(list: &Option<Vec<String>>, form: fn(&str) -> String) -> Option<Vec<String>> {
    list.as_ref().map(|list| list.iter().map(|one| form(one)).collect())
}

pub(super) async fn put_tenant(c: &mut SqliteConnection, id: &TenantId, settings: &Settings) -> anyhow::Result<()> {
    sqlx::query(
        "insert into tenant (id, name, time_zone, locale, fallback_address, reference_pattern, reference_check, reference_grammar,
         reference_prefix, next_serial, may_import, documents_tab, documents_kinds, notify_forwarder, created_at,
         disagreement, trusted_sealers, refused_file_types, digest_at, discard_held_after_days)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict (id) do update set name = excluded.name, time_zone = excluded.time_zone, locale = excluded.locale,
         fallback_address = excluded.fallback_address, reference_pattern = excluded.reference_pattern,
         reference_check = excluded.reference_check, reference_grammar = excluded.reference_grammar,
         reference_prefix = excluded.reference_prefix, may_import = excluded.may_import, documents_tab = excluded.documents_tab,
         documents_kinds = excluded.documents_kinds, notify_forwarder = excluded.notify_forwarder, disagreement = excluded.disagreement,
         trusted_sealers = excluded.trusted_sealers, refused_file_types = excluded.refused_file_types,
         digest_at = excluded.digest_at, discard_held_after_days = excluded.discard_held_after_days",
    )
    .bind(id.as_str())
    .bind(&settings.name)
    .bind(&settings.time_zone)
    .bind(settings.locale.as_str())
    .bind(&settings.fallback_address)
    .bind(&settings.pattern)
    .bind(settings.check.as_str())
    .bind(settings.grammar)
    .bind(&settings.prefix)
    .bind(serde_json::to_string(&settings.may_import)?)
    .bind(settings.documents_tab)
    .bind(settings.documents_kinds.as_ref().map(serde_json::to_string).transpose()?)
    .bind(settings.notify_forwarder)
    .bind(Timestamp::now().as_millisecond())
    .bind(settings.disagreement.as_str())
    .bind(serde_json::to_string(&settings.trusted_sealers)?)
    .bind(settings.refused_file_types.as_ref().map(serde_json::to_string).transpose()?)
    .bind(&settings.digest_at)
    .bind(i64::from(settings.discard_held_after_days))
    .execute(&mut *c)
    .await?;
    if let Some(rules) = &settings.filename_rules {
        filename_rules::put_all(c, id, rules).await?;
    }
    sqlx::query("delete from import_address where tenant = $1").bind(id.as_str()).execute(&mut *c).await?;
    for (position, address) in (0i64..).zip(&settings.import_addresses) {
        sqlx::query("insert into import_address (address, tenant, position) values ($1, $2, $3)")
            .bind(address)
            .bind(id.as_str())
            .bind(position)
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}
