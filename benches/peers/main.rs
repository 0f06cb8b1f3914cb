//! Measures a webhook server that is already running: the same payloads to the same receiver, through the server's own HTTP API.
//!
//! `peers rate <server>` prints deliveries a second, CPU time per delivery, and the time from dispatch to receipt. `peers kill <server>`
//! counts what a kill loses. `benches/peers/README.md` lists the variables and shows a command for each server. Nothing here fetches, builds
//! or configures a server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark reports")]

mod adapters;
mod api;
mod cpu;
mod kill;
mod ledger;
mod load;
mod problem;
mod rate;
mod receiver;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;

use hookwire::clock::{Clock as _, SystemClock};

use self::api::Api;
use self::ledger::Ledger;
use self::load::Load;
use self::problem::Problem;
use self::settings::{Mode, Settings};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("peers: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Problem> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let settings = Settings::read(&arguments, &|name| std::env::var(name).ok())?;
    let adapter = adapters::find(&settings)?;
    let api = Api::new(settings.api.clone(), &settings.token)?;

    let name = format!("{:x}", SystemClock.now().as_micros());
    let ledger = Arc::new(Ledger::new(&name, settings.all_events()));
    let url = receiver::start(ledger.clone(), settings.receiver_port, settings.receiver_delay).await?;
    let mut load = Load::new(api, adapter, ledger, settings.payload, settings.callers);
    println!("server: {}, adapter written against {}", settings.server, load.version());
    println!(
        "{} endpoints, {} bytes of data, {} callers, the receiver answers after {} ms",
        settings.endpoints,
        settings.payload,
        settings.callers,
        settings.receiver_delay.as_millis(),
    );
    load.open(&name, settings.endpoints, &url).await?;

    let load = Arc::new(load);
    match settings.mode {
        Mode::Rate => rate::run(&load, &settings).await,
        Mode::Kill => kill::run(&load, &settings).await,
    }
}
