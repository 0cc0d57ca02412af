//! The application that a command names as the place of a mail.

use super::Failure;
use crate::model::id::TenantId;
use crate::model::organisation::Application;
use crate::place::suggest;
use crate::store::Store;

/// The number must be one that mail can be filed under; a slip of the fingers is answered with what is near.
pub async fn assignable(store: &Store, tenant: &TenantId, reference: &str) -> Result<Application, Failure> {
    match store.application(tenant, reference).await? {
        Some(application) if !application.erased => Ok(application),
        Some(_) => Err(Failure::Failed(anyhow::anyhow!("the application {reference} has been erased"))),
        None => {
            let nearby = store.nearby(tenant, &[], &[], &suggest::near_numbers(reference)).await?;
            let near: Vec<String> =
                suggest::suggestions(&nearby, Some(reference), suggest::MOST).into_iter().map(|one| one.reference).collect();
            let hint = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
            Err(Failure::Failed(anyhow::anyhow!("there is no application {reference}{hint}")))
        }
    }
}
