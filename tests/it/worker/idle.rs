//! What a worker with nothing to do asks of its store, and how soon it is fast again.

use hookwire::sender::Sender;
use hookwire::store::{ChangeListener, Import, ImportResult, StagedRow, Staging};
use tokio::sync::watch;

use super::*;

/// A memory store whose `changes` are connected, and which reports writes on request.
#[derive(Clone, Debug)]
struct Reporting {
    inner: Arc<FaultyStore<MemoryStore>>,
    connected: watch::Sender<bool>,
    changes: watch::Sender<()>,
    writes: watch::Sender<()>,
}

hookwire::delegate_store! {
    Reporting, |this| this.inner;
    Outbox, Directory, History, Retention, Control, WorkerRegistry, Rollups, AuditLog, Diagnostics, BulkJobs
}

impl Reporting {
    fn over(store: MemoryStore) -> Self {
        Self {
            inner: Arc::new(FaultyStore::new(store)),
            connected: watch::Sender::new(true),
            changes: watch::Sender::new(()),
            writes: watch::Sender::new(()),
        }
    }
}

#[async_trait]
impl Staging for Reporting {
    async fn staged(&self, limit: u32, longest: usize) -> Result<Vec<StagedRow>, StoreError> {
        self.inner.staged(limit, longest).await
    }

    async fn import(&self, batch: Vec<Import>) -> Result<Vec<ImportResult>, StoreError> {
        self.inner.import(batch).await
    }

    fn changes(&self) -> ChangeListener {
        ChangeListener::from(self.changes.subscribe()).connected(self.connected.subscribe())
    }

    fn writes(&self) -> ChangeListener {
        ChangeListener::from(self.writes.subscribe())
    }
}

/// A sender with a running worker over such a store.
struct Idle {
    store: Reporting,
    _sender: Sender,
    stop: CancellationToken,
    worker: JoinHandle<Result<(), WorkerError>>,
}

impl Idle {
    fn start(connected: bool) -> Self {
        let store = Reporting::over(MemoryStore::new());
        store.connected.send_replace(connected);
        let sender = Sender::builder(store.clone()).clock(PausedClock(tokio::time::Instant::now())).build().unwrap();
        let stop = CancellationToken::new();
        let worker = tokio::spawn(sender.worker().run(stop.clone()));
        Self { store, _sender: sender, stop, worker }
    }

    fn calls(&self) -> u64 {
        let methods = ["lanes", "staged", "claim", "settle", "extend", "release", "heartbeat", "fold", "prune"];
        let others = ["drop_payloads", "prune_notes", "prune_audit", "alive", "get", "append"];
        methods.iter().chain(&others).map(|method| self.store.inner.calls(method)).sum()
    }

    async fn calls_during(&self, time: Duration) -> u64 {
        let before = self.calls();
        tokio::time::sleep(time).await;
        self.calls() - before
    }

    async fn end(self) {
        self.stop.cancel();
        self.worker.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_makes_fewer_than_one_call_a_second_while_others_can_notify_it() {
    let idle = Idle::start(true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let calls = idle.calls_during(Duration::from_secs(600)).await;
    assert!((400..=600).contains(&calls), "{calls}");
    idle.store.connected.send_replace(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let calls = idle.calls_during(Duration::from_secs(600)).await;
    assert!((1_200..=1_500).contains(&calls), "{calls}, while the connection is lost");
    idle.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_being_written_is_searched_for_often() {
    let idle = Idle::start(true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = idle.store.inner.calls("staged");
    idle.store.writes.send_replace(());
    tokio::time::sleep(Duration::from_millis(120)).await;
    let looked = idle.store.inner.calls("staged") - before;
    assert!((4..=6).contains(&looked), "every 25 ms: {looked}");
    idle.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_of_another_process_causes_one_look() {
    let idle = Idle::start(true);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = (idle.store.inner.calls("staged"), idle.store.inner.calls("lanes"));
    idle.store.changes.send_replace(());
    tokio::time::sleep(Duration::from_millis(120)).await;
    let looked = (idle.store.inner.calls("staged") - before.0, idle.store.inner.calls("lanes") - before.1);
    assert!((1..=2).contains(&looked.0) && looked.1 == 1, "{looked:?}");
    idle.end().await;
}

#[tokio::test(start_paused = true)]
async fn maintenance_that_fails_is_not_repeated_at_once_because_attempts_end() {
    let bench = Bench::new(Config::default());
    bench.script.breaks.store(true, Ordering::SeqCst);
    let lane = bench.lane(Act::Answer(200, Duration::from_millis(1)));
    let (stop, worker) = bench.run();
    for _ in 0..200 {
        bench.append(lane, 1).await;
        bench.worker.announce(lane);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (attempts, rounds) = (bench.started().len(), bench.script.maintained.load(Ordering::SeqCst));
    assert!(attempts == 200 && (3..60).contains(&rounds), "{attempts} attempts and {rounds} rounds in ten seconds");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// A round reads three pages. Only the pause between two rounds is longer.
#[tokio::test(start_paused = true)]
async fn a_sweep_over_many_lanes_pauses_for_long_only_between_two_rounds() {
    let bench = Bench::new(Config::default());
    let store = Reporting::over(bench.store.clone());
    for _ in 0..2_500 {
        let lane = bench.lane_under(Act::Hang, LanePolicy::closed());
        bench.append(lane, 1).await;
    }
    let worker = Worker::new(Arc::new(store.clone()), bench.script.clone(), bench.clock.clone(), Config::default());
    let stop = CancellationToken::new();
    let running = tokio::spawn(worker.run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = store.inner.calls("lanes");
    tokio::time::sleep(Duration::from_secs(70)).await;
    let pages = store.inner.calls("lanes") - before;
    assert!((28..=32).contains(&pages), "three pages in seven seconds: {pages}");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_process_waits_at_most_an_eighth_of_the_silence_before_it() {
    let idle = Idle::start(false);
    let mut looks = Vec::new();
    let mut before = idle.store.inner.calls("staged");
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = idle.store.inner.calls("staged");
        if now > before {
            looks.push(begun.elapsed());
            before = now;
        }
    }
    for pair in looks.windows(2) {
        let wait = pair[1] - pair[0];
        let longest = (pair[1] / 8).max(Duration::from_millis(25)).min(Duration::from_secs(1));
        assert!(wait <= longest + Duration::from_millis(3), "{wait:?} after {:?}", pair[0]);
    }
    assert!(looks.last().is_some_and(|last| *last > Duration::from_secs(28)), "{looks:?}");
    idle.end().await;
}

/// The rollups of a worker that stops are complete, also if it was short.
#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_folds_its_last_settlements_unless_the_store_hangs() {
    for hangs in [false, true] {
        let bench = Bench::new(Config::default());
        let store = Reporting::over(bench.store.clone());
        let lane = bench.lane(Act::Answer(200, Duration::from_millis(1)));
        let ids = bench.append(lane, 1).await;
        let worker = Worker::new(Arc::new(store.clone()), bench.script.clone(), bench.clock.clone(), Config::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(worker.run(stop.clone()));
        bench.until_finished(&ids).await;
        assert_eq!(store.inner.calls("fold"), 0);
        store.inner.fail_every("fold", hangs.then(|| Fault::Delayed(Duration::from_secs(3_600))));
        let stopped = tokio::time::Instant::now();
        stop.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(store.inner.calls("fold"), 1);
        assert!(stopped.elapsed() < Duration::from_secs(2), "{:?}", stopped.elapsed());
    }
}
