//! The commands. Each file is one of them; `Failure` carries the exit code.

mod explain;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The pneumatic post of recruiting: carries candidates' e-mail into their applications' history.
#[derive(Parser)]
#[command(name = "rohrpost", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a mail would be understood as, without a database
    Explain(explain::Args),
}

/// Runs the command that was asked for.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Explain(args) => explain::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rohrpost: {error:#}");
            ExitCode::from(1)
        }
    }
}
