//! Deliveries a second, CPU time per delivery, and the time from dispatch to receipt.

use std::sync::Arc;
use std::time::Duration;

use crate::cpu::{self, Usage};
use crate::ledger::percentile;
use crate::load::Load;
use crate::problem::Problem;
use crate::settings::Settings;

/// After the last arrival a server still notes the results. This work belongs to the deliveries.
const SETTLING: Duration = Duration::from_secs(2);

pub(crate) async fn run(load: &Arc<Load>, settings: &Settings) -> Result<(), Problem> {
    // A wrong id is better reported now than after the warm-up.
    cpu::read(&settings.processes)?;
    let warm_up = 0..settings.warm_up;
    load.saturate(warm_up.clone()).await?;
    load.wait_for_all(warm_up, settings.quiet).await;
    tokio::time::sleep(SETTLING).await;
    println!("warm-up: {} events", settings.warm_up);

    saturated(load, settings).await?;
    paced(load, settings).await
}

async fn saturated(load: &Arc<Load>, settings: &Settings) -> Result<(), Problem> {
    let events = settings.warm_up..settings.warm_up + settings.events;
    let (before, own_before) = (cpu::read(&settings.processes)?, cpu::own());
    load.saturate(events.clone()).await?;
    load.wait_for_all(events.clone(), settings.quiet).await;
    tokio::time::sleep(SETTLING).await;
    let (after, own_after) = (cpu::read(&settings.processes)?, cpu::own());

    let counts = load.ledger.count(events.clone());
    let span = load.ledger.span(events.clone());
    println!("saturated, {} callers: {} events", settings.callers, counts.sent);
    complain(counts.missing, counts.repeated);
    if counts.arrived == 0 {
        return Err(Problem::new(
            "nothing arrived, so there is no measurement; allow the server to send to 127.0.0.1 by `http` (see README.md)",
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of events fits into the 52 bits")]
    let per_second = counts.arrived as f64 / span.as_secs_f64();
    println!("  deliveries a second                {per_second:.0}");
    let times = load.ledger.dispatch_times(events);
    println!("  answer to a dispatch, p50/p99      {}", two(&times));
    print_usage(&before, &after, counts.arrived);
    println!(
        "  CPU per delivery, this program     {}",
        short(per(own_after.saturating_sub(own_before), counts.arrived))
    );
    Ok(())
}

async fn paced(load: &Arc<Load>, settings: &Settings) -> Result<(), Problem> {
    let start = settings.warm_up + settings.events;
    let events = start..start + settings.paced;
    load.pace(events.clone(), settings.pace).await?;
    load.wait_for_all(events.clone(), settings.quiet).await;

    let counts = load.ledger.count(events.clone());
    println!("paced, {} events a second: {} events", settings.pace, counts.sent);
    complain(counts.missing, counts.repeated);
    println!("  answer to a dispatch, p50/p99      {}", two(&load.ledger.dispatch_times(events.clone())));
    println!("  dispatch to receipt, p50/p99       {}", two(&load.ledger.delivery_times(events)));
    Ok(())
}

fn complain(missing: usize, repeated: usize) {
    if missing > 0 {
        println!("  NOT ARRIVED                        {missing} acknowledged events; the figures leave them out");
    }
    if repeated > 0 {
        println!("  arrived more than once             {repeated} events");
    }
}

fn print_usage(before: &[Usage], after: &[Usage], deliveries: usize) {
    if after.is_empty() {
        println!(
            "  CPU per delivery                   not measured; set PEERS_PIDS to the processes of the server and its databases"
        );
        return;
    }
    let mut sum = Duration::ZERO;
    for (before, after) in before.iter().zip(after) {
        let used = after.time.saturating_sub(before.time);
        sum += used;
        println!("  CPU per delivery, {:<16} {} (process {})", after.name, short(per(used, deliveries)), after.process);
    }
    println!("  CPU per delivery, all of them      {}", short(per(sum, deliveries)));
}

fn per(time: Duration, count: usize) -> Duration {
    time / u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

fn two(sorted: &[Duration]) -> String {
    format!("{} / {}", short(percentile(sorted, 50)), short(percentile(sorted, 99)))
}

fn short(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1_000.0 { format!("{micros:.1} us") } else { format!("{:.2} ms", micros / 1_000.0) }
}
