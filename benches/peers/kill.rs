//! What a kill loses: events are dispatched, the server is killed in the middle and started again, and the events that arrive are counted.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cpu;
use crate::load::Load;
use crate::problem::Problem;
use crate::settings::{Kill, Settings};

/// Half of the events must be acknowledged within this time.
const HALF_LIMIT: Duration = Duration::from_secs(600);

/// A killed process ends within this time.
const END_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Down,
    Back,
    /// The measurement is over, because the server did not come back or was never killed.
    Over,
}

pub(crate) async fn run(load: &Arc<Load>, settings: &Settings) -> Result<(), Problem> {
    let warm_up = 0..settings.warm_up;
    load.saturate(warm_up.clone()).await?;
    load.wait_for_all(warm_up, settings.quiet).await;
    println!("warm-up: {} events", settings.warm_up);

    let (phase, phases) = watch::channel(Phase::Before);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let callers = start_callers(load, settings, &phases, &acknowledged);
    let killed = kill_and_wait(load, settings, &phase, &acknowledged).await;
    if killed.is_err() {
        phase.send_replace(Phase::Over);
    }
    callers.join_all().await;
    let down_for = match killed {
        Ok(down_for) => down_for,
        Err(problem) => {
            let first = load.first_failure().await.map(|first| format!(" (the first request that failed: {first})"));
            return Err(Problem::new(format!("{problem}{}", first.unwrap_or_default())));
        }
    };
    println!("the server answered again after {:.1} s", down_for.as_secs_f64());
    println!("waiting until nothing has arrived for {} s", settings.quiet.as_secs());
    load.wait_for_quiet(settings.quiet).await;
    report(load, settings);
    Ok(())
}

fn report(load: &Load, settings: &Settings) {
    let events = settings.warm_up..settings.warm_up + settings.events;
    let counts = load.ledger.count(events.clone());
    let span = load.ledger.span(events);
    println!("{} events sent, one kill", counts.sent);
    println!("  acknowledged                            {}", counts.acknowledged);
    println!("  acknowledged, but not arrived           {}", counts.missing);
    println!("  acknowledged, arrived more than once    {}", counts.repeated);
    println!("  not acknowledged                        {}", counts.sent - counts.acknowledged);
    println!("  not acknowledged, but arrived           {}", counts.unexpected);
    println!("  first dispatch to last first arrival    {:.1} s", span.as_secs_f64());
    if counts.missing > 0 {
        println!(
            "an event may arrive later still: set PEERS_QUIET_SECONDS above the time after which the server takes up unfinished work"
        );
    }
}

/// Each caller sends events one after the other, each once. After a failure it waits until the server is back.
fn start_callers(
    load: &Arc<Load>,
    settings: &Settings,
    phases: &watch::Receiver<Phase>,
    acknowledged: &Arc<AtomicUsize>,
) -> JoinSet<()> {
    let next = Arc::new(AtomicUsize::new(settings.warm_up));
    let (end, pause) = (settings.warm_up + settings.events, settings.kill.pause);
    let mut callers = JoinSet::new();
    for _ in 0..settings.callers {
        let (load, next, acknowledged) = (load.clone(), next.clone(), acknowledged.clone());
        let mut phases = phases.clone();
        callers.spawn(async move {
            loop {
                let event = next.fetch_add(1, Ordering::Relaxed);
                if event >= end || *phases.borrow() == Phase::Over {
                    break;
                }
                if load.dispatch(event).await {
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                } else if phases.wait_for(|phase| matches!(phase, Phase::Back | Phase::Over)).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
        });
    }
    callers
}

/// Returns how long the server did not answer.
async fn kill_and_wait(
    load: &Load,
    settings: &Settings,
    phase: &watch::Sender<Phase>,
    acknowledged: &AtomicUsize,
) -> Result<Duration, Problem> {
    let kill = &settings.kill;
    if kill.processes.is_empty() {
        println!("kill the server now (`kill -9`), and start it again");
        let is_down = until(kill.limit, async || !load.is_ready().await).await;
        let never = "the server answered all the time, so nothing was measured; kill it sooner, or set PEERS_KILL_PIDS";
        is_down.then_some(()).ok_or_else(|| Problem::new(never))?;
        phase.send_replace(Phase::Down);
    } else {
        let half = settings.events / 2;
        let is_half = until(HALF_LIMIT, async || acknowledged.load(Ordering::Relaxed) >= half).await;
        let slow =
            || Problem::new(format!("the server did not acknowledge {half} events in time, so it was not killed"));
        is_half.then_some(()).ok_or_else(slow)?;
        phase.send_replace(Phase::Down);
        kill_processes(kill).await?;
    }
    let down = Instant::now();
    println!("the server is down; {} events are acknowledged", acknowledged.load(Ordering::Relaxed));
    if let Some(line) = &kill.restart {
        start_again(line)?;
    } else if !kill.processes.is_empty() {
        println!("start the server again");
    }
    if !until(kill.limit, async || load.is_ready().await).await {
        let seconds = kill.limit.as_secs();
        let remedy = "correct PEERS_RESTART, or set PEERS_RESTART_SECONDS to a longer time";
        return Err(Problem::new(format!("the server did not answer within {seconds} s after the kill; {remedy}")));
    }
    phase.send_replace(Phase::Back);
    Ok(down.elapsed())
}

async fn kill_processes(kill: &Kill) -> Result<(), Problem> {
    let ids = kill.processes.iter().map(ToString::to_string);
    let done = Command::new("kill").arg("-9").args(ids).stdin(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        return Err(Problem::new("`kill -9` failed; set PEERS_KILL_PIDS to processes that run and that you may end"));
    }
    let are_gone = until(END_LIMIT, async || !kill.processes.iter().any(|process| cpu::is_running(*process))).await;
    are_gone.then_some(()).ok_or_else(|| Problem::new("the killed processes did not end"))
}

/// Runs the command line in a process group of its own: the server goes on after this program has ended.
fn start_again(line: &str) -> Result<(), Problem> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let started = shell.spawn();
    started.map(drop).map_err(|error| Problem::new(format!("PEERS_RESTART cannot be run: {error}")))
}

/// Asks every 20 ms. Returns whether the answer was yes within the limit.
async fn until(limit: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
