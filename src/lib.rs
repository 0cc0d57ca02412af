//! Rohrpost carries candidates' e-mail into the recruiting record. The way of a mail is in `pipeline`; the house is described in
//! docs/architecture.md.

pub mod model;
pub mod understand;
pub mod cli;
