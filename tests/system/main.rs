//! The real binary in a temporary folder: its doors, its commands, its faults, its kills, its peers.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod clamd;
mod demo;
mod doors;
mod faults;
mod folder;
mod harness;
mod kill;
mod limits;
mod postfix;
mod relay;
mod released;
mod scan;
mod secrets;
mod shown;
mod story;
