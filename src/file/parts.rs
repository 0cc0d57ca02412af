//! The rows of an entry that say what became of each part of the mail (G8).

use crate::model::id::DocumentId;
use crate::model::message::{Attachment, Kind, Message, PartRole};
use serde_json::{Value, json};

/// A row for each listed part, in the mail's order, then the texts that are not shown. `documents`: those of the parts that are files,
/// in the same order.
pub fn rows(message: &Message, documents: impl Iterator<Item = DocumentId>) -> Vec<Value> {
    let mut documents = documents;
    let mut row = |part: &Attachment| {
        let document = if part.role == PartRole::File { documents.next() } else { None };
        let mut row = json!({
            "of": part.of, "name": part.name, "media_type": part.media_type, "declared_type": part.declared_type, "size": part.size,
            "sha256": part.sha256, "kind": part.kind, "role": part.role, "reason": part.reason, "document": document,
        });
        if let Some(found) = &part.found {
            row["found"] = json!(found);
        }
        part.details.add_to(&mut row);
        row
    };
    let mut rows: Vec<Value> = message.attachments.iter().map(&mut row).collect();
    rows.extend(message.unshown.iter().map(|text| {
        json!({
            "of": text.of, "name": null, "media_type": text.declared_type, "declared_type": text.declared_type, "size": text.size,
            "sha256": text.sha256, "kind": Kind::Other, "role": PartRole::Skipped, "reason": text.reason, "document": null,
        })
    }));
    rows
}
