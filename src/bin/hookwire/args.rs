//! The arguments of the tool.

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand};
use clap_complete::Shell;

/// Webhooks on the command line.
#[derive(Debug, Parser)]
#[command(name = "hookwire", version, about, long_about = None, propagate_version = true)]
pub(crate) struct Args {
    /// Print JSON for programs, one document per line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the signature of captured requests, and show why it is invalid.
    Verify(Verify),
    /// Receive webhooks on this machine, show them, and forward them.
    Listen(Listen),
    /// Sign events and send them, with retries.
    Send(Send),
    /// Send captured requests again, unchanged or with a new signature.
    Replay(Replay),
    /// List the endpoints of a sender.
    Endpoints(SenderAccess),
    /// Show the deliveries of a sender as they are created.
    Tail(Tail),
    /// Send a delivery again, or all that match a filter.
    Resend(Change),
    /// Cancel a delivery, or all that match a filter.
    Cancel(Change),
    /// List the jobs that change many deliveries, show one, or stop it.
    Jobs(Jobs),
    /// Check a store, an endpoint and the clock of this machine.
    Doctor(Doctor),
    /// List the known providers.
    Providers,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// The provider that sends requests, and its secret.
#[derive(Clone, Debug, Arguments)]
pub(crate) struct Source {
    /// The provider: `stripe`, `github`, ... (`hookwire providers` lists them). Without this option, the provider is recognised by the
    /// request.
    #[arg(short, long)]
    pub(crate) provider: Option<String>,
    /// The secret, as the provider shows it. Repeat it to try several.
    #[arg(short, long, env = "HOOKWIRE_SECRET", hide_env_values = true)]
    pub(crate) secret: Vec<String>,
    /// A file that contains the secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// A setting of the provider, such as `url=https://example.com`. Repeat it for several.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) settings: Vec<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Compare the signed time with this time: `now`, seconds since 1970, or RFC 3339. The default is the time of receipt in the captured
    /// request. Without both, the signed time is not checked.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// A raw HTTP request, a curl command, a HAR file, or JSON lines from `listen --record`. `-`: standard input.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Arguments)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The port, or the address and the port. `0`: any free port.
    #[arg(long, default_value = "4000")]
    pub(crate) port: String,
    /// Forward each request unchanged to this URL, and return its response.
    #[arg(short, long, value_name = "URL")]
    pub(crate) forward: Option<String>,
    /// Answer valid requests with this status.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..600))]
    pub(crate) answer: u16,
    /// Append each request to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Stop after this number of requests.
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Send {
    /// The URL of the endpoint.
    pub(crate) url: String,
    /// The scheme: `standard` or a provider that signs with a secret.
    #[arg(short, long, default_value = "standard")]
    pub(crate) provider: String,
    /// The secret. Without it, a new secret is generated and printed.
    #[arg(short, long, env = "HOOKWIRE_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// The type of the event.
    #[arg(short = 't', long = "type", default_value = "test.event")]
    pub(crate) event_type: String,
    /// The data of the event, as JSON.
    #[arg(short, long, conflicts_with = "file")]
    pub(crate) data: Option<String>,
    /// A file of JSON lines: `{"type": "invoice.paid", "data": ...}`. `-`: standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The maximum number of retries after a failed attempt.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub(crate) retries: u32,
}

#[derive(Debug, Arguments)]
pub(crate) struct Replay {
    /// A raw HTTP request, a curl command, a HAR file, or JSON lines. `-`: standard input.
    pub(crate) file: PathBuf,
    /// The URL to which the requests are sent.
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// Sign each request again with a new time, as `--provider` signs, with `--secret`.
    #[arg(long)]
    pub(crate) re_sign: bool,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// A sender's management API, or its store.
#[derive(Clone, Debug, Arguments)]
pub(crate) struct SenderAccess {
    /// The URL under which the management API is mounted.
    #[arg(long, value_name = "URL", env = "HOOKWIRE_API", conflicts_with = "store")]
    pub(crate) api: Option<String>,
    /// The bearer token for the API.
    #[arg(long, env = "HOOKWIRE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The file of a SQLite store.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Show and change only objects of this tenant.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) access: SenderAccess,
    /// Show only deliveries in this state: pending, delivered, failed, held or cancelled.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Show the last deliveries and stop.
    #[arg(long)]
    pub(crate) once: bool,
    /// The number of past deliveries to show first.
    #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) lines: u32,
}

/// A delivery, or a filter of deliveries.
#[derive(Debug, Arguments)]
pub(crate) struct Change {
    /// The id of the delivery: `dlv_...`.
    #[arg(required_unless_present = "all")]
    pub(crate) delivery: Option<String>,
    /// Count all deliveries that match the filter. With `--yes`, start a job that changes them.
    #[arg(long, conflicts_with = "delivery")]
    pub(crate) all: bool,
    /// Start the job.
    #[arg(long, requires = "all", conflicts_with = "delivery")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// The most deliveries that are changed.
    #[arg(long, value_name = "COUNT", requires = "all", conflicts_with = "delivery")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) access: SenderAccess,
}

/// A filter of deliveries. `--tenant` belongs to it too.
#[derive(Debug, Arguments)]
pub(crate) struct Filter {
    /// Only deliveries in this state: pending, delivered, failed, held or cancelled.
    #[arg(long, requires = "all", conflicts_with = "delivery")]
    pub(crate) state: Option<String>,
    /// Only deliveries to this endpoint: `ep_...`.
    #[arg(long, value_name = "ID", requires = "all", conflicts_with = "delivery")]
    pub(crate) endpoint: Option<String>,
    /// Only deliveries of this event.
    #[arg(long, value_name = "ID", requires = "all", conflicts_with = "delivery")]
    pub(crate) event: Option<String>,
    /// Only deliveries of events of this type.
    #[arg(long = "type", value_name = "TYPE", requires = "all", conflicts_with = "delivery")]
    pub(crate) event_type: Option<String>,
    /// Only deliveries with this outcome of the last attempt, such as `503`, `5xx` or `timeout`.
    #[arg(long, requires = "all", conflicts_with = "delivery")]
    pub(crate) outcome: Option<String>,
    /// Only deliveries to endpoints with this label.
    #[arg(long, value_name = "NAME=VALUE", requires = "all", conflicts_with = "delivery")]
    pub(crate) label: Option<String>,
    /// Only deliveries that were created at this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME", requires = "all", conflicts_with = "delivery")]
    pub(crate) from: Option<String>,
    /// Only deliveries that were created before this time (RFC 3339).
    #[arg(long, value_name = "TIME", requires = "all", conflicts_with = "delivery")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Jobs {
    /// The number of a job. Without it, all jobs are listed.
    pub(crate) number: Option<u64>,
    /// Stop the job. What it has changed before remains changed.
    #[arg(long, requires = "number")]
    pub(crate) stop: bool,
    #[command(flatten)]
    pub(crate) access: SenderAccess,
}

#[derive(Debug, Arguments)]
pub(crate) struct Doctor {
    /// The file of a SQLite store.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// The URL of an endpoint. Its address, its TLS certificate and its clock are checked.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}
