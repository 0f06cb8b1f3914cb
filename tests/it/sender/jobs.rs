//! Bulk jobs: replays and changes to many deliveries that survive a restart and can be stopped.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookwire::clock::{Clock as _, Timestamp};
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{Endpoint, NewEndpoint, Rate};
use hookwire::event::NewEvent;
use hookwire::id::{Tenant, Work};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{BulkState, BulkStatus, DeliveryError, EndpointError, Scope, Sender};
use hookwire::store::{
    BulkJob, BulkJobs, Counts, DeliveryQuery, Listed, MemoryStore, Page, SqliteStore, Store, StoreError, StoreErrorKind,
};
use hookwire::testing::{Fault, FaultyStore, ManualClock};

use super::{Running, endpoint, event, sender};
use crate::support::server::{Reply, Server};
use crate::support::until;

/// A sender without a server: its deliveries stay pending while no worker runs, and are held while the endpoint is disabled.
fn quiet(store: impl Store + 'static, clock: &ManualClock) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store).egress(egress).clock(clock.clone()).max_waiting_for_replay(100, 300).build().unwrap()
}

/// An endpoint that gets nothing, so that its deliveries stay in the store.
async fn disabled(sender: &Sender, tenant: &str) -> Endpoint {
    let target = NewEndpoint::https("https://acme.example/hooks").unwrap().tenant(tenant);
    let endpoint = sender.endpoints().create(target).await.unwrap();
    let scope = sender.scoped(Scope::operator());
    scope.update(endpoint.id, hookwire::sender::EndpointChange::new().disabled()).await.unwrap();
    (*scope.endpoint(endpoint.id).await.unwrap()).clone()
}

async fn dispatch(sender: &Sender, tenant: &str, count: u32) {
    for n in 0..count {
        sender.dispatch(NewEvent::json("invoice.paid", &n).unwrap().tenant(tenant)).await.unwrap();
    }
}

async fn job(sender: &Sender, number: u64) -> BulkStatus {
    sender.scoped(Scope::operator()).job(number).await.unwrap().unwrap()
}

async fn finished(sender: &Sender, number: u64) -> BulkStatus {
    until(|| async {
        sender.wake();
        job(sender, number).await.finished_at.is_some()
    })
    .await;
    job(sender, number).await
}

fn in_state(state: DeliveryState) -> DeliveryQuery {
    let mut query = DeliveryQuery::of(Work::Sent);
    query.state = Some(state);
    query
}

/// The number of deliveries of each event.
async fn per_event(sender: &Sender) -> Vec<usize> {
    let (mut counts, mut page) = (HashMap::new(), Page::of(1_000));
    loop {
        let found = sender.history().deliveries(&DeliveryQuery::of(Work::Sent), page).await.unwrap();
        for delivery in found.items {
            *counts.entry(delivery.event).or_insert(0) += 1;
        }
        let Some(next) = found.next else { break };
        page = page.after(next);
    }
    counts.into_values().collect()
}

async fn a_replay_started_as_a_job_reaches_every_event(store: impl Store + 'static) {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(store);
    for n in 0..600 {
        sender.dispatch(event(n)).await.unwrap();
    }
    let late = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let acme = sender.scoped(Scope::tenant("acme").named("ann"));
    let number = acme.replay(late.id).await.unwrap().start().await.unwrap();
    let started = job(&sender, number).await;
    assert_eq!((started.state, started.changed, &*started.started_by), (BulkState::Running, 0, "ann"));
    assert_eq!((&*started.action, started.endpoint), ("endpoint.replay", Some(late.id)));

    let running = Running::start(&sender);
    let done = finished(&sender, number).await;
    assert_eq!((done.state, done.changed, done.error), (BulkState::Done, 600, None));
    until(|| async { sender.history().counts(None).await.unwrap().delivered == 600 }).await;
    running.stop().await;
    assert_eq!(server.requests().len(), 600);
}

#[tokio::test]
async fn a_replay_started_as_a_job_reaches_every_event_in_memory() {
    a_replay_started_as_a_job_reaches_every_event(MemoryStore::new()).await;
}

#[tokio::test]
async fn a_replay_started_as_a_job_reaches_every_event_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    a_replay_started_as_a_job_reaches_every_event(
        SqliteStore::open(directory.path().join("hookwire.db")).await.unwrap(),
    )
    .await;
}

#[tokio::test]
async fn all_matching_deliveries_are_cancelled_and_sent_again() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    let (acme, other) = (disabled(&sender, "acme").await, disabled(&sender, "other").await);
    dispatch(&sender, "acme", 20).await;
    dispatch(&sender, "other", 20).await;
    let running = Running::start(&sender);

    let of_acme = sender.scoped(Scope::tenant("acme"));
    let cancel = of_acme.cancel_all(in_state(DeliveryState::Held)).limit(15);
    assert_eq!(cancel.count().await.unwrap(), (15, true));
    let number = cancel.start().await.unwrap();
    let done = finished(&sender, number).await;
    assert_eq!((done.state, done.changed, done.limit), (BulkState::Done, 15, Some(15)));
    let counts = |endpoint: &Endpoint| {
        let id = endpoint.id;
        let sender = sender.clone();
        async move { sender.stats(id).await.unwrap().counts }
    };
    let (here, there): (Counts, Counts) = (counts(&acme).await, counts(&other).await);
    assert_eq!((here.cancelled, here.held, there.cancelled, there.held), (15, 5, 0, 20));

    let number = of_acme.resend_all(in_state(DeliveryState::Cancelled)).start().await.unwrap();
    assert_eq!(finished(&sender, number).await.changed, 15);
    assert_eq!(counts(&acme).await.held, 20);
    // Held deliveries wait for their endpoint: nothing can be sent again.
    assert_eq!(of_acme.resend_all(DeliveryQuery::of(Work::Sent)).count().await.unwrap(), (0, true));
    running.stop().await;
}

#[tokio::test]
async fn deliveries_that_are_made_after_the_start_are_left_out() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    disabled(&sender, "acme").await;
    dispatch(&sender, "acme", 3).await;
    let number = sender.scoped(Scope::operator()).cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    clock.advance(Duration::from_secs(1));
    dispatch(&sender, "acme", 4).await;
    let running = Running::start(&sender);
    assert_eq!(finished(&sender, number).await.changed, 3);
    running.stop().await;
}

#[tokio::test]
async fn jobs_belong_to_their_owner() {
    let sender = quiet(MemoryStore::new(), &ManualClock::default());
    let endpoint = disabled(&sender, "acme").await;
    let (acme, other) = (sender.scoped(Scope::tenant("acme")), sender.scoped(Scope::tenant("other")));
    let operator = sender.scoped(Scope::operator().named("olga"));
    let own = acme.replay(endpoint.id).await.unwrap().start().await.unwrap();
    let of_operator = operator.replay(endpoint.id).await.unwrap().start().await.unwrap();
    let numbers = |found: Listed<BulkStatus, u64>| found.items.iter().map(|job| job.number).collect::<Vec<_>>();
    assert_eq!(numbers(acme.jobs(Page::default()).await.unwrap()), [own]);
    assert_eq!(numbers(operator.jobs(Page::default()).await.unwrap()), [own, of_operator]);
    assert!(other.jobs(Page::default()).await.unwrap().items.is_empty());
    assert!(acme.job(of_operator).await.unwrap().is_none());
    for number in [own, of_operator, 99] {
        assert!(matches!(other.stop_job(number).await, Err(DeliveryError::JobNotFound)));
    }
    let reader = sender.scoped(Scope::tenant("acme").read_only());
    assert!(matches!(reader.stop_job(own).await, Err(DeliveryError::ReadOnly)));
    assert!(matches!(reader.replay(endpoint.id).await.unwrap().start().await, Err(EndpointError::ReadOnly)));
    assert!(matches!(reader.cancel_all(DeliveryQuery::of(Work::Sent)).start().await, Err(DeliveryError::ReadOnly)));
    let mut foreign = DeliveryQuery::of(Work::Sent);
    foreign.tenant = Some("other".into());
    assert!(matches!(acme.cancel_all(foreign).start().await, Err(DeliveryError::NotFound)));

    acme.stop_job(own).await.unwrap();
    assert!(matches!(acme.stop_job(own).await, Err(DeliveryError::JobFinished)));
    assert_eq!(job(&sender, own).await.state, BulkState::Stopped);
}

#[tokio::test]
async fn an_owner_has_a_bounded_number_of_open_jobs() {
    let sender = quiet(MemoryStore::new(), &ManualClock::default());
    let endpoint = disabled(&sender, "acme").await;
    let acme = sender.scoped(Scope::tenant("acme"));
    let start = || async { acme.replay(endpoint.id).await.unwrap().start().await };
    let first = start().await.unwrap();
    for _ in 1..8 {
        start().await.unwrap();
    }
    assert!(matches!(start().await, Err(EndpointError::TooManyJobs { limit: 8 })));
    let cancel = acme.cancel_all(in_state(DeliveryState::Held)).start().await;
    assert!(matches!(cancel, Err(DeliveryError::TooManyJobs { limit: 8 })));
    acme.stop_job(first).await.unwrap();
    start().await.unwrap();
}

#[tokio::test]
async fn the_job_of_a_tenant_waits_while_too_many_deliveries_are_pending() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    dispatch(&sender, "acme", 150).await;
    let endpoint = disabled(&sender, "acme").await;
    let acme = sender.scoped(Scope::tenant("acme"));
    let number = acme.replay(endpoint.id).await.unwrap().start().await.unwrap();
    let running = Running::start(&sender);
    until(|| async {
        sender.wake();
        job(&sender, number).await.error.is_some()
    })
    .await;
    let waiting = job(&sender, number).await;
    assert_eq!((waiting.state, waiting.changed), (BulkState::Running, 100));
    assert!(waiting.error.unwrap().starts_with("too many deliveries of the tenant are pending"));

    acme.cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    until(|| async {
        sender.wake();
        clock.advance(Duration::from_secs(5));
        job(&sender, number).await.finished_at.is_some()
    })
    .await;
    let done = job(&sender, number).await;
    assert_eq!((done.state, done.changed, done.error), (BulkState::Done, 150, None));
    running.stop().await;
}

/// A job with a rate makes deliveries at most 30 s ahead, so a stop prevents the others.
#[tokio::test]
async fn a_stopped_job_makes_no_further_deliveries() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    dispatch(&sender, "acme", 200).await;
    let endpoint = disabled(&sender, "acme").await;
    let one_a_second = Rate { count: NonZeroU32::MIN, per: Duration::from_secs(1) };
    let operator = sender.scoped(Scope::operator());
    let number = operator.replay(endpoint.id).await.unwrap().at_most(one_a_second).start().await.unwrap();
    let running = Running::start(&sender);
    until(|| async { job(&sender, number).await.changed >= 30 }).await;
    let ahead = job(&sender, number).await.changed;
    assert!((30..=31).contains(&ahead), "{ahead}");
    clock.advance(Duration::from_secs(20));
    sender.wake();
    until(|| async { job(&sender, number).await.changed >= 50 }).await;
    operator.stop_job(number).await.unwrap();
    clock.advance(Duration::from_secs(1_000));
    let stopped = finished(&sender, number).await;
    assert_eq!(stopped.state, BulkState::Stopped);
    // Another job shows that the worker has looked at the jobs since.
    let next = operator.cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    let cancelled = finished(&sender, next).await.changed;
    assert!((50..=52).contains(&cancelled), "{cancelled}");
    running.stop().await;
    let mut dues: Vec<_> = sender
        .history()
        .deliveries(&DeliveryQuery::of(Work::Sent), Page::of(1_000))
        .await
        .unwrap()
        .items
        .iter()
        .map(|delivery| delivery.due)
        .collect();
    dues.sort_unstable();
    let spread = dues.windows(2).all(|pair| pair[1].since(pair[0]) == Duration::from_secs(1));
    assert!(spread, "{dues:?}");
}

/// A store that refuses one update of a job: the worker ends before it has stored that it begins a batch, or how far the job is.
#[derive(Debug, Clone)]
struct Crashing {
    inner: MemoryStore,
    updates: Arc<AtomicU32>,
    refused: u32,
}

hookwire::delegate_store! {
    Crashing, |store| store.inner;
    Outbox, Directory, History, Retention, Control, Staging, WorkerRegistry, Rollups, AuditLog, Diagnostics
}

#[hookwire::store::__async_trait]
impl BulkJobs for Crashing {
    async fn add_job(&self, job: BulkJob, most_open: u32) -> Result<Option<u64>, StoreError> {
        self.inner.add_job(job, most_open).await
    }

    async fn update_job(&self, job: &BulkJob) -> Result<bool, StoreError> {
        if self.updates.fetch_add(1, Ordering::SeqCst) == self.refused {
            return Err(StoreError::new(StoreErrorKind::Unavailable));
        }
        self.inner.update_job(job).await
    }

    async fn job(&self, number: u64) -> Result<Option<BulkJob>, StoreError> {
        self.inner.job(number).await
    }

    async fn jobs(&self, tenant: Option<&Tenant>, page: Page<u64>) -> Result<Listed<BulkJob, u64>, StoreError> {
        self.inner.jobs(tenant, page).await
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<BulkJob>, StoreError> {
        self.inner.due_jobs(now, limit).await
    }
}

/// A sender whose store refuses one update of a job, with an endpoint and a number of events.
async fn crashing(refused: u32, clock: &ManualClock, events: u32) -> (Sender, Endpoint) {
    let sender = quiet(Crashing { inner: MemoryStore::new(), updates: Arc::default(), refused }, clock);
    dispatch(&sender, "acme", events).await;
    let endpoint = disabled(&sender, "acme").await;
    clock.advance(Duration::from_secs(1));
    (sender, endpoint)
}

/// Works until the job is finished, over the time after which another worker takes over.
async fn worked_off(sender: &Sender, clock: &ManualClock, number: u64) -> BulkStatus {
    let running = Running::start(sender);
    until(|| async {
        clock.advance(Duration::from_secs(10));
        sender.wake();
        job(sender, number).await.finished_at.is_some()
    })
    .await;
    running.stop().await;
    job(sender, number).await
}

#[tokio::test]
async fn a_replay_makes_each_delivery_once_whichever_update_is_lost() {
    for (fresh_ids, never_owed, limit) in [
        (false, false, None),
        (true, false, None),
        (false, true, None),
        (true, true, Some(100)),
        (false, false, Some(100)),
    ] {
        for refused in 0..8 {
            let clock = ManualClock::default();
            let (sender, endpoint) = crashing(refused, &clock, 150).await;
            let mut replay = sender.replay(endpoint.id);
            replay = if never_owed { replay.never_owed() } else { replay.all() };
            replay = if fresh_ids { replay.under_fresh_ids() } else { replay };
            replay = limit.into_iter().fold(replay, hookwire::sender::Replay::limit);
            let number = replay.start().await.unwrap();
            let done = worked_off(&sender, &clock, number).await;
            let what = format!("fresh ids {fresh_ids}, never owed {never_owed}, limit {limit:?}, update {refused}");
            let expected = limit.unwrap_or(150);
            assert_eq!((done.state, done.changed), (BulkState::Done, expected), "{what}");
            assert_eq!(per_event(&sender).await, vec![1; usize::try_from(expected).unwrap()], "{what}");
        }
    }
}

#[tokio::test]
async fn a_limit_holds_whichever_update_is_lost() {
    for refused in 0..8 {
        let clock = ManualClock::default();
        let (sender, endpoint) = crashing(refused, &clock, 0).await;
        dispatch(&sender, "acme", 300).await;
        clock.advance(Duration::from_secs(1));
        let operator = sender.scoped(Scope::operator());
        let cancel = operator.cancel_all(in_state(DeliveryState::Held)).limit(200).start().await.unwrap();
        assert_eq!(worked_off(&sender, &clock, cancel).await.changed, 200, "update {refused}");
        let counts = sender.stats(endpoint.id).await.unwrap().counts;
        assert_eq!((counts.cancelled, counts.held), (200, 100), "update {refused}");
        let resend = operator.resend_all(in_state(DeliveryState::Cancelled)).limit(150).start().await.unwrap();
        assert_eq!(worked_off(&sender, &clock, resend).await.changed, 150, "update {refused}");
        let counts = sender.stats(endpoint.id).await.unwrap().counts;
        assert_eq!((counts.cancelled, counts.held), (50, 250), "update {refused}");
    }
}

#[tokio::test]
async fn a_tenant_at_its_limit_of_pending_deliveries_gets_each_event_once_after_a_crash() {
    for refused in 0..6 {
        let clock = ManualClock::default();
        let (sender, endpoint) = crashing(refused, &clock, 150).await;
        let acme = sender.scoped(Scope::tenant("acme"));
        let number = acme.replay(endpoint.id).await.unwrap().all().start().await.unwrap();
        let running = Running::start(&sender);
        until(|| async {
            clock.advance(Duration::from_secs(10));
            sender.wake();
            let job = job(&sender, number).await;
            job.changed == 100 && job.error.is_some()
        })
        .await;
        running.stop().await;
        for delivery in
            sender.history().deliveries(&in_state(DeliveryState::Held), Page::of(1_000)).await.unwrap().items
        {
            assert!(sender.cancel(delivery.id).await.unwrap());
        }
        let done = worked_off(&sender, &clock, number).await;
        assert_eq!((done.state, done.changed), (BulkState::Done, 150), "update {refused}");
        assert_eq!(per_event(&sender).await, vec![1; 150], "update {refused}");
    }
}

#[tokio::test]
async fn delivered_events_are_sent_again_once_whichever_update_is_lost() {
    for refused in 0..4 {
        let server = Server::start(|_| Reply::status(200)).await;
        let clock = ManualClock::default();
        let sender = quiet(Crashing { inner: MemoryStore::new(), updates: Arc::default(), refused }, &clock);
        sender.endpoints().create(endpoint(&server)).await.unwrap();
        let running = Running::start(&sender);
        dispatch(&sender, "acme", 50).await;
        until(|| async { server.requests().len() == 50 }).await;
        until(|| async { sender.history().counts(None).await.unwrap().delivered == 50 }).await;
        clock.advance(Duration::from_secs(1));
        let operator = sender.scoped(Scope::operator());
        let number = operator.resend_all(in_state(DeliveryState::Delivered)).start().await.unwrap();
        until(|| async {
            // What was sent again is delivered before another worker takes over.
            let counts = sender.history().counts(None).await.unwrap();
            if counts.delivered == 50 {
                clock.advance(Duration::from_secs(10));
            }
            sender.wake();
            job(&sender, number).await.finished_at.is_some()
        })
        .await;
        until(|| async { sender.history().counts(None).await.unwrap().delivered == 50 }).await;
        running.stop().await;
        assert_eq!(job(&sender, number).await.changed, 50, "update {refused}");
        assert_eq!(server.requests().len(), 100, "update {refused}");
    }
}

#[tokio::test]
async fn a_drain_works_jobs_off() {
    let server = Server::start(|_| Reply::status(200)).await;
    let sender = sender(MemoryStore::new());
    for n in 0..200 {
        sender.dispatch(event(n)).await.unwrap();
    }
    let late = sender.endpoints().create(endpoint(&server)).await.unwrap();
    let number = sender.replay(late.id).start().await.unwrap();
    let drained = sender.worker().drain(Duration::from_secs(60), 1_000).await.unwrap();
    assert_eq!((drained.delivered, drained.next), (200, None));
    assert_eq!(job(&sender, number).await.state, BulkState::Done);
}

#[tokio::test]
async fn a_job_leaves_out_what_a_removed_endpoint_had() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    let (gone, here) = (disabled(&sender, "acme").await, disabled(&sender, "other").await);
    dispatch(&sender, "acme", 3).await;
    dispatch(&sender, "other", 4).await;
    sender.endpoints().remove(gone.id).await.unwrap();
    let operator = sender.scoped(Scope::operator());
    let cancel = operator.cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    assert_eq!(worked_off(&sender, &clock, cancel).await.changed, 4);
    let resend = operator.resend_all(in_state(DeliveryState::Cancelled));
    assert_eq!(resend.count().await.unwrap(), (4, true));
    let number = resend.start().await.unwrap();
    assert_eq!(worked_off(&sender, &clock, number).await.changed, 4);
    assert_eq!(sender.stats(here.id).await.unwrap().counts.held, 4);
}

#[tokio::test]
async fn a_job_goes_on_after_its_store_has_failed_for_a_while() {
    let clock = ManualClock::default();
    let store = FaultyStore::new(MemoryStore::new());
    let sender = quiet(store.clone(), &clock);
    dispatch(&sender, "acme", 10).await;
    let endpoint = disabled(&sender, "acme").await;
    store.fail_every("add_deliveries", Some(Fault::AnswerLost));
    let number = sender.replay(endpoint.id).all().start().await.unwrap();
    let running = Running::start(&sender);
    until(|| async { job(&sender, number).await.error.is_some() }).await;
    let failing = job(&sender, number).await;
    assert_eq!((failing.state, failing.changed), (BulkState::Running, 0));
    store.fail_every("add_deliveries", None);
    clock.advance(Duration::from_secs(5));
    let done = finished(&sender, number).await;
    assert_eq!((done.state, done.changed, done.error), (BulkState::Done, 10, None));
    running.stop().await;
    assert_eq!(per_event(&sender).await, vec![1; 10], "the answer was lost, but the deliveries were made");
}

#[tokio::test]
async fn a_replay_ends_as_failed_if_its_endpoint_is_removed() {
    let sender = quiet(MemoryStore::new(), &ManualClock::default());
    dispatch(&sender, "acme", 10).await;
    let endpoint = disabled(&sender, "acme").await;
    let number = sender.replay(endpoint.id).start().await.unwrap();
    sender.endpoints().remove(endpoint.id).await.unwrap();
    let running = Running::start(&sender);
    let failed = finished(&sender, number).await;
    assert_eq!((failed.state, failed.changed), (BulkState::Failed, 0));
    assert_eq!(failed.error.as_deref(), Some("endpoint: does not exist; check the id"));
    running.stop().await;
}

#[tokio::test]
async fn a_job_whose_record_is_unreadable_waits_and_stops_no_other_job() {
    let clock = ManualClock::default();
    let store = MemoryStore::new();
    let sender = quiet(store.clone(), &clock);
    disabled(&sender, "acme").await;
    dispatch(&sender, "acme", 3).await;
    let damaged = store.add_job(BulkJob::new(None, Timestamp::EPOCH, "{\"plan\":7}"), 8).await.unwrap().unwrap();
    let shown = job(&sender, damaged).await;
    assert!(shown.error.unwrap().starts_with("the record of the job is unreadable"));
    let number = sender.scoped(Scope::operator()).cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    let running = Running::start(&sender);
    assert_eq!(finished(&sender, number).await.changed, 3);
    running.stop().await;
    let kept = store.job(damaged).await.unwrap().unwrap();
    assert!(kept.wake_at > Some(clock.now()) && &*kept.content == "{\"plan\":7}");
    sender.scoped(Scope::operator()).stop_job(damaged).await.unwrap();
    assert_eq!(job(&sender, damaged).await.state, BulkState::Stopped);
}

#[tokio::test]
async fn two_workers_share_the_jobs_of_a_store() {
    let (clock, store) = (ManualClock::default(), MemoryStore::new());
    let senders = [quiet(store.clone(), &clock), quiet(store.clone(), &clock)];
    dispatch(&senders[0], "acme", 600).await;
    let endpoint = disabled(&senders[0], "acme").await;
    let mut numbers = Vec::new();
    for sender in &senders {
        numbers.push(sender.replay(endpoint.id).all().start().await.unwrap());
    }
    let running = [Running::start(&senders[0]), Running::start(&senders[1])];
    for number in numbers {
        let done = finished(&senders[1], number).await;
        assert_eq!((done.state, done.changed), (BulkState::Done, 600));
    }
    for one in running {
        one.stop().await;
    }
    assert_eq!(per_event(&senders[0]).await, vec![2; 600], "each replay sends every event once");
}

#[tokio::test]
async fn a_replay_of_what_did_not_arrive_sends_one_of_several_failed_deliveries_of_an_event() {
    let clock = ManualClock::default();
    let sender = quiet(MemoryStore::new(), &clock);
    let endpoint = disabled(&sender, "acme").await;
    dispatch(&sender, "acme", 3).await;
    assert_eq!(sender.replay(endpoint.id).all().run().await.unwrap(), 3);
    let operator = sender.scoped(Scope::operator());
    let cancel = operator.cancel_all(in_state(DeliveryState::Held)).start().await.unwrap();
    assert_eq!(worked_off(&sender, &clock, cancel).await.changed, 6);
    let replay = sender.replay(endpoint.id);
    assert_eq!(replay.count().await.unwrap(), 3);
    assert_eq!(replay.run().await.unwrap(), 3);
    assert_eq!(sender.stats(endpoint.id).await.unwrap().counts.held, 3);
}
