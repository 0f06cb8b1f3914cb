//! An agent that must react to a burst of tickets without losing one. A hundred thousand signed webhooks arrive as fast as they are
//! answered; each is verified, stored and answered with 202. The agent handles them at its own pace, escalations first. It is slow, it
//! fails sometimes, and half-way through it is stopped and started again. Waiting tickets are on the disk, so the memory use does not grow.
//!
//! `cargo run --release --example agent_inbox --features sqlite`
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
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{STANDARD, Signing};
use hookwire::store::SqliteStore;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::ServiceExt;

const TICKETS: usize = 100_000;
/// How many requests are under way at once.
const SENDERS: usize = 1_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The progress of the agent.
#[derive(Default)]
struct Work {
    /// How often each ticket was handled.
    times: Vec<u8>,
    /// How many tickets were handled.
    handled: usize,
    /// How many tickets had been handled when the last escalation was handled.
    last_escalation: usize,
}

type Seen = Arc<Mutex<Work>>;

fn handled(seen: &Seen) -> usize {
    seen.lock().map_or(0, |work| work.handled)
}

/// The agent: it needs some time, fails for one ticket in fifty, and handles this ticket at the next attempt.
async fn react(seen: Seen, job: Job) -> Result<(), JobError> {
    let ticket: serde_json::Value = job.json()?;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let number = ticket["number"].as_u64().ok_or_else(|| JobError::reject("number: missing"))?;
    if number.is_multiple_of(50) && job.attempt() == 1 {
        return Err(JobError::retry("the model is overloaded"));
    }
    let mut seen = seen.lock().map_err(|_| JobError::reject("poisoned"))?;
    if let Some(times) = seen.times.get_mut(number as usize) {
        *times += 1;
    }
    seen.handled += 1;
    if job.queue() == "escalations" {
        seen.last_escalation = seen.handled;
    }
    Ok(())
}

fn inbox(store: SqliteStore, seen: &Seen) -> Result<Inbox, Box<dyn Error>> {
    let queue = |name: &str| {
        let seen = seen.clone();
        let soon: Schedule = [20, 50, 100].map(Duration::from_millis).into_iter().collect();
        let queue = Queue::new(name, move |job| react(seen.clone(), job));
        queue.retry(Policy::new(soon))
    };
    let escalations = queue("escalations").types("ticket.escalated".parse()?).concurrency(32.try_into()?);
    Ok(Inbox::builder(store).queue(escalations).queue(queue("tickets").concurrency(32.try_into()?)).build()?)
}

/// The events of the ticket system.
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
    let service = receiver.store("standard", inbox)?;
    let keys = Keyring::new(Key::parse(SECRET)?);
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
            println!("{number} tickets stored and answered 202, {}", memory());
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

/// Runs the worker until the agent has handled `until` tickets.
async fn work(path: &Path, seen: &Seen, until: usize) -> Result<(), Box<dyn Error>> {
    let inbox = inbox(SqliteStore::open(path).await?, seen)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(inbox.worker().run_until(stopped));
    // At most two minutes.
    for _ in 0..12_000 {
        if handled(seen) >= until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stop);
    Ok(worker.await??)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("inbox.db");
    let seen = Seen::new(Mutex::new(Work { times: vec![0; TICKETS], ..Work::default() }));
    let store = SqliteStore::open(&path).await?;
    burst(&store, &inbox(store.clone(), &seen)?).await?;
    drop(store);

    work(&path, &seen, TICKETS / 2).await?;
    println!("stopped with {} done, {}; starting again", handled(&seen), memory());
    work(&path, &seen, TICKETS).await?;

    let seen = seen.lock().map_err(|_| "poisoned")?;
    let (lost, twice) =
        (seen.times.iter().filter(|times| **times == 0).count(), seen.times.iter().filter(|times| **times > 1).count());
    println!(
        "lost {lost}, handled twice {twice}; all escalations were done after {} tickets; {}",
        seen.last_escalation,
        memory()
    );
    if lost == 0 && twice == 0 { Ok(()) } else { Err("a ticket was lost or handled twice".into()) }
}
