//! The words that travel through the house: values, identifiers, decisions and reasons.
//! Never does I/O, never reads a clock, names no other folder.

pub mod address;
pub mod alarm;
pub mod answer;
pub mod arrival;
pub mod bearer;
pub mod daily;
pub mod digest;
#[cfg(test)]
pub mod examples;
pub mod facts;
pub mod file_name;
pub mod header;
pub mod healing;
pub mod id;
pub mod import;
pub mod installation;
pub mod legible;
pub mod mailbox;
pub mod markup;
pub mod message;
pub mod name;
pub mod organisation;
pub mod outbound;
pub mod part;
pub mod reference;
pub mod rendering;
pub mod scan;
pub mod sender;
pub mod stop;
pub mod token;
pub mod user;
pub mod verdict;
