//! Who must hear? `compose` decides and writes; `outbox` sends, and never decides.

pub mod compose;
pub mod daily;
pub mod outbox;
pub mod plain;
mod texts;
pub mod transport;
