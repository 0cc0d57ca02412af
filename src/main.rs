//! Arguments and exit codes, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rohrpost::cli::start(std::env::args_os().collect())
}
