//! Loading an organisation: what `import` writes, in bounded steps that can be repeated.

mod settings;

use super::{Store, healing};
use crate::model::address;
use crate::model::id::{TenantId, UserId};
use crate::model::import::{ApplicationIn, Existing, ImportFile, InUse, JobIn, Owner, UserIn};
use crate::model::name;
use crate::model::reference::{self, Check};
use crate::model::user::Locale;
use anyhow::Context;
use settings::{Settings, put_tenant};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};
use std::collections::{HashMap, HashSet};

/// Records of one step: a longer transaction would keep the daemon waiting.
const STEP: usize = 200;
/// Values of one `in` list.
const LIST: usize = 500;

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    pub departments: usize,
    pub users: usize,
    pub jobs: usize,
    pub applications: usize,
    /// Application id and the number that was issued for it.
    pub issued: Vec<(String, String)>,
}

impl Store {
    /// What the database holds of the things that the file names.
    pub async fn existing(&self, file: &ImportFile) -> anyhow::Result<Existing> {
        let tenant = TenantId::new(&file.tenant.id);
        let column = async |sql: &'static str| -> anyhow::Result<HashSet<String>> {
            Ok(sqlx::query_scalar::<_, String>(sql).bind(tenant.as_str()).fetch_all(&self.reads).await?.into_iter().collect())
        };
        let import_addresses: Vec<(String, String)> =
            sqlx::query_as("select address, tenant from import_address").fetch_all(&self.reads).await?;
        let mut references = HashMap::new();
        let numbers: Vec<&String> = file.applications.iter().filter_map(|one| one.reference.as_ref()).collect();
        for numbers in numbers.chunks(LIST) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("select reference, id from application where tenant = ");
            query.push_bind(tenant.as_str()).push(" and reference in (");
            let mut list = query.separated(", ");
            for number in numbers {
                list.push_bind(*number);
            }
            query.push(")");
            references.extend(query.build_query_as::<(String, String)>().fetch_all(&self.reads).await?);
        }
        let mut foreign_logins = HashSet::new();
        for users in file.users.chunks(LIST) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("select name from login where tenant <> ");
            query.push_bind(tenant.as_str()).push(" and name in (");
            let mut list = query.separated(", ");
            for user in users {
                list.push_bind(address::key(&user.email));
            }
            query.push(")");
            foreign_logins.extend(query.build_query_scalar::<String>().fetch_all(&self.reads).await?);
        }
        Ok(Existing {
            tenant: self.tenant(&tenant).await?,
            departments: column("select id from department where tenant = $1").await?,
            users: column("select address from user_address where tenant = $1 and is_login").await?,
            jobs: column("select id from job where tenant = $1").await?,
            references,
            import_addresses: import_addresses.into_iter().collect(),
            in_use: self.in_use(file.tenant.import_addresses.iter().flatten()).await?,
            foreign_logins,
        })
    }

    /// Who has one of these addresses, of all tenants: a user, also as an alias, or a tenant as its fallback; with or without a detail.
    async fn in_use(&self, addresses: impl Iterator<Item = &String>) -> anyhow::Result<Vec<InUse>> {
        let mut found = Vec::new();
        for given in addresses {
            let key = address::key(given);
            let Some((local, domain)) = address::split(&key) else { continue };
            let detailed = format!("{}+%@{}", escaped(local), escaped(domain));
            let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
                "select a.tenant, a.address, l.address from user_address a
                 join user_address l on l.tenant = a.tenant and l.user_id = a.user_id and l.is_login
                 where a.address = $1 or a.address like $2 escape '\\'
                 union all select id, lower(fallback_address), null from tenant
                 where lower(fallback_address) = $1 or lower(fallback_address) like $2 escape '\\'",
            )
            .bind(&key)
            .bind(detailed)
            .fetch_all(&self.reads)
            .await?;
            found.extend(rows.into_iter().map(|(tenant, address, login)| InUse {
                tenant,
                address,
                by: login.map_or(Owner::Fallback, Owner::User),
            }));
        }
        Ok(found)
    }

    /// Writes a file that has no faults. Each step is a transaction; running the whole again changes nothing more.
    pub async fn import(&self, file: ImportFile, existing: &Existing) -> anyhow::Result<Imported> {
        let tenant = TenantId::new(&file.tenant.id);
        let mut done = Imported {
            departments: file.departments.len(),
            users: file.users.len(),
            jobs: file.jobs.len(),
            applications: file.applications.len(),
            issued: Vec::new(),
        };
        let settings = Settings::of(&file, existing);
        let locale = settings.locale;
        let check = settings.check;
        let prefix = settings.prefix.clone();
        let departments = file.departments;
        let id = tenant.clone();
        self.write(move |c| {
            Box::pin(async move {
                put_tenant(c, &id, &settings).await?;
                for department in departments {
                    sqlx::query("insert into department (tenant, id, name) values ($1, $2, $3) on conflict (tenant, id) do update set name = excluded.name")
                        .bind(id.as_str())
                        .bind(department.id)
                        .bind(department.name)
                        .execute(&mut *c)
                        .await?;
                }
                Ok(())
            })
        })
        .await
        .context("tenant")?;
        for users in chunks(file.users) {
            let id = tenant.clone();
            self.write(move |c| Box::pin(async move { put_users(c, &id, users, locale).await })).await.context("users")?;
        }
        for jobs in chunks(file.jobs) {
            let id = tenant.clone();
            self.write(move |c| Box::pin(async move { put_jobs(c, &id, jobs).await })).await.context("jobs")?;
        }
        for applications in chunks(file.applications) {
            let (id, prefix) = (tenant.clone(), prefix.clone());
            let issued = self.write(move |c| Box::pin(async move { put_applications(c, &id, applications, check, &prefix).await }));
            done.issued.extend(issued.await.context("applications")?);
        }
        Ok(done)
    }

    /// Sets a user's password hash; an error if nobody has this login name, or nobody of that tenant (G10).
    pub async fn set_password_hash(&self, tenant: Option<&TenantId>, name: &str, hash: String) -> anyhow::Result<()> {
        let (name, tenant) = (address::key(name), tenant.cloned());
        self.write(move |c| {
            Box::pin(async move {
                let done = sqlx::query("update login set password_hash = $2 where name = $1 and ($3 is null or tenant = $3)")
                    .bind(&name)
                    .bind(hash)
                    .bind(tenant.as_ref().map(TenantId::as_str))
                    .execute(c)
                    .await?;
                let of = tenant.map(|tenant| format!(" in {tenant}")).unwrap_or_default();
                anyhow::ensure!(done.rows_affected() == 1, "{name}: there is no user with this address{of}");
                Ok(())
            })
        })
        .await
    }
}

/// For `like`, whose marks are ordinary characters in an address.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

fn chunks<T>(list: Vec<T>) -> Vec<Vec<T>> {
    let mut list = list.into_iter().peekable();
    let mut chunks = Vec::new();
    while list.peek().is_some() {
        chunks.push(list.by_ref().take(STEP).collect());
    }
    chunks
}

async fn put_users(c: &mut SqliteConnection, tenant: &TenantId, users: Vec<UserIn>, locale: Locale) -> anyhow::Result<()> {
    for user in users {
        put_user(c, tenant, user, locale).await?;
    }
    Ok(())
}

async fn put_user(c: &mut SqliteConnection, tenant: &TenantId, user: UserIn, locale: Locale) -> anyhow::Result<()> {
    let name = address::key(&user.email);
    let known: Option<String> = sqlx::query_scalar("select user_id from user_address where tenant = $1 and address = $2 and is_login")
        .bind(tenant.as_str())
        .bind(&name)
        .fetch_optional(&mut *c)
        .await?;
    let id = known.unwrap_or_else(|| UserId::generate().to_string());
    let keys: Vec<String> = std::iter::once(&user.email).chain(&user.aliases).map(|address| address::key(address)).collect();
    let before = healing::standing(c, tenant, &keys, &id).await?;
    sqlx::query(
        "insert into user_account (tenant, id, email, name, role, locale, active, wants_receipts) values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant, id) do update set email = excluded.email, name = excluded.name, role = excluded.role,
         locale = excluded.locale, active = excluded.active, wants_receipts = excluded.wants_receipts",
    )
    .bind(tenant.as_str())
    .bind(&id)
    .bind(user.email.trim())
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(user.locale.unwrap_or(locale).as_str())
    .bind(user.active)
    .bind(user.receipts)
    .execute(&mut *c)
    .await?;
    for table in
        ["delete from user_address where tenant = $1 and user_id = $2", "delete from department_user where tenant = $1 and user_id = $2"]
    {
        sqlx::query(table).bind(tenant.as_str()).bind(&id).execute(&mut *c).await?;
    }
    let addresses = std::iter::once((name.clone(), true)).chain(user.aliases.iter().map(|alias| (address::key(alias), false)));
    for (address, is_login) in addresses {
        sqlx::query("insert into user_address (tenant, address, user_id, is_login) values ($1, $2, $3, $4)")
            .bind(tenant.as_str())
            .bind(&address)
            .bind(&id)
            .bind(is_login)
            .execute(&mut *c)
            .await
            .with_context(|| format!("{address}: another user of this tenant has this address"))?;
    }
    sqlx::query("insert into login (name, tenant, user_id) values ($1, $2, $3) on conflict (name) do nothing")
        .bind(&name)
        .bind(tenant.as_str())
        .bind(&id)
        .execute(&mut *c)
        .await?;
    for department in user.departments {
        sqlx::query("insert into department_user (tenant, department, user_id) values ($1, $2, $3) on conflict do nothing")
            .bind(tenant.as_str())
            .bind(department)
            .bind(&id)
            .execute(&mut *c)
            .await?;
    }
    if healing::standing(c, tenant, &keys, &id).await? != before {
        healing::forwarder_changed(c, tenant, &keys).await?;
    }
    Ok(())
}

async fn put_jobs(c: &mut SqliteConnection, tenant: &TenantId, jobs: Vec<JobIn>) -> anyhow::Result<()> {
    for job in jobs {
        sqlx::query(
            "insert into job (tenant, id, title, department, closed) values ($1, $2, $3, $4, $5)
             on conflict (tenant, id) do update set title = excluded.title, department = excluded.department, closed = excluded.closed",
        )
        .bind(tenant.as_str())
        .bind(&job.id)
        .bind(&job.title)
        .bind(&job.department)
        .bind(job.closed)
        .execute(&mut *c)
        .await?;
        put_responsible(c, tenant, "job", &job.id, &job.responsible).await?;
    }
    Ok(())
}

async fn put_responsible(c: &mut SqliteConnection, tenant: &TenantId, scope: &str, id: &str, emails: &[String]) -> anyhow::Result<()> {
    sqlx::query("delete from responsible where tenant = $1 and scope = $2 and scope_id = $3")
        .bind(tenant.as_str())
        .bind(scope)
        .bind(id)
        .execute(&mut *c)
        .await?;
    for email in emails {
        sqlx::query(
            "insert into responsible (tenant, scope, scope_id, user_id)
             select $1, $2, $3, user_id from user_address where tenant = $1 and address = $4 and is_login on conflict do nothing",
        )
        .bind(tenant.as_str())
        .bind(scope)
        .bind(id)
        .bind(address::key(email))
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

/// Returns the numbers that were issued.
async fn put_applications(
    c: &mut SqliteConnection,
    tenant: &TenantId,
    applications: Vec<ApplicationIn>,
    check: Check,
    prefix: &str,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut issued = Vec::new();
    for application in applications {
        let is_new_address = put_candidate(c, tenant, &application).await?;
        let old = sqlx::query("select reference, has_check_digit from application where tenant = $1 and id = $2")
            .bind(tenant.as_str())
            .bind(&application.id)
            .fetch_optional(&mut *c)
            .await?;
        let is_new_number = |number: &str| old.as_ref().is_none_or(|row| row.get::<&str, _>("reference") != number);
        let old: Option<(String, bool)> = old.as_ref().map(|row| (row.get("reference"), row.get("has_check_digit")));
        let (number, has_check_digit) = match (&application.reference, old) {
            (Some(given), Some((number, has_check_digit))) if *given == number => (number, has_check_digit || check == Check::Mod1110),
            (Some(given), _) => (given.clone(), check == Check::Mod1110),
            (None, Some(kept)) => kept,
            (None, None) => {
                let number = issue(c, tenant, prefix).await?;
                issued.push((application.id.clone(), number.clone()));
                (number, true)
            }
        };
        sqlx::query(
            "insert into application (tenant, id, reference, has_check_digit, job, candidate, status, erased) values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (tenant, id) do update set reference = excluded.reference, has_check_digit = excluded.has_check_digit,
             job = excluded.job, candidate = excluded.candidate, status = excluded.status, erased = excluded.erased",
        )
        .bind(tenant.as_str())
        .bind(&application.id)
        .bind(&number)
        .bind(has_check_digit)
        .bind(&application.job)
        .bind(&application.candidate.id)
        .bind(application.status.as_str())
        .bind(application.erased)
        .execute(&mut *c)
        .await?;
        put_responsible(c, tenant, "application", &application.id, &application.responsible).await?;
        if is_new_address || is_new_number(&number) {
            healing::candidate_changed(c, tenant, &application.candidate.id).await?;
        }
    }
    Ok(issued)
}

/// Says whether he has an address that he had not.
async fn put_candidate(c: &mut SqliteConnection, tenant: &TenantId, application: &ApplicationIn) -> anyhow::Result<bool> {
    let candidate = &application.candidate;
    sqlx::query(
        "insert into candidate (tenant, id, name, name_key) values ($1, $2, $3, $4)
         on conflict (tenant, id) do update set name = excluded.name, name_key = excluded.name_key",
    )
    .bind(tenant.as_str())
    .bind(&candidate.id)
    .bind(&candidate.name)
    .bind(name::key(&candidate.name))
    .execute(&mut *c)
    .await?;
    let old: Vec<String> = sqlx::query_scalar("select address from candidate_address where tenant = $1 and candidate = $2")
        .bind(tenant.as_str())
        .bind(&candidate.id)
        .fetch_all(&mut *c)
        .await?;
    sqlx::query("delete from candidate_address where tenant = $1 and candidate = $2")
        .bind(tenant.as_str())
        .bind(&candidate.id)
        .execute(&mut *c)
        .await?;
    for email in &candidate.emails {
        sqlx::query("insert into candidate_address (tenant, address, candidate) values ($1, $2, $3) on conflict do nothing")
            .bind(tenant.as_str())
            .bind(address::key(email))
            .bind(&candidate.id)
            .execute(&mut *c)
            .await?;
    }
    Ok(candidate.emails.iter().any(|email| !old.contains(&address::key(email))))
}

/// The tenant's next number that no application has.
async fn issue(c: &mut SqliteConnection, tenant: &TenantId, prefix: &str) -> anyhow::Result<String> {
    loop {
        let serial: i64 = sqlx::query_scalar("update tenant set next_serial = next_serial + 1 where id = $1 returning next_serial - 1")
            .bind(tenant.as_str())
            .fetch_one(&mut *c)
            .await?;
        let number = reference::issued(prefix, serial.try_into().context("serial")?);
        let taken: Option<i64> = sqlx::query_scalar("select 1 from application where tenant = $1 and reference = $2")
            .bind(tenant.as_str())
            .bind(&number)
            .fetch_optional(&mut *c)
            .await?;
        if taken.is_none() {
            return Ok(number);
        }
    }
}
