//! How mail gets in. Every door ends in `model::arrival::Accept`; nothing here looks into a mail further than its header.

pub mod accept;
pub mod brakes;
pub mod canary;
pub mod envelope;
pub mod facts;
pub mod imap;
pub mod login;
pub mod maildir;
pub mod mbox;
pub mod pipe;
pub mod seen;
pub mod smtp;
pub mod spool;
pub mod told;
pub mod voice;
