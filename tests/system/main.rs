//! The real binary in a temporary folder: its doors, its commands, its faults, its kills, its peers.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod demo;
mod doors;
mod dovecot;
mod faults;
mod folder;
mod harness;
mod imap;
mod imap_faults;
mod imap_load;
mod kill;
mod postfix;
mod relay;
mod released;
mod shown;
mod story;
