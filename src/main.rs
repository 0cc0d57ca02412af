//! Arguments and exit codes, nothing else.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    rohrpost::cli::run(rohrpost::cli::Cli::parse())
}
