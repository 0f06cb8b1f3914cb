//! A simulation of days of faults in milliseconds: workers, endpoints and a failing store, with a seed and in tokio's paused time.
//!
//! Two workers share a store. Its calls are refused, delayed, or done although the answer is lost. Workers are killed and started
//! again; endpoints fail, hang, ask for pauses, disappear and come back; events are dispatched all day, some with ordering keys, some
//! with deadlines. The following invariants must hold:
//!
//! - I1 No acknowledged event is lost: every delivery is delivered, failed with a reason, or superseded.
//! - I2 Nothing is sent that was not committed.
//! - I3 A delivery is sent at most `max_attempts` times.
//! - I4 Nothing is sent with a lease that has ended or that another worker has.
//! - I5 A final state does not change.
//! - I6 Nothing is sent before it is due, and in the end no delivery is pending.
//! - I7 No worker has more requests to an endpoint in flight than its limit.
//! - I8 The receiver's log and the store agree.
//! - Of each ordering key, one delivery is in flight at a time, in order.
//!
//! `cargo test -p hookwire-tests --test it sim::` runs 200 seeds of 24 virtual hours. `HOOKWIRE_SIM_SEEDS=10000` runs this many seeds;
//! `HOOKWIRE_SIM_SEED=17` runs one seed again.

mod judge;
mod world;

use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::Clock;
use hookwire::delivery::NewDelivery;
use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::store::{Append, Appended, MemoryStore, Outbox, StoreErrorKind};
use hookwire::testing::{Fault, FaultyStore, TokioClock};
use hookwire::worker::{CancellationToken, Config, Worker};

use self::world::{ENDPOINTS, Rng, Transport, World, delivery_id, endpoint_id};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const EVENTS: u32 = 120;

/// Runs one worker after another until the day is over. Each is killed or stopped gracefully.
async fn lives(world: Arc<World>, number: usize, mut rng: Rng, over: CancellationToken) {
    while !over.is_cancelled() {
        let (poll, outbox_poll, lease) = (Duration::from_secs(60), HOUR, HOUR / 30);
        let config = Config {
            in_flight: 16,
            leases: 64,
            lease,
            poll,
            outbox_poll,
            delivery_retention: None,
            ..Config::default()
        };
        let transport = Arc::new(Transport::new(world.clone(), number));
        let worker = Worker::new(Arc::new(world.store.clone()), transport, Arc::new(world.clock), config);
        let stop = CancellationToken::new();
        let mut worker = tokio::spawn(worker.run(stop.clone()));
        let life = Duration::from_secs(rng.between(60, 4 * 3_600));
        let ended = tokio::select! {
            biased;
            ended = &mut worker => Some(ended),
            () = tokio::time::sleep(life) => None,
            () = over.cancelled() => None,
        };
        assert!(ended.is_none(), "a worker ended: {ended:?}");
        if rng.chance(500) {
            stop.cancel();
            worker.await.unwrap().unwrap();
        } else {
            // Killed: the worker's tasks are cut off without a graceful stop.
            worker.abort();
            let _killed = worker.await;
        }
        tokio::time::sleep(Duration::from_secs(rng.between(0, 120))).await;
    }
}

/// Appends events through the day, as a dispatch does; an append with an unknown result is repeated.
async fn dispatch(world: Arc<World>, mut rng: Rng) {
    for number in 0..EVENTS {
        tokio::time::sleep(Duration::from_millis(rng.between(0, 1_400_000))).await;
        let id = EventId::new(format!("event-{number}")).unwrap();
        let mut event = NewEvent::json("a.b", &number).unwrap().id(id);
        match rng.between(0, 10) {
            0..4 => event = event.ordered_by(format!("fifo-{}", rng.between(0, 3))).unwrap(),
            4 | 5 => event = event.latest_by("latest").unwrap(),
            6 => event = event.expires_at(world.clock.now() + HOUR * 2),
            _ => {}
        }
        let now = world.clock.now();
        let wanted = (0..ENDPOINTS).filter(|_| rng.chance(700));
        let deliveries: Vec<_> = wanted
            .map(|endpoint| {
                let mut delivery = NewDelivery::new(endpoint_id(endpoint), now);
                delivery.id = delivery_id(number * ENDPOINTS + endpoint);
                delivery
            })
            .collect();
        let append = Append { event: Arc::new(event.seal(now)), deliveries, now };
        world.attempted(&append);
        for _ in 0..100 {
            match world.store.append(vec![append.clone()]).await {
                Ok(appended) => {
                    assert!(matches!(appended[0], Appended::Stored | Appended::Duplicate));
                    world.acknowledged(&append);
                    break;
                }
                Err(error) => assert!(error.is_retryable() || error.kind() == StoreErrorKind::Unknown),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// A day with faults, then hours without faults, in which every delivery must become final.
async fn run(seed: u64) -> String {
    let clock = TokioClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let mut rng = Rng(seed);
    let refused = Fault::Refused(StoreErrorKind::Unavailable);
    store.fail_by_chance(rng.next(), &[(15, refused), (15, Fault::AnswerLost), (20, Fault::Delayed(HOUR / 360))]);
    let world = Arc::new(World::new(store, clock, rng.next()));
    let over = CancellationToken::new();
    let workers: Vec<_> =
        (0..2).map(|number| tokio::spawn(lives(world.clone(), number, Rng(rng.next()), over.clone()))).collect();
    let dispatching = tokio::spawn(dispatch(world.clone(), Rng(rng.next())));
    tokio::time::sleep(DAY).await;
    dispatching.abort();
    world.store.fail_by_chance(0, &[]);
    world.make_peace();
    tokio::time::sleep(HOUR * 12).await;
    over.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    let trace = world.trace();
    judge::judge(&world).await;
    trace
}

fn simulate(seed: u64) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(seed))
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match (number("HOOKWIRE_SIM_SEED"), number("HOOKWIRE_SIM_SEEDS")) {
        (Some(one), _) => one..one + 1,
        (None, count) => 0..count.unwrap_or(200),
    }
}

#[test]
fn t_5_the_invariants_hold_through_days_of_faults() {
    let next = std::sync::atomic::AtomicU64::new(seeds().start);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if !seeds().contains(&seed) {
                        return;
                    }
                    let ran = std::panic::catch_unwind(|| simulate(seed));
                    assert!(ran.is_ok(), "HOOKWIRE_SIM_SEED={seed} runs this again");
                }
            });
        }
    });
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let (first, second) = (simulate(7), simulate(7));
    assert!(
        first == second,
        "the runs differ after {} bytes",
        first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count()
    );
}
