//! No caller gets an answer about data that only the primary has: every answer waits until its data is replicated.

use std::fmt::Debug;
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::delivery::{Leased, Settlement};
use hookwire::endpoint::{Endpoint, NewEndpoint};
use hookwire::id::{EndpointId, Tenant, Work};
use hookwire::retry::Decision;
use hookwire::secret::{Key, Keyring};
use hookwire::store::{
    Append, Appended, BeginResult, Claim, Control, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, Directory,
    FirstResponse, Outbox, PostgresStore, PutResult, Removal, Settled, StoreError, StoreErrorKind,
};
use libtest_mimic::Trial;

use crate::Needs;
use crate::postgres::{Server, connect};
use crate::schema::{Schema, append_at};

const HOUR: Duration = Duration::from_secs(3_600);

pub fn trials(binaries: &Needs) -> Vec<Trial> {
    vec![
        binaries.test("replicated::no_answer_depends_on_data_that_only_the_primary_has", |_| answers_wait()),
        binaries.test("replicated::the_result_of_a_commit_whose_wait_is_cancelled_is_unknown", |_| cancelled_wait()),
    ]
}

/// Configures a standby that never connects: from now on, every commit with something to replicate waits.
async fn lose_standby(server: &Server, schema: &Schema) -> PostgresStore {
    let store = schema.options().call_timeout(Duration::from_secs(1)).open().await.unwrap();
    let admin = connect(&server.url()).await;
    admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    // A backend reads the new setting before its next statement.
    tokio::time::sleep(Duration::from_millis(500)).await;
    store
}

/// The results of all calls that were made once.
struct Done {
    append: Append,
    lost: Settlement,
    endpoint: Endpoint,
    removed: EndpointId,
    key: DedupEntry,
    claimant: DedupLease,
    now: Timestamp,
}

fn answer() -> FirstResponse {
    FirstResponse::status(200)
}

async fn claim(store: &PostgresStore, lane: EndpointId, now: Timestamp) -> Leased {
    let lanes = vec![(lane.into(), 1)];
    store.claim(Claim { lanes, now, until: now + HOUR }).await.unwrap().leased.remove(0)
}

fn endpoint(now: Timestamp) -> Endpoint {
    let new = NewEndpoint::https("https://hooks.example.com/").unwrap();
    Endpoint::new(new, Keyring::new(Key::generate().unwrap()), now)
}

async fn do_it(store: &PostgresStore, now: Timestamp) -> Done {
    let lane = EndpointId::generate(now);
    let append = append_at(lane, "once", now);
    assert_eq!(store.append(vec![append.clone()]).await.unwrap(), [Appended::Stored]);
    let lost = Settlement::of(&claim(store, lane, now).await, Decision::Delivered, now);
    assert_eq!(store.settle(vec![lost.clone()]).await.unwrap(), [Settled::Done]);
    let (kept, gone) = (endpoint(now), endpoint(now));
    for one in [&kept, &gone] {
        assert_eq!(store.put(one.clone()).await.unwrap(), PutResult::Stored);
    }
    assert_eq!(store.remove(gone.id, None, now).await.unwrap(), Removal::Removed);
    let key = DedupEntry { key: DedupKey::new([7; 32]), group: Some(DedupGroup::new([7; 16])) };
    let BeginResult::Fresh(claimant) = store.begin(&[key], now, now + HOUR).await.unwrap()[0] else { panic!("fresh") };
    assert_eq!(store.finish(&[claimant], &answer(), now + HOUR).await.unwrap(), [Settled::Done]);
    Done { append, lost, endpoint: kept, removed: gone.id, key, claimant, now }
}

/// Repeats every call, and returns the answers.
async fn do_it_again(store: &PostgresStore, done: &Done) -> Vec<(&'static str, Result<String, StoreError>)> {
    fn text<T: Debug>(answer: Result<T, StoreError>) -> Result<String, StoreError> {
        answer.map(|answer| format!("{answer:?}"))
    }
    let (delivery, now) = (done.append.deliveries[0].id, done.now);
    let (lost, tenant) = (done.lost.clone(), Tenant::from("acme"));
    let nothing = [DedupGroup::new([9; 16])];
    vec![
        ("append", text(store.append(vec![done.append.clone()]).await)),
        ("settle", text(store.settle(vec![lost]).await)),
        ("cancel", text(store.cancel(Work::Sent, vec![delivery], now).await)),
        ("resend", text(store.resend(Work::Received, vec![(delivery, now)]).await)),
        ("put", text(store.put(done.endpoint.clone()).await)),
        ("remove", text(store.remove(done.removed, None, now).await)),
        ("begin", text(store.begin(&[done.key], now, now + HOUR).await)),
        ("finish", text(store.finish(&[done.claimant], &answer(), now + HOUR).await)),
        ("forget", text(store.forget(&nothing).await)),
        ("forget_received", text(store.forget_received(&tenant, &nothing).await)),
    ]
}

async fn answers_wait() {
    let server = Server::start().unwrap();
    // The schema is deleted with its server: it cannot be dropped on a server whose commits wait.
    let schema = Schema::clone(&Schema::fresh(&server.url()));
    let now = SystemClock.now();
    let done = do_it(&schema.open().await, now).await;
    let store = lose_standby(&server, &schema).await;
    for (call, answer) in do_it_again(&store, &done).await {
        let kind = answer.as_ref().map_err(StoreError::kind);
        assert_eq!(kind, Err(StoreErrorKind::Unknown), "{call} has answered");
    }
    let admin = connect(&server.url()).await;
    admin.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    crate::until(|| async { store.append(vec![done.append.clone()]).await.is_ok() }).await;
    let answers: Vec<_> = do_it_again(&store, &done).await.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    let expected = [
        "[Duplicate]",
        "[LeaseLost]",
        "[false]",
        "[false]",
        "VersionConflict",
        "NotFound",
        "[Done(FirstResponse(200, 0 bytes))]",
        "[LeaseLost]",
        "[0]",
        "[0]",
    ];
    assert_eq!(answers, expected);
}

/// If the wait is cancelled, the server only warns and reports success.
async fn cancelled_wait() {
    let server = Server::start().unwrap();
    // The schema is deleted with its server: it cannot be dropped on a server whose commits wait.
    let schema = Schema::clone(&Schema::fresh(&server.url()));
    drop(schema.open().await);
    let store = lose_standby(&server, &schema).await;
    let admin = connect(&server.url()).await;
    let cancel = tokio::spawn(async move {
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        loop {
            admin.batch_execute(cancel).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let now = SystemClock.now();
    for (number, ordered) in [false, true].into_iter().enumerate() {
        let id = format!("cancelled-{number}");
        let mut append = append_at(EndpointId::generate(now), &id, now);
        if ordered {
            // An append with a transaction of several statements.
            let event = hookwire::event::NewEvent::json("a.b", &1).unwrap().ordered_by("key").unwrap();
            append.event = std::sync::Arc::new(event.seal(now));
        }
        let error = store.append(vec![append]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    }
    let error = store.put(endpoint(now)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unknown, "{error:?}");
    cancel.abort();
}
