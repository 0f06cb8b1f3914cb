//! Endpoints.

use std::sync::Arc;

use super::subject::{LEASED, MINUTE, NOW, Subject, endpoint, ok, one, some, tenant};
use crate::delivery::{DeliveryState, Next};
use crate::endpoint::Endpoint;
use crate::retry::FailReason;
use crate::store::{Put, Removal, Settled};

fn next_version(endpoint: &Endpoint) -> Endpoint {
    Endpoint { version: endpoint.version + 1, ..endpoint.clone() }
}

/// A change is stored only over its predecessor.
pub async fn put_checks_the_version(subject: &Subject) {
    let first = subject.endpoint().await;
    assert_eq!(ok(subject.store.put(first.clone()).await), Put::VersionConflict, "it exists already");
    let second = next_version(&first);
    assert_eq!(ok(subject.store.put(second.clone()).await), Put::Stored);
    assert_eq!(ok(subject.store.put(second.clone()).await), Put::VersionConflict, "somebody was faster");
    let skipped = next_version(&next_version(&second));
    assert_eq!(ok(subject.store.put(skipped).await), Put::VersionConflict);
    let unknown = next_version(&endpoint("acme"));
    assert_eq!(ok(subject.store.put(unknown).await), Put::VersionConflict);
}

/// Gone is gone.
pub async fn a_removed_endpoint_cannot_be_put_again(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    ok(subject.store.remove(endpoint.id, None, NOW).await);
    for again in [endpoint.clone(), next_version(&endpoint)] {
        assert_eq!(ok(subject.store.put(again).await), Put::VersionConflict);
    }
}

/// A removed endpoint shows nowhere.
pub async fn a_removed_endpoint_is_gone(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::Removed);
    assert!(ok(subject.store.get(endpoint.id).await).is_none());
    assert!(ok(subject.store.list(None, None, 9).await).is_empty());
    assert!(ok(subject.store.of_tenant(&endpoint.tenant).await).is_empty());
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::NotFound, "there is none any more");
}

/// Everything that was put, keys included.
pub async fn an_endpoint_reads_back_whole(subject: &Subject) {
    let mut first = endpoint("acme");
    let newer = crate::secret::Key::generate().unwrap_or_else(|error| panic!("{error}"));
    first.keys.rotate(newer, NOW, MINUTE).unwrap_or_else(|error| panic!("{error}"));
    first.flagged_at = Some(NOW);
    subject.put(&first).await;
    let disabled = subject.disable(&first).await;
    let kept = some(ok(subject.second.get(first.id).await));
    assert_eq!((&kept.tenant, &kept.target, &kept.filter), (&disabled.tenant, &disabled.target, &disabled.filter));
    assert_eq!((kept.state, kept.flagged_at, kept.limits), (disabled.state, disabled.flagged_at, disabled.limits));
    assert_eq!((kept.created_at, kept.version), (disabled.created_at, 2));
    let keys = |endpoint: &Endpoint| -> Vec<_> {
        endpoint.keys.entries().iter().map(|entry| (entry.key.id(), entry.retires_at)).collect()
    };
    assert_eq!(keys(&kept), keys(&disabled));
}

/// Pages together cover every endpoint once.
pub async fn list_pages_in_id_order(subject: &Subject) {
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(subject.endpoint().await.id);
    }
    expected.sort();
    let mut found = Vec::new();
    loop {
        let page = ok(subject.store.list(None, found.last().copied(), 2).await);
        if page.is_empty() {
            break;
        }
        found.extend(page.iter().map(|endpoint| endpoint.id));
    }
    assert_eq!(found, expected);
}

/// Tenants do not see each other's endpoints.
pub async fn list_of_one_tenant_shows_no_other(subject: &Subject) {
    let (acme, umbrella) = (endpoint("acme"), endpoint("umbrella"));
    subject.put(&acme).await;
    subject.put(&umbrella).await;
    let listed = one(ok(subject.store.list(Some(&acme.tenant), None, 9).await));
    assert_eq!(listed.id, acme.id);
    assert_eq!(one(ok(subject.store.of_tenant(&umbrella.tenant).await)).id, umbrella.id);
    assert!(ok(subject.store.of_tenant(&tenant("nobody")).await).is_empty());
}

/// Their events are held, so they are owed too.
pub async fn of_tenant_answers_disabled_ones_too(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    subject.disable(&endpoint).await;
    let found = one(ok(subject.store.of_tenant(&endpoint.tenant).await));
    assert!(!found.is_enabled());
}

/// Two changes made from the same version do not both pass.
pub async fn of_concurrent_puts_one_wins(subject: &Subject) {
    let second = next_version(&subject.endpoint().await);
    let (a, b) = tokio::join!(subject.store.put(second.clone()), subject.second.put(second.clone()));
    let stored = [ok(a), ok(b)].into_iter().filter(|put| *put == Put::Stored).count();
    assert_eq!(stored, 1);
}

/// Whoever has read an older version does not remove a newer one.
pub async fn remove_checks_the_version(subject: &Subject) {
    let first = subject.endpoint().await;
    let second = next_version(&first);
    assert_eq!(ok(subject.store.put(second.clone()).await), Put::Stored);
    assert_eq!(ok(subject.second.remove(first.id, Some(1), NOW).await), Removal::VersionConflict);
    assert!(ok(subject.store.get(first.id).await).is_some());
    assert_eq!(ok(subject.store.remove(first.id, Some(2), NOW).await), Removal::Removed);
    assert_eq!(ok(subject.store.remove(first.id, Some(2), NOW).await), Removal::NotFound);
}

/// However many are created at once.
pub async fn a_tenants_cap_holds_under_concurrency(subject: &Subject) {
    let mut tasks = tokio::task::JoinSet::new();
    for turn in 0..24 {
        let store = if turn % 2 == 0 { Arc::clone(&subject.store) } else { Arc::clone(&subject.second) };
        let tenant = if turn % 3 == 0 { "umbrella" } else { "acme" };
        tasks.spawn(async move { store.create(endpoint(tenant), 5).await });
    }
    let mut stored = 0;
    while let Some(created) = tasks.join_next().await {
        let created = ok(created.unwrap_or_else(|error| panic!("{error}")));
        assert!(matches!(created, Put::Stored | Put::TooMany));
        stored += usize::from(created == Put::Stored);
    }
    assert_eq!(stored, 10, "five for each tenant");
    let kept = ok(subject.store.of_tenant(&tenant("acme")).await);
    assert_eq!(kept.len(), 5);
    assert_eq!(ok(subject.store.remove(kept[0].id, None, NOW).await), Removal::Removed);
    assert_eq!(ok(subject.store.create(endpoint("acme"), 5).await), Put::Stored, "one has gone");
}

/// Pending and leased deliveries are cancelled; what was delivered stays so.
pub async fn remove_cancels_what_was_owed(subject: &Subject) {
    let endpoint = subject.endpoint().await;
    for _ in 0..2 {
        subject.owe(endpoint.id).await;
    }
    let mut leased = subject.claim(endpoint.id, 2, NOW).await;
    let (in_flight, done) = (some(leased.pop()), some(leased.pop()));
    subject.settle(&done, Next::Delivered).await;
    let held = subject.owe(endpoint.id).await;
    let to_hold = one(subject.claim(endpoint.id, 1, NOW).await);
    subject.settle(&to_hold, Next::Held { reason: FailReason::Exhausted }).await;
    let pending = subject.owe(endpoint.id).await;
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::Removed);
    for id in [pending, held, in_flight.lease.delivery] {
        assert_eq!(subject.delivery(id).await.state, DeliveryState::Cancelled);
    }
    assert_eq!(subject.delivery(done.lease.delivery).await.state, DeliveryState::Delivered);
    assert_eq!(subject.settle(&in_flight, Next::Delivered).await, Settled::LeaseLost);
    assert!(subject.claim(endpoint.id, 9, LEASED).await.is_empty());
}
