//! The real binary in a temporary folder: its doors, its commands, its faults, its kills, its peers.

mod bad_input;
mod demo;
mod doors;
mod faults;
mod folder;
mod harness;
mod kill;
mod postfix;
mod released;
mod story;
