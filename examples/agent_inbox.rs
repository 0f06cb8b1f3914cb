//! An agent that must react to a burst of tickets without losing one. A hundred thousand signed webhooks arrive as fast as they are
//! answered; each is verified, kept and answered 202. The agent works them off at its own pace, escalations first. It is slow, it
//! fails now and then, and half-way through it is stopped and started again. What waits is on the disk: the memory stays as it is.
//!
//! `cargo run --release --example agent_inbox`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::{Clock, SystemClock};
use hookwire::receiver::inbox::{Inbox, Job, JobError, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::retry::{Policy, Schedule};
use hookwire::secret::Keyring;
use hookwire::signature::{STANDARD, Signing};
use hookwire::store::SqliteStore;
use hookwire::worker::CancellationToken;
use http::{Request, StatusCode};
use http_body_util::Full;
use indicatif::ProgressBar;
use tower::ServiceExt;

const TICKETS: usize = 100_000;
/// How many requests are under way at once.
const SENDERS: usize = 1_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How often each ticket was dealt with, and after how many the last escalation was.
type Seen = Arc<Mutex<(Vec<u8>, u64)>>;

/// The agent: thinks for a while, fails at one ticket in fifty, and deals with it the next time.
async fn react(seen: Seen, bar: ProgressBar, job: Job) -> Result<(), JobError> {
    let ticket: serde_json::Value = job.json()?;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let number = ticket["number"].as_u64().ok_or_else(|| JobError::reject("number: missing"))?;
    if number.is_multiple_of(50) && job.attempt() == 1 {
        return Err(JobError::retry("the model is overloaded"));
    }
    let mut seen = seen.lock().map_err(|_| JobError::reject("poisoned"))?;
    if let Some(times) = seen.0.get_mut(number as usize) {
        *times += 1;
    }
    bar.inc(1);
    if job.queue() == "escalations" {
        seen.1 = bar.position();
    }
    Ok(())
}

fn inbox(store: SqliteStore, seen: &Seen, bar: &ProgressBar) -> Result<Inbox, Box<dyn Error>> {
    let queue = |name: &str| {
        let (seen, bar) = (seen.clone(), bar.clone());
        let soon: Schedule = [20, 50, 100].map(Duration::from_millis).into_iter().collect();
        let queue = Queue::new(name, move |job| react(seen.clone(), bar.clone(), job));
        queue.retry(Policy::new(soon))
    };
    let escalations = queue("escalations").types("ticket.escalated".parse()?).concurrency(32.try_into()?);
    Ok(Inbox::builder(store).queue(escalations).queue(queue("tickets").concurrency(32.try_into()?)).build()?)
}

/// What the ticket system sends.
fn request(number: usize, keys: &Keyring) -> Result<Request<Full<Bytes>>, Box<dyn Error>> {
    let kind = if number.is_multiple_of(20) { "ticket.escalated" } else { "ticket.opened" };
    let body = Bytes::from(serde_json::json!({ "type": kind, "number": number }).to_string());
    let mut request = Request::post("/tickets").body(Full::new(body.clone()))?;
    let signing = Signing { id: &format!("ticket-{number}"), timestamp: SystemClock.now(), body: &body };
    STANDARD.sign(&signing, keys, request.headers_mut())?;
    Ok(request)
}

/// As fast as it is answered; every answer must be 202.
async fn burst(store: &SqliteStore, inbox: &Inbox) -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder(store.clone()).source(Source::standard(SECRET)?).build()?;
    let service = receiver.keep("standard", inbox)?;
    let keys = Keyring::new(STANDARD.key(SECRET)?);
    let mut answers = tokio::task::JoinSet::new();
    for number in 0..TICKETS + SENDERS {
        if number < TICKETS {
            answers.spawn(service.clone().oneshot(request(number, &keys)?));
        }
        if number >= SENDERS
            && let Some(answer) = answers.join_next().await
        {
            let status = answer??.status();
            if status != StatusCode::ACCEPTED {
                return Err(format!("a ticket was answered {status}").into());
            }
        }
        if [TICKETS / 10, TICKETS].contains(&number) {
            println!("{number} tickets kept and answered 202, {}", memory());
        }
    }
    Ok(())
}

/// The resident memory of this process; unknown where there is no `/proc`.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let used = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    used.map_or_else(|| "memory unknown".into(), |used| format!("memory {}", used.trim()))
}

/// The worker, until the agent has dealt with so many.
async fn work(path: &Path, seen: &Seen, bar: &ProgressBar, until: usize) -> Result<(), Box<dyn Error>> {
    let inbox = inbox(SqliteStore::open(path).await?, seen, bar)?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(inbox.worker().run(stop.clone()));
    // At most two minutes.
    for _ in 0..12_000 {
        if usize::try_from(bar.position())? >= until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    Ok(worker.await??)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("inbox.db");
    let (seen, bar) = (Seen::new(Mutex::new((vec![0; TICKETS], 0))), ProgressBar::new(TICKETS as u64));
    let store = SqliteStore::open(&path).await?;
    burst(&store, &inbox(store.clone(), &seen, &bar)?).await?;
    drop(store);

    work(&path, &seen, &bar, TICKETS / 2).await?;
    println!("stopped with {} done, {}; starting again", bar.position(), memory());
    work(&path, &seen, &bar, TICKETS).await?;
    bar.finish();

    let seen = seen.lock().map_err(|_| "poisoned")?;
    let (lost, twice) =
        (seen.0.iter().filter(|times| **times == 0).count(), seen.0.iter().filter(|times| **times > 1).count());
    println!("lost {lost}, handled twice {twice}; all escalations were done after {} tickets; {}", seen.1, memory());
    if lost == 0 && twice == 0 { Ok(()) } else { Err("a ticket was lost or handled twice".into()) }
}
