//! What judging and placing may look at, read for one mail: the tenant, its users, the applications that could be meant.

use super::Store;
use crate::model::daily;
use crate::model::facts::Facts;
use crate::model::id::{ArrivalId, EntryId, TenantId, UserId};
use crate::model::message::Kind;
use crate::model::organisation::{Application, Candidate, Disagreement, ReferenceRules, Status, Tenant};
use crate::model::outbound::MessagePurpose;
use crate::model::reference::{Check, Grammar};
use crate::model::sender::Invited;
use crate::model::user::{Locale, Role, User};
use crate::model::verdict::{Found, Nearby, Questions};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use std::collections::{HashMap, HashSet};

/// Applications that one question may bring back: a candidate with more has them elsewhere too.
const MOST_APPLICATIONS: i64 = 20;

// Two lists of those responsible and no `or`: each has its index.
const APPLICATION: &str = "select a.id, a.reference, a.has_check_digit, a.job, a.status, a.erased, a.candidate, c.name as candidate_name,
    j.title as job_title, j.department, j.closed as job_closed,
    (select string_agg(r.user_id, ' ') from responsible r
        where r.tenant = a.tenant and r.scope = 'job' and r.scope_id = a.job) as responsible_for_job,
    (select string_agg(r.user_id, ' ') from responsible r
        where r.tenant = a.tenant and r.scope = 'application' and r.scope_id = a.id) as responsible_for_application
    from application a
    join candidate c on c.tenant = a.tenant and c.id = a.candidate
    join job j on j.tenant = a.tenant and j.id = a.job";

/// The first condition is that of the index.
const RECEIPT_OF: &str = "select 1 from outbound_message where tenant = $1 and arrival = $2 and purpose in ('receipt', 'mail_held')
    and purpose = 'receipt' limit 1";

/// Users by their addresses; a condition follows.
const USERS: &str = "select u.id, u.email, u.name, u.role, u.locale, u.active, u.wants_receipts, (select string_agg(d.department, '\n')
    from department_user d where d.tenant = u.tenant and d.user_id = u.id) as departments, x.address from user_address x
    join user_account u on u.tenant = x.tenant and u.id = x.user_id where x.tenant = ";

/// What applications are looked up by.
#[derive(Clone, Copy)]
enum By {
    Number,
    Id,
    /// Any of the candidate's addresses.
    Address,
    /// The key of the candidate's name.
    Name,
}

impl Store {
    /// All tenants' names; the machine's own is left out.
    pub async fn tenants(&self) -> anyhow::Result<Vec<TenantId>> {
        let ids: Vec<String> =
            sqlx::query_scalar("select id from tenant where id <> $1 order by id").bind(TenantId::MACHINE).fetch_all(&self.reads).await?;
        Ok(ids.into_iter().map(TenantId::new).collect())
    }

    /// A tenant's settings.
    pub async fn tenant(&self, id: &TenantId) -> anyhow::Result<Option<Tenant>> {
        let row = sqlx::query("select * from tenant where id = $1").bind(id.as_str()).fetch_optional(&self.reads).await?;
        let Some(row) = row else { return Ok(None) };
        let import_addresses = sqlx::query_scalar("select address from import_address where tenant = $1 order by position")
            .bind(id.as_str())
            .fetch_all(&self.reads)
            .await?;
        let filename_rules = self.filename_rules(id).await?.into_iter().map(|given| given.rule).collect();
        Ok(Some(Tenant { filename_rules, ..tenant(&row, import_addresses).with_context(|| format!("tenant {id}"))? }))
    }

    /// The users whom the facts could speak of: the one who signed in, and those who have one of the From addresses.
    pub async fn users_in_question(&self, tenant: &TenantId, facts: &Facts) -> anyhow::Result<Vec<(User, Vec<String>)>> {
        let login = facts.login.as_ref().filter(|login| login.tenant == *tenant).map(|login| login.user.to_string());
        // A union and no `or`: each half has its index.
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(USERS);
        query.push_bind(tenant.as_str()).push(" and x.address in (");
        let mut list = query.separated(", ");
        // An empty list is no SQL everywhere; the empty address is nobody's.
        list.push_bind("");
        for from in facts.from.iter().take(10) {
            list.push_bind(from);
        }
        query.push(")");
        if let Some(user) = login {
            query.push(" union ").push(USERS).push_bind(tenant.as_str()).push(" and x.user_id = ").push_bind(user);
        }
        query.push(" order by 1");
        let rows = query.build().fetch_all(&self.reads).await?;
        let mut users: Vec<(User, Vec<String>)> = Vec::new();
        for row in &rows {
            let found = user(row)?;
            let address: String = row.get("address");
            match users.last_mut().filter(|(last, _)| last.id == found.id) {
                Some((_, addresses)) => addresses.push(address),
                None => users.push((found, vec![address])),
            }
        }
        Ok(users)
    }

    /// The candidate of an application, to whom a reply token was given.
    pub async fn invited(&self, tenant: &TenantId, application: &str) -> anyhow::Result<Option<Invited>> {
        let rows: Vec<(String, Option<String>)> = sqlx::query_as(
            "select c.name, x.address from application a join candidate c on c.tenant = a.tenant and c.id = a.candidate
             left join candidate_address x on x.tenant = c.tenant and x.candidate = c.id where a.tenant = $1 and a.id = $2",
        )
        .bind(tenant.as_str())
        .bind(application)
        .fetch_all(&self.reads)
        .await?;
        let name = rows.first().map(|(name, _)| name.clone());
        Ok(name.map(|name| Invited { name, addresses: rows.into_iter().filter_map(|(_, address)| address).collect() }))
    }

    /// Answers what placing asks.
    pub async fn found(&self, tenant: &TenantId, questions: &Questions) -> anyhow::Result<Found> {
        let mut found = Found::default();
        if let Some(number) = &questions.number {
            found.by_number = self.application(tenant, number).await?;
        }
        if let Some(id) = &questions.application {
            found.by_token = self.applications_by(By::Id, tenant, std::slice::from_ref(id)).await?.into_iter().next();
        }
        if !questions.addresses.is_empty() {
            found.owners = self.owners_of(tenant, &questions.addresses).await?;
            found.users = self.users_among(tenant, &questions.addresses).await?;
        }
        let same: Vec<(String, Option<String>)> = sqlx::query_as(
            "select id, dedupe_key from history_entry where tenant = $1 and dedupe_key in ($2, $4) and withdrawn_at is null
             union all select id, dedupe_key from (select id, dedupe_key from history_entry where tenant = $1 and message_id = $3
                 and withdrawn_at is null limit 20) as same",
        )
        .bind(tenant.as_str())
        .bind(&questions.dedupe_key)
        .bind(&questions.message_id)
        .bind(&questions.older_key)
        .fetch_all(&self.reads)
        .await?;
        for (id, key) in same {
            if key.as_ref().is_some_and(|key| *key == questions.dedupe_key || *key == questions.older_key) {
                found.filed_before = Some(id.parse::<EntryId>().context("history_entry.id")?);
            } else {
                found.same_message_id = true;
            }
        }
        found.images = self.seen_images(tenant, &questions.images).await?;
        Ok(found)
    }

    /// Applications that a held mail may belong to: those of the people inside, by address or name key, and those with one of the
    /// numbers.
    pub async fn nearby(&self, tenant: &TenantId, addresses: &[String], names: &[String], numbers: &[String]) -> anyhow::Result<Nearby> {
        Ok(Nearby {
            by_address: self.applications_by(By::Address, tenant, addresses).await?,
            by_name: self.applications_by(By::Name, tenant, names).await?,
            by_number: self.applications_by(By::Number, tenant, numbers).await?,
            by_token: None,
        })
    }

    /// Applications that have one of the values.
    async fn applications_by(&self, by: By, tenant: &TenantId, values: &[String]) -> anyhow::Result<Vec<Application>> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let (open, close) = match by {
            By::Number => ("a.reference in (", ")"),
            By::Id => ("a.id in (", ")"),
            By::Address => {
                ("a.candidate in (select x.candidate from candidate_address x where x.tenant = a.tenant and x.address in (", "))")
            }
            By::Name => ("a.candidate in (select x.id from candidate x where x.tenant = a.tenant and x.name_key in (", "))"),
        };
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(APPLICATION);
        query.push(" where a.tenant = ").push_bind(tenant.as_str()).push(" and ").push(open);
        let mut list = query.separated(", ");
        for value in values {
            list.push_bind(value);
        }
        // `lower`, so that no engine takes the index of all numbers for the order's sake and walks it.
        query.push(close).push(" order by lower(a.reference) limit ").push_bind(MOST_APPLICATIONS);
        let rows = query.build().fetch_all(&self.reads).await?;
        Ok(rows.iter().map(application).collect())
    }

    /// Candidates who have each of the addresses, by id; addresses of users are left out: they speak for nobody.
    pub async fn candidates_who_have(&self, tenant: &TenantId, addresses: &[String]) -> anyhow::Result<HashMap<String, Vec<String>>> {
        if addresses.is_empty() {
            return Ok(HashMap::new());
        }
        let users = self.users_among(tenant, addresses).await?;
        let mut owners = self.owners_of(tenant, addresses).await?;
        owners.retain(|address, _| !users.contains(address));
        Ok(owners)
    }

    async fn owners_of(&self, tenant: &TenantId, addresses: &[String]) -> anyhow::Result<HashMap<String, Vec<String>>> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("select address, candidate from candidate_address where tenant = ");
        query.push_bind(tenant.as_str()).push(" and address in (");
        let mut list = query.separated(", ");
        for address in addresses {
            list.push_bind(address);
        }
        query.push(")");
        let mut owners: HashMap<String, Vec<String>> = HashMap::new();
        for (address, candidate) in query.build_query_as::<(String, String)>().fetch_all(&self.reads).await? {
            owners.entry(address).or_default().push(candidate);
        }
        Ok(owners)
    }

    pub(super) async fn users_among(&self, tenant: &TenantId, addresses: &[String]) -> anyhow::Result<HashSet<String>> {
        if addresses.is_empty() {
            return Ok(HashSet::new());
        }
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("select address from user_address where tenant = ");
        query.push_bind(tenant.as_str()).push(" and address in (");
        let mut list = query.separated(", ");
        for address in addresses {
            list.push_bind(address);
        }
        query.push(")");
        Ok(query.build_query_scalar::<String>().fetch_all(&self.reads).await?.into_iter().collect())
    }

    /// One application by its number.
    pub async fn application(&self, tenant: &TenantId, reference: &str) -> anyhow::Result<Option<Application>> {
        Ok(self.applications_by(By::Number, tenant, &[reference.to_owned()]).await?.into_iter().next())
    }

    /// One application by its id.
    pub async fn application_by_id(&self, tenant: &TenantId, id: &str) -> anyhow::Result<Option<Application>> {
        Ok(self.applications_by(By::Id, tenant, &[id.to_owned()]).await?.into_iter().next())
    }

    /// Active users responsible for the application or its job, each once.
    pub async fn responsible(&self, tenant: &TenantId, application: &Application) -> anyhow::Result<Vec<User>> {
        let rows = sqlx::query(
            "select u.id, u.email, u.name, u.role, u.locale, u.active, u.wants_receipts, null as departments from user_account u
             where u.tenant = $1 and u.active and u.id in (
                 select user_id from responsible where tenant = $1 and scope = 'job' and scope_id = $2
                 union select user_id from responsible where tenant = $1 and scope = 'application' and scope_id = $3)
             order by u.email",
        )
        .bind(tenant.as_str())
        .bind(&application.job)
        .bind(&application.id)
        .fetch_all(&self.reads)
        .await?;
        rows.iter().map(user).collect()
    }

    /// Whether another arrival of the same mail is held and waits.
    pub async fn is_held_already(&self, tenant: &TenantId, dedupe_key: &str, but: ArrivalId) -> anyhow::Result<bool> {
        let found: Option<i64> = sqlx::query_scalar(
            "select 1 from arrival where tenant = $1 and dedupe_key = $2 and id <> $3 and disposition = 'held' and closed_at is null limit 1",
        )
        .bind(tenant.as_str())
        .bind(dedupe_key)
        .bind(but.to_string())
        .fetch_optional(&self.reads)
        .await?;
        Ok(found.is_some())
    }

    /// Whether somebody got a receipt for this mail.
    pub async fn has_receipt(&self, tenant: &TenantId, arrival: ArrivalId) -> anyhow::Result<bool> {
        let found: Option<i64> =
            sqlx::query_scalar(RECEIPT_OF).bind(tenant.as_str()).bind(arrival.to_string()).fetch_optional(&self.reads).await?;
        Ok(found.is_some())
    }

    /// How many messages of a kind, notices of imported replies apart, an address got within the last hour.
    pub async fn sent_last_hour(&self, tenant: &TenantId, purpose: MessagePurpose, recipient: &str) -> anyhow::Result<u32> {
        let since = Timestamp::now() - SignedDuration::from_hours(1);
        let sent: i64 = sqlx::query_scalar(
            "select count(*) from outbound_message
             where tenant = $1 and recipient = $2 and purpose = $3 and created_at > $4 and purpose <> 'reply_imported'",
        )
        .bind(tenant.as_str())
        .bind(recipient)
        .bind(purpose.as_str())
        .bind(since.as_millisecond())
        .fetch_one(&self.reads)
        .await?;
        Ok(u32::try_from(sent).unwrap_or(u32::MAX))
    }
}

fn tenant(row: &SqliteRow, import_addresses: Vec<String>) -> anyhow::Result<Tenant> {
    let check = match row.get::<&str, _>("reference_check") {
        "mod11_10" => Check::Mod1110,
        _ => Check::None,
    };
    let grammar = match row.get::<&str, _>("reference_grammar") {
        "strict" => Grammar::Strict,
        _ => Grammar::Tolerant,
    };
    let kinds: Option<Vec<Kind>> =
        row.get::<Option<&str>, _>("documents_kinds").map(serde_json::from_str).transpose().context("documents_kinds")?;
    Ok(Tenant {
        id: TenantId::new(row.get::<String, _>("id")),
        name: row.get("name"),
        time_zone: row.get("time_zone"),
        locale: Locale::parse(row.get("locale")).unwrap_or_default(),
        fallback_address: row.get("fallback_address"),
        import_addresses,
        reference: ReferenceRules { pattern: row.get("reference_pattern"), check, grammar, prefix: row.get("reference_prefix") },
        may_import: serde_json::from_str::<Vec<Role>>(row.get("may_import")).context("may_import")?,
        documents_tab: row.get("documents_tab"),
        documents_kinds: kinds,
        notify_forwarder: row.get("notify_forwarder"),
        disagreement: match row.get::<&str, _>("disagreement") {
            "warn" => Disagreement::Warn,
            _ => Disagreement::Hold,
        },
        trusted_sealers: serde_json::from_str(row.get("trusted_sealers")).context("trusted_sealers")?,
        refused_file_types: row
            .get::<Option<&str>, _>("refused_file_types")
            .map(serde_json::from_str)
            .transpose()
            .context("refused_file_types")?,
        filename_rules: Vec::new(),
        digest_at: daily::parse_at(row.get("digest_at")).context("digest_at")?,
        discard_held_after_days: row.get::<i64, _>("discard_held_after_days").try_into().ok().filter(|days| *days > 0),
    })
}

pub(super) fn user(row: &SqliteRow) -> anyhow::Result<User> {
    let id: UserId = row.get::<String, _>("id").parse().context("user_account.id")?;
    let role = Role::parse(row.get("role")).with_context(|| format!("user {id}: unknown role"))?;
    let locale = Locale::parse(row.get("locale")).unwrap_or_default();
    let departments = row.get::<Option<&str>, _>("departments").map(|ids| ids.split('\n').map(str::to_owned).collect()).unwrap_or_default();
    Ok(User {
        id,
        name: row.get("name"),
        email: row.get("email"),
        role,
        locale,
        active: row.get("active"),
        departments,
        wants_receipts: row.get("wants_receipts"),
    })
}

fn application(row: &SqliteRow) -> Application {
    let status = Status::parse(row.get("status")).unwrap_or_default();
    Application {
        id: row.get("id"),
        reference: row.get("reference"),
        has_check_digit: row.get("has_check_digit"),
        job: row.get("job"),
        job_title: row.get("job_title"),
        department: row.get("department"),
        responsible: ["responsible_for_job", "responsible_for_application"]
            .iter()
            .flat_map(|column| row.get::<Option<&str>, _>(*column).unwrap_or_default().split_whitespace())
            .filter_map(|id| id.parse().ok())
            .collect(),
        closed: status.is_terminal() || row.get::<bool, _>("job_closed"),
        erased: row.get("erased"),
        candidate: Candidate { id: row.get("candidate"), name: row.get("candidate_name") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::examples;

    /// What is asked for every mail costs the same whatever a tenant has: no list of all users, jobs or departments is walked.
    #[tokio::test]
    async fn what_is_asked_for_every_mail_is_looked_up() {
        let (store, _folder) = examples::store().await;
        for (sql, lookups) in [
            (format!("{APPLICATION} where a.tenant = 'a' and a.reference in ('1')"), 5),
            (format!("{APPLICATION} where a.tenant = 'a' and a.id in ('1')"), 5),
            (format!("{USERS} 'a' and x.address in ('', 'b')"), 3),
            (format!("{USERS} 'a' and x.user_id = 'b'"), 3),
            (RECEIPT_OF.to_owned(), 1),
        ] {
            let rows = sqlx::query(sqlx::AssertSqlSafe(format!("explain query plan {sql}"))).fetch_all(&store.reads).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            let lists: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH") || step.starts_with("SCAN")).collect();
            assert_eq!(lists.len(), lookups, "{steps:?}");
            assert!(lists.iter().all(|step| step.starts_with("SEARCH") && step.contains(" AND ")), "{steps:?}");
        }
        store.close().await;
    }
}
