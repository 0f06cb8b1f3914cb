//! The audit log: every change through a scope is recorded before it is made.

use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Tenant;
use hookwire::receiver::inbox::{Inbox, Queue};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{DeliveryError, EndpointChange, EndpointError, Scope, Scoped, Sender};
use hookwire::store::{
    AuditEntry, AuditLog, AuditQuery, DiagnosticNote, Diagnostics, MemoryStore, Page, Store, StoreErrorKind,
};
use hookwire::testing::{Fault, FaultyStore, ManualClock};
use hookwire::worker::{CancellationToken, Config};

use crate::support::until;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn sender(store: impl Store) -> Sender {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(store).egress(egress).clock(ManualClock::at(NOW)).build().unwrap()
}

fn new_endpoint() -> NewEndpoint {
    NewEndpoint::at(Target::parse("http://127.0.0.1:9000/in").unwrap())
}

async fn log(scoped: &Scoped) -> Vec<AuditEntry> {
    scoped.audit_log(AuditQuery::default(), Page::of(100)).await.unwrap().items
}

/// The action, the object, the details and the result of each entry.
fn told(entries: &[AuditEntry]) -> Vec<String> {
    let told = |entry: &AuditEntry| {
        format!("{} {} ({}) {:?}", entry.action, entry.object, entry.detail, entry.succeeded.unwrap())
    };
    entries.iter().map(told).collect()
}

#[tokio::test]
async fn every_change_is_recorded_with_its_object_and_its_result() {
    let sender = sender(MemoryStore::new());
    let ann = sender.scoped(Scope::tenant("acme").named("ann"));
    let endpoint = ann.create(new_endpoint()).await.unwrap().id;
    let change = EndpointChange::new().target(Target::parse("http://127.0.0.1:9001/in").unwrap()).disabled();
    ann.update(endpoint, change).await.unwrap();
    ann.update(endpoint, EndpointChange::new().at_version(1).enabled()).await.unwrap_err();
    ann.renew_key(endpoint, Duration::ZERO).await.unwrap();
    ann.prove(endpoint).await.unwrap();
    ann.test(endpoint).await.unwrap();
    let receipt = ann.dispatch(NewEvent::json("invoice.paid", &1).unwrap()).await.unwrap();
    let (event, delivery) = (receipt.event, receipt.deliveries[0]);
    ann.resend(delivery).await.unwrap_err();
    ann.cancel(delivery).await.unwrap();
    ann.resend(delivery).await.unwrap();
    ann.cancel(delivery).await.unwrap();
    ann.resend_event(&"acme".into(), &event, None).await.unwrap();
    ann.replay(endpoint).await.unwrap().all().from(NOW).types("invoice.*".parse().unwrap()).run().await.unwrap();
    assert!(ann.expunge(&"acme".into(), &event).await.unwrap());
    ann.remove(endpoint).await.unwrap();

    let entries = log(&ann).await;
    let expected = [
        format!("endpoint.create {endpoint} () true"),
        format!("endpoint.update {endpoint} (url, disabled) true"),
        format!("endpoint.update {endpoint} (enabled) false"),
        format!("endpoint.rotate_key {endpoint} () true"),
        format!("endpoint.test {endpoint} () true"),
        format!("delivery.resend {delivery} ({event}) false"),
        format!("delivery.cancel {delivery} ({event}) true"),
        format!("delivery.resend {delivery} ({event}) true"),
        format!("delivery.cancel {delivery} ({event}) true"),
        format!("event.resend {event} (1 delivery) true"),
        format!("endpoint.replay {endpoint} (all, from {NOW}, invoice.*) true"),
        format!("event.expunge {event} () true"),
        format!("endpoint.remove {endpoint} () true"),
    ];
    assert_eq!(told(&entries), expected);
    for entry in entries {
        assert_eq!((entry.tenant, &*entry.actor, entry.at), (Some("acme".into()), "ann", NOW));
        assert_eq!((entry.by_operator, &*entry.surface), (false, "code"));
    }
    let of_event = AuditQuery::default().object(event.as_str());
    assert_eq!(ann.audit_log(of_event, Page::of(9)).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_is_not_made() {
    let store = FaultyStore::new(MemoryStore::new());
    let sender = sender(store.clone());
    let ann = sender.scoped(Scope::tenant("acme"));
    let endpoint = ann.create(new_endpoint()).await.unwrap();
    store.fail_every("audit", Some(Fault::Refused(StoreErrorKind::Unavailable)));
    assert!(matches!(ann.remove(endpoint.id).await, Err(EndpointError::Store(_))));
    assert!(matches!(ann.create(new_endpoint()).await, Err(EndpointError::Store(_))));
    assert_eq!(sender.endpoints().list(None, None, 9).await.unwrap().len(), 1);
    store.fail_every("audit", None);

    store.fail_every("conclude", Some(Fault::Refused(StoreErrorKind::Unavailable)));
    ann.remove(endpoint.id).await.unwrap();
    let last = log(&ann).await.pop().unwrap();
    assert_eq!((&*last.action, last.succeeded), ("endpoint.remove", None), "the result is unknown");

    store.fail_every("conclude", None);
    let endpoint = ann.create(new_endpoint()).await.unwrap();
    store.fail_every("put", Some(Fault::AnswerLost));
    ann.update(endpoint.id, EndpointChange::new().disabled()).await.unwrap_err();
    let last = log(&ann).await.pop().unwrap();
    assert_eq!((&*last.action, last.succeeded), ("endpoint.update", None), "the change may have been made");
}

#[tokio::test]
async fn a_tenant_sees_its_own_log_without_the_names_of_operators() {
    let sender = sender(MemoryStore::new());
    let (acme, other) = (sender.scoped(Scope::tenant("acme")), sender.scoped(Scope::tenant("other").named("bob")));
    let operator = sender.scoped(Scope::operator().named("root@host"));
    let endpoint = acme.create(new_endpoint()).await.unwrap().id;
    other.create(new_endpoint()).await.unwrap();
    operator.update(endpoint, EndpointChange::new().disabled()).await.unwrap();

    let told = |entries: Vec<AuditEntry>| -> Vec<_> {
        entries.into_iter().map(|entry| (entry.action, entry.actor, entry.by_operator)).collect()
    };
    let (create, update) = ("endpoint.create".into(), "endpoint.update".into());
    assert_eq!(told(log(&acme).await), [(create, "".into(), false), (update, "".into(), true)]);
    assert_eq!(log(&operator).await.len(), 3);
    assert_eq!(&*log(&operator).await[2].actor, "root@host");
    for (scoped, requested, count) in [(&acme, "other", 0), (&acme, "acme", 2), (&operator, "other", 1)] {
        let query = AuditQuery::default().tenant(Tenant::from(requested));
        assert_eq!(scoped.audit_log(query, Page::of(9)).await.unwrap().items.len(), count, "{requested}");
    }
    let theirs = AuditQuery::default().object(&*endpoint.to_string());
    assert!(other.audit_log(theirs, Page::of(9)).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_not_recorded() {
    let sender = sender(MemoryStore::new());
    let endpoint = sender.scoped(Scope::tenant("acme")).create(new_endpoint()).await.unwrap().id;
    let (reader, other) =
        (sender.scoped(Scope::tenant("acme").read_only()), sender.scoped(Scope::tenant("other").named("bob")));
    assert!(matches!(reader.remove(endpoint).await, Err(EndpointError::ReadOnly)));
    let replay = reader.replay(endpoint).await.unwrap().run().await;
    assert!(matches!(replay, Err(EndpointError::ReadOnly)));
    let id = "evt_1".parse().unwrap();
    assert!(matches!(reader.expunge(&"acme".into(), &id).await, Err(DeliveryError::ReadOnly)));
    assert!(!other.expunge(&"acme".into(), &id).await.unwrap());
    assert!(matches!(other.remove(endpoint).await, Err(EndpointError::NotFound)));
    assert_eq!(log(&sender.scoped(Scope::operator())).await.len(), 1);
    assert!(log(&other).await.is_empty());
}

#[tokio::test]
async fn names_and_ids_of_any_length_and_script_are_accepted() {
    let sender = sender(MemoryStore::new());
    let name = format!("a\0b\u{202e}{}", "ä".repeat(500));
    let ann = sender.scoped(Scope::tenant("acme").named(name));
    ann.create(new_endpoint()).await.unwrap();
    let actor = &log(&ann).await[0].actor;
    assert!(actor.starts_with("ab\u{202e}ä") && actor.len() <= 256, "{} bytes", actor.len());
    for object in ["\0", &"x".repeat(10_000)] {
        let query = AuditQuery::default().object(object);
        assert!(ann.audit_log(query, Page::of(9)).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn a_worker_deletes_entries_that_are_older_than_their_retention() {
    let store = MemoryStore::new();
    let clock = ManualClock::at(NOW);
    let config = Config { audit_retention: Some(Duration::from_secs(86_400)), ..Config::default() };
    let sender = Sender::builder(store.clone()).clock(clock.clone()).worker(config).build().unwrap();
    let operator = sender.scoped(Scope::operator());
    let entry = |at| AuditEntry {
        number: 0,
        at,
        tenant: None,
        actor: "".into(),
        by_operator: true,
        surface: "code".into(),
        action: "test".into(),
        object: "".into(),
        detail: "".into(),
        succeeded: None,
    };
    for _ in 0..1_200 {
        store.audit(entry(NOW)).await.unwrap();
    }
    clock.advance(Duration::from_secs(86_401));
    let kept = store.audit(entry(NOW + Duration::from_secs(1))).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    until(async || log(&operator).await.iter().map(|entry| entry.number).eq([kept])).await;
    stop.cancel();
    worker.await.unwrap().unwrap();

    // An inbox on the same store has no audit log, so its retention does not count.
    let config = Config {
        audit_retention: Some(Duration::ZERO),
        diagnostics_retention: Some(Duration::ZERO),
        ..Config::default()
    };
    let queue = Queue::new("all", async |_| Ok(()));
    let inbox = Inbox::builder(store.clone()).queue(queue).worker(config).build().unwrap();
    let note = DiagnosticNote { subject: "a".into(), at: NOW, content: "{}".into() };
    store.note(vec![note]).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(inbox.worker().run(stop.clone()));
    until(async || store.notes("a").await.unwrap().is_empty()).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    assert_eq!(log(&operator).await.len(), 1);
}
