//! A store that hangs, refuses calls, or cannot record the results of attempts.

use super::*;

/// Each call in turn hangs, from the start or later.
#[tokio::test(start_paused = true)]
async fn a_worker_stops_although_its_store_never_answers() {
    for call in ["heartbeat", "lanes", "claim", "settle", "extend", "release", "leave", "prune"] {
        for at_once in [true, false] {
            let faulty = FaultyStore::new(MemoryStore::new());
            let mut bench = Bench::new(Config::default());
            bench.store = faulty.inner().clone();
            let config = Config { grace: Duration::from_secs(3), ..Config::default() };
            bench.worker = Worker::new(Arc::new(faulty.clone()), bench.script.clone(), bench.clock.clone(), config);
            let lane = bench.lane(Act::Answer(200, Duration::from_secs(2)));
            bench.append(lane, 50).await;
            let never = Some(Fault::Delayed(Duration::from_secs(1_000_000)));
            if at_once {
                faulty.fail_every(call, never);
            }
            let (stop, worker) = bench.run();
            tokio::time::sleep(Duration::from_secs(3)).await;
            faulty.fail_every(call, never);
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
            let stopped = bench.clock.now();
            worker.await.unwrap().unwrap();
            let took = bench.clock.now().since(stopped);
            assert!(took <= Duration::from_millis(4_100), "{call}, at once: {at_once}: {took:?}");
        }
    }
}

fn busy(faulty: &FaultyStore<MemoryStore>, config: Config) -> Bench {
    let mut bench = Bench::new(config);
    bench.store = faulty.inner().clone();
    bench.worker = Worker::new(Arc::new(faulty.clone()), bench.script.clone(), bench.clock.clone(), config);
    bench
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_while_results_cannot_be_recorded() {
    let hung = Fault::Delayed(Duration::from_secs(1_000_000));
    for fault in [Fault::Refused(StoreErrorKind::Unavailable), Fault::Refused(StoreErrorKind::Unknown), hung] {
        let faulty = FaultyStore::new(MemoryStore::new());
        let bench = busy(&faulty, Config { in_flight: 32, leases: 4_096, ..Config::default() });
        for _ in 0..40 {
            let lane = bench.lane(Act::Answer(200, Duration::from_millis(1)));
            bench.append(lane, 100).await;
        }
        faulty.fail_every("settle", Some(fault));
        let (stop, worker) = bench.run();
        tokio::time::sleep(Duration::from_secs(40)).await;
        let started = bench.script.started.load(Ordering::SeqCst);
        assert!((1..=64).contains(&started), "{fault:?}: {started}");
        stop.cancel();
        worker.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn work_continues_when_results_can_be_recorded_again_and_no_attempt_is_repeated() {
    let faulty = FaultyStore::new(MemoryStore::new());
    let bench = busy(&faulty, Config { in_flight: 32, ..Config::default() });
    let mut ids = Vec::new();
    for _ in 0..10 {
        let lane = bench.lane(Act::Answer(200, Duration::from_millis(1)));
        ids.extend(bench.append(lane, 50).await);
    }
    faulty.fail_every("settle", Some(Fault::Refused(StoreErrorKind::Unavailable)));
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(300)).await;
    faulty.fail_every("settle", None);
    bench.until_finished(&ids).await;
    assert_eq!(bench.script.started.load(Ordering::SeqCst), 500);
    stop.cancel();
    worker.await.unwrap().unwrap();
}
