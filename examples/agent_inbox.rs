//! An agent that must react to a burst of tickets without losing one. Ten thousand signed webhooks arrive at once; each is
//! verified, kept and answered 202; the agent works them off at its own pace, escalations first. It is slow, it fails now and
//! then, and half-way through it is stopped and started again.
//!
//! `cargo run --release --example agent_inbox`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::HashMap;
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

const TICKETS: usize = 10_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How often each ticket was dealt with, and in which order.
type Seen = Arc<Mutex<(HashMap<String, u32>, Vec<bool>)>>;

/// The agent: thinks for a while, fails at one ticket in fifty, and deals with it the next time.
async fn react(seen: Seen, bar: ProgressBar, job: Job) -> Result<(), JobError> {
    let ticket: serde_json::Value = job.json()?;
    tokio::time::sleep(Duration::from_millis(2)).await;
    if ticket["number"].as_u64().is_some_and(|number| number % 50 == 0) && job.attempt() == 1 {
        return Err(JobError::retry("the model is overloaded"));
    }
    let mut seen = seen.lock().map_err(|_| JobError::reject("poisoned"))?;
    *seen.0.entry(job.event_id().unwrap_or_default().into()).or_default() += 1;
    seen.1.push(job.queue() == "escalations");
    bar.inc(1);
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

/// Everything at once; every answer must be 202.
async fn burst(store: &SqliteStore, inbox: &Inbox) -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder(store.clone()).source(Source::standard(SECRET)?).build()?;
    let service = receiver.keep("standard", inbox)?;
    let keys = Keyring::new(STANDARD.key(SECRET)?);
    let mut answers = tokio::task::JoinSet::new();
    for number in 0..TICKETS {
        answers.spawn(service.clone().oneshot(request(number, &keys)?));
    }
    while let Some(answer) = answers.join_next().await {
        let status = answer??.status();
        if status != StatusCode::ACCEPTED {
            return Err(format!("a ticket was answered {status}").into());
        }
    }
    Ok(())
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
    let (seen, bar) = (Seen::default(), ProgressBar::new(TICKETS as u64));
    let store = SqliteStore::open(&path).await?;
    burst(&store, &inbox(store.clone(), &seen, &bar)?).await?;
    drop(store);
    println!("{TICKETS} tickets kept and answered 202");

    work(&path, &seen, &bar, TICKETS / 2).await?;
    println!("stopped with {} done; starting again", bar.position());
    work(&path, &seen, &bar, TICKETS).await?;
    bar.finish();

    let seen = seen.lock().map_err(|_| "poisoned")?;
    let (lost, twice) = (TICKETS - seen.0.len(), seen.0.values().filter(|times| **times > 1).count());
    let last_escalation = seen.1.iter().rposition(|escalated| *escalated).unwrap_or(0);
    println!("lost {lost}, handled twice {twice}; all escalations were done after {last_escalation} tickets");
    if lost == 0 && twice == 0 { Ok(()) } else { Err("a ticket was lost or handled twice".into()) }
}
