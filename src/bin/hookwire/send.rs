//! `hookwire send`: runs a sender with a store in memory, a worker, and one endpoint.

use std::path::Path;
use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EndpointId, EventId};
use hookwire::provider::Scheme;
use hookwire::retry::{Policy, Schedule};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Scope, Sender};
use hookwire::store::{Counts, MemoryStore};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::args;
use super::failure::Failure;
use super::output::{BAD, GOOD, Output, styled};
use super::source::provider;

/// The interval at which the progress is checked.
const LOOK: Duration = Duration::from_millis(50);

/// A line in a file of events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: String,
    data: Box<RawValue>,
}

pub(crate) async fn run(args: args::Send, output: Output) -> Result<bool, Failure> {
    let scheme = provider(&args.provider)?;
    let events = events(&args)?;
    let key = key(scheme, args.secret.as_deref(), output)?;
    let sender = sender(scheme, args.retries)?;
    let endpoint = NewEndpoint::at(Target::parse(&args.url)?).keys(Keyring::new(key)).schemes([scheme.name()]);
    let endpoint = sender.endpoints().create(endpoint).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));
    let mut deliveries = Vec::with_capacity(events.len());
    for event in events {
        deliveries.extend(sender.dispatch(event).await?.deliveries);
    }
    wait(&sender, endpoint.id, deliveries.len(), output).await?;
    drop(stop);
    worker.await??;
    report(&sender, &deliveries, output).await
}

/// Returns the key of the secret, or generates and prints a new secret.
fn key(scheme: &Scheme, secret: Option<&str>, output: Output) -> Result<Key, Failure> {
    if let Some(secret) = secret {
        return Ok(scheme.key(secret)?);
    }
    let key = Key::generate()?;
    let text = key.expose();
    output.remark(format!("no --secret: signing with {}", *text));
    Ok(scheme.key(&text)?)
}

fn sender(scheme: &'static Scheme, retries: u32) -> Result<Sender, Failure> {
    let delays = [1, 2, 5, 10, 30].into_iter().chain(std::iter::repeat(60)).map(Duration::from_secs);
    let schedule: Schedule = delays.take(usize::try_from(retries)?).collect();
    let mut builder = Sender::builder(MemoryStore::new())
        .for_development()
        .dangerous_development_in_release()
        .egress(EgressPolicy::default().dangerous_allow_private_networks())
        .retry(Policy::new(schedule));
    if !["standard", "stripe", "github"].contains(&scheme.name()) {
        builder = builder.signer(scheme.name(), scheme.clone());
    }
    Ok(builder.build()?)
}

fn events(args: &args::Send) -> Result<Vec<NewEvent>, Failure> {
    let Some(file) = &args.file else {
        let data: Value = args.data.as_deref().map_or(Ok(json!({ "hello": "world" })), |data| {
            serde_json::from_str(data).map_err(|error| Failure::new(format!("--data: is not JSON: {error}")))
        })?;
        return Ok(vec![NewEvent::json(&args.event_type, &data)?]);
    };
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(file)?
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let event = |(at, line): (usize, &str)| {
        let wrong = |problem: String| Failure::new(format!("--file: line {}: {problem}", at + 1));
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let event = NewEvent::json(&line.event_type, &line.data).map_err(|error| wrong(error.to_string()))?;
        match line.id {
            Some(id) => Ok(event.id(id.parse::<EventId>().map_err(|error| wrong(error.to_string()))?)),
            None => Ok(event),
        }
    };
    lines.map(event).collect()
}

/// Waits until every delivery has ended.
async fn wait(sender: &Sender, endpoint: EndpointId, expected: usize, output: Output) -> Result<(), Failure> {
    let bar = if output.is_json() { ProgressBar::hidden() } else { ProgressBar::new(expected.try_into()?) };
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    loop {
        let counts = sender.stats(endpoint).await?.counts;
        // Only the number of those that wait is exact, and only below the bound.
        if counts.pending < Counts::MOST {
            bar.set_position(u64::try_from(expected)?.saturating_sub(counts.pending));
        }
        bar.set_message(format!("{} waiting", counts.shown(DeliveryState::Pending)));
        if counts.pending == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn report(sender: &Sender, deliveries: &[DeliveryId], output: Output) -> Result<bool, Failure> {
    let scoped = sender.scoped(Scope::operator());
    let (mut all_delivered, mut rows) = (true, Vec::new());
    for id in deliveries {
        let Some(delivery) = scoped.delivery(*id).await? else { continue };
        let last = scoped.attempts(*id).await?.and_then(|attempts| attempts.into_iter().next_back());
        let is_delivered = delivery.state == DeliveryState::Delivered;
        all_delivered &= is_delivered;
        let last = last.map(|attempt| attempt.outcome.to_string());
        rows.push(json!({
            "event": delivery.event.to_string(), "type": delivery.event_type.to_string(), "state": format!("{:?}", delivery.state).to_lowercase(),
            "attempts": delivery.attempts, "last": last,
        }));
    }
    output.table(&["event", "type", "state", "attempts", "last"], &rows);
    if !output.is_json() {
        let (style, word) =
            if all_delivered { (GOOD, "delivered") } else { (BAD, "at least one event was not delivered") };
        output.remark(styled(style, word));
    }
    Ok(all_delivered)
}
