//! The command-line tool. It verifies captured requests, receives, sends and replays webhooks on the machine of a developer, and reads a
//! sender's store or API. `hookwire help` lists the commands.
#![expect(clippy::print_stderr, reason = "a command-line tool prints")]

mod api;
mod args;
mod captured;
mod client;
mod doctor;
mod failure;
mod jobs;
mod listen;
mod operate;
mod output;
mod replay;
mod send;
mod source;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Args, Command};
use self::failure::Failure;
use self::jobs::Action;
use self::output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(args.json);
    let done = run(args.command, output).await;
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(2)
        }
    }
}

/// Runs a command. Returns `false` for a negative result: a request is invalid, or a delivery failed.
async fn run(command: Command, output: Output) -> Result<bool, Failure> {
    match command {
        Command::Verify(args) => verify::run(args, output).await,
        Command::Listen(args) => listen::run(args, output).await,
        Command::Send(args) => send::run(args, output).await,
        Command::Replay(args) => replay::run(args, output).await,
        Command::Endpoints(args) => operate::endpoints(args, output).await,
        Command::Tail(args) => operate::tail(args, output).await,
        Command::Resend(args) => jobs::change(Action::Resend, args, output).await,
        Command::Cancel(args) => jobs::change(Action::Cancel, args, output).await,
        Command::Jobs(args) => jobs::jobs(args, output).await,
        Command::Doctor(args) => doctor::run(args, output).await,
        Command::Providers => {
            output.providers();
            Ok(true)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "hookwire", &mut script);
            output::print(String::from_utf8(script)?.trim_end());
            Ok(true)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut page)?;
            output::print(String::from_utf8(page)?.trim_end());
            Ok(true)
        }
    }
}
