//! Rohrpost carries candidates' e-mail into the recruiting record. The way of a mail is in `pipeline`; the house is described in
//! docs/architecture.md.

pub mod alarms;
pub mod authenticate;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dead_letter;
pub mod display;
pub mod file;
pub mod intake;
pub mod model;
pub mod notify;
pub mod oauth;
pub mod pipeline;
pub mod place;
pub mod scan;
pub mod screen;
pub mod seal;
pub mod store;
pub mod understand;
pub mod watch;
