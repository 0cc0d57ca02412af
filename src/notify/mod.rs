//! Who must hear? `compose` decides and writes; `outbox` sends, and never decides.

pub mod compose;
mod texts;
