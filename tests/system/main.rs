//! The real binary in a temporary folder: its doors, its commands, its faults, its kills, its peers.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

mod answers;
mod bad_input;
mod demo;
mod doors;
mod faults;
mod folder;
mod harness;
mod kill;
mod loops;
mod postfix;
mod relay;
mod released;
mod shown;
mod story;
mod tokens;
