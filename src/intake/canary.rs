//! Knows a mail of ours to ourselves when it comes: by a token that we gave out, once, at the door that it was sent through. Whatever
//! else bears such a field is anybody's mail.

use crate::model::arrival::{Arrival, Purpose, Raw};
use crate::model::header::Header;
use crate::model::id::TenantId;
use crate::model::token::CANARY_FIELD;
use crate::store::Store;

/// Turns the arrival into what it is, if it is one. `named`: the door's own name, where there are several of a kind. It belongs to the machine, like mail to postmaster.
pub async fn recognise(store: &Store, arrival: &mut Arrival, named: Option<&str>) -> anyhow::Result<()> {
    let Some(token) = token(arrival) else { return Ok(()) };
    let Some((kind, name)) = store.canary_door(&token, arrival.at).await? else { return Ok(()) };
    let is_that_door = kind == arrival.door.as_str() && named.is_none_or(|of| of == name);
    if is_that_door {
        arrival.envelope.purpose = Purpose::Canary { token };
        arrival.tenant = TenantId::machine();
    }
    Ok(())
}

/// What stands in the field of a mail that came to an import address. Ours are small: a large one is none.
fn token(arrival: &Arrival) -> Option<String> {
    let (Purpose::Import, Raw::Bytes(bytes)) = (&arrival.envelope.purpose, &arrival.raw) else { return None };
    let text = Header::read(bytes).text(CANARY_FIELD)?;
    let text = text.trim();
    (text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| text.to_owned())
}
