//! The real binary in a temporary folder: its doors, its commands, its faults, its kills, its peers.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod alarms;
mod answers;
mod attacks;
mod bad_input;
mod canary;
mod chromium;
mod clamd;
mod demo;
mod digest;
mod dns;
mod doors;
mod dovecot;
mod every_door;
mod exchange;
mod faults;
mod folder;
mod forward;
mod harness;
mod healing;
mod hook;
mod imap;
mod imap_faults;
mod imap_load;
mod imap_old;
mod kill;
mod kinds;
mod limits;
mod lmtp;
mod loops;
mod maildir;
mod maildir_faults;
mod mutt;
mod oauth;
mod oidc;
mod opendkim;
mod outlook;
mod page;
mod parts;
mod pipe;
mod postfix;
mod proofs;
mod put_off;
mod relay;
mod released;
mod scan;
mod secrets;
mod shown;
mod signer;
mod smime;
mod story;
mod take_back;
mod tls;
mod tokens;
