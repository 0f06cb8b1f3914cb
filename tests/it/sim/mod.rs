//! Days of faults in milliseconds: a seeded simulation of workers, endpoints and a store that fails, in tokio's paused time.
//!
//! Two workers share a store whose calls are refused, delayed, or done with the answer lost; workers are killed and started
//! again; endpoints fail, hang, ask for rest, go away and come back; events come all day, some with ordering keys, some with
//! deadlines. Whatever happens, the invariants hold:
//!
//! - I1 no acknowledged event is lost: every delivery ends as delivered, failed with a reason, or superseded
//! - I2 nothing is sent that was not committed
//! - I3 at most `max_attempts` sends
//! - I4 nothing is sent under a lease that has ended or passed to another
//! - I5 what is final stays as it is
//! - I6 nothing is sent before it is due; and in the end nothing is left
//! - I7 no worker has more of an endpoint in flight than it may
//! - I8 the receiver's log and the store's tell the same
//! - and of an ordering key one is in flight, in order
//!
//! `cargo test --test it sim::` runs 200 seeds of 24 virtual hours. `HOOKWIRE_SIM_SEEDS=10000` runs so many;
//! `HOOKWIRE_SIM_SEED=17` runs one again.

mod judge;
mod world;

use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::Clock;
use hookwire::delivery::NewDelivery;
use hookwire::event::NewEvent;
use hookwire::id::EventId;
use hookwire::store::{Append, Appended, MemoryStore, Outbox};
use hookwire::testing::{Chances, FaultyStore, TokioClock};
use hookwire::worker::{CancellationToken, Config, Engine, Worker};

use self::world::{ENDPOINTS, Rng, Transport, World, delivery_id, endpoint_id};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const EVENTS: u32 = 120;

/// One worker's life after another, until the day is over: each is killed, or stopped in good order.
async fn lives(world: Arc<World>, number: usize, mut rng: Rng, over: CancellationToken) {
    while !over.is_cancelled() {
        let (poll, tend, lease) = (Duration::from_secs(60), HOUR, HOUR / 30);
        let config = Config { in_flight: 16, leases: 64, lease, poll, tend, retention: None, ..Config::default() };
        let transport = Arc::new(Transport::new(world.clone(), number));
        let engine = Engine::new(Arc::new(world.store.clone()), transport, Arc::new(world.clock), config);
        let stop = CancellationToken::new();
        let mut worker = tokio::spawn(Worker::new(engine).run(stop.clone()));
        let life = Duration::from_secs(rng.between(60, 4 * 3_600));
        let ended = tokio::select! {
            biased;
            ended = &mut worker => Some(ended),
            () = tokio::time::sleep(life) => None,
            () = over.cancelled() => None,
        };
        assert!(ended.is_none(), "a worker gave up: {ended:?}");
        if rng.chance(500) {
            stop.cancel();
            worker.await.unwrap().unwrap();
        } else {
            // Killed: whatever it was doing is cut off, and nobody is told.
            worker.abort();
            let _killed = worker.await;
        }
        tokio::time::sleep(Duration::from_secs(rng.between(0, 120))).await;
    }
}

/// Events through the day, appended as a dispatch would, again while the answer is in doubt.
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
            .map(|endpoint| NewDelivery {
                id: delivery_id(number * ENDPOINTS + endpoint),
                lane: endpoint_id(endpoint).into(),
                leased_until: None,
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
                Err(error) => assert!(error.is_retryable() || error.kind() == hookwire::store::StoreErrorKind::Unknown),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// A day of trouble, then peace in which everything must come to its end.
async fn run(seed: u64) -> String {
    let clock = TokioClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let mut rng = Rng(seed);
    let chances = Chances { seed: rng.next(), refused: 15, answer_lost: 15, delayed: 20, delay: HOUR / 360 };
    store.fail_by_chance(Some(chances));
    let world = Arc::new(World::new(store, clock, rng.next()));
    let over = CancellationToken::new();
    let workers: Vec<_> =
        (0..2).map(|number| tokio::spawn(lives(world.clone(), number, Rng(rng.next()), over.clone()))).collect();
    let dispatching = tokio::spawn(dispatch(world.clone(), Rng(rng.next())));
    tokio::time::sleep(DAY).await;
    dispatching.abort();
    world.store.fail_by_chance(None);
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
