//! Storing, listing and removing endpoints.

use super::drops::{Polls, dropped_after};
use super::given::{NOW, endpoint, next_version, ok, one, sorted, tenant};
use super::subject::{Subject, assert_ends};
use super::together::at_once;
use crate::endpoint::Endpoint;
use crate::id::{EndpointId, Tenant};
use crate::store::{Directory, PutResult, Removal};

/// A change is stored only over its predecessor.
pub(super) async fn put_checks_the_version<S: Directory + ?Sized>(subject: &Subject<S>) {
    let first = subject.endpoint().await;
    assert_eq!(ok(subject.store.put(first.clone()).await), PutResult::VersionConflict, "it exists already");
    let second = next_version(&first);
    assert_eq!(ok(subject.store.put(second.clone()).await), PutResult::Stored);
    assert_eq!(ok(subject.store.put(second.clone()).await), PutResult::VersionConflict, "another caller was faster");
    assert_eq!(ok(subject.store.put(first.clone()).await), PutResult::VersionConflict, "an older version");
    let skipped = next_version(&next_version(&second));
    assert_eq!(ok(subject.store.put(skipped).await), PutResult::VersionConflict);
    let unknown = next_version(&endpoint("acme"));
    assert_eq!(ok(subject.store.put(unknown.clone()).await), PutResult::VersionConflict, "without a predecessor");
    assert!(ok(subject.store.get(unknown.id).await).is_none());
    assert_eq!(subject.kept(first.id).await.version, 2);
}

/// A refused put changes nothing.
pub(super) async fn a_refused_put_changes_nothing<S: Directory + ?Sized>(subject: &Subject<S>) {
    let first = subject.endpoint().await;
    let second = next_version(&first);
    subject.put(&second).await;
    let late = super::fields::full_endpoint("acme");
    for version in [1, 2, 4] {
        let late = Endpoint { id: first.id, version, ..late.clone() };
        assert_eq!(ok(subject.store.put(late).await), PutResult::VersionConflict);
    }
    super::fields::assert_same_endpoint(&subject.kept(first.id).await, &second);
}

/// An id that was removed is never used again.
pub(super) async fn a_removed_endpoint_cannot_be_put_again<S: Directory + ?Sized>(subject: &Subject<S>) {
    let endpoint = subject.endpoint().await;
    ok(subject.store.remove(endpoint.id, None, NOW).await);
    for again in [endpoint.clone(), next_version(&endpoint)] {
        assert_eq!(ok(subject.store.put(again).await), PutResult::VersionConflict);
    }
    assert_eq!(ok(subject.store.create(endpoint.clone(), 9).await), PutResult::VersionConflict);
    assert!(ok(subject.store.get(endpoint.id).await).is_none());
}

/// A removed endpoint is in no list.
pub(super) async fn a_removed_endpoint_is_gone<S: Directory + ?Sized>(subject: &Subject<S>) {
    let (endpoint, other) = (subject.endpoint().await, subject.endpoint().await);
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::Removed);
    assert!(ok(subject.second.get(endpoint.id).await).is_none());
    assert_eq!(one(ok(subject.second.list(None, None, 9).await)).id, other.id);
    assert_eq!(one(ok(subject.second.list(Some(&endpoint.tenant), None, 9).await)).id, other.id);
    assert_eq!(one(ok(subject.second.of_tenant(&endpoint.tenant).await)).id, other.id);
    assert_eq!(ok(subject.store.remove(endpoint.id, None, NOW).await), Removal::NotFound, "it is gone");
    let unknown = EndpointId::generate(NOW);
    assert_eq!(ok(subject.store.remove(unknown, None, NOW).await), Removal::NotFound);
    assert!(ok(subject.store.get(unknown).await).is_none());
}

async fn pages<S: Directory + ?Sized>(subject: &Subject<S>, tenant: Option<&Tenant>, limit: u32) -> Vec<EndpointId> {
    let mut found: Vec<EndpointId> = Vec::new();
    for round in 0.. {
        assert_ends(round);
        let page = ok(subject.store.list(tenant, found.last().copied(), limit).await);
        assert!(page.len() <= limit as usize, "no more than the limit");
        if page.is_empty() {
            break;
        }
        found.extend(page.iter().map(|endpoint| endpoint.id));
    }
    found
}

/// The pages together list every endpoint once, in the order of the ids, whatever the order of creation is.
pub(super) async fn list_pages_in_id_order<S: Directory + ?Sized>(subject: &Subject<S>) {
    let mut made: Vec<_> = (0..7).map(|n| endpoint(if n % 2 == 0 { "acme" } else { "umbrella" })).collect();
    made.reverse();
    for endpoint in &made {
        subject.put(endpoint).await;
    }
    subject.disable(&made[2]).await;
    let of = |tenant: &str| made.iter().filter(|one| one.tenant.as_str() == tenant).map(|one| one.id).collect();
    let (acme, umbrella) = (tenant("acme"), tenant("umbrella"));
    for limit in [1, 2, 3, 7, 99] {
        assert_eq!(pages(subject, None, limit).await, sorted(made.iter().map(|one| one.id).collect()));
        assert_eq!(pages(subject, Some(&acme), limit).await, sorted(of("acme")));
        assert_eq!(pages(subject, Some(&umbrella), limit).await, sorted(of("umbrella")));
    }
    assert!(ok(subject.store.list(None, None, 0).await).is_empty(), "a page of 0");
    let past_the_end = made.iter().map(|one| one.id).max();
    assert!(ok(subject.store.list(None, past_the_end, 9).await).is_empty());
}

/// Tenants do not see each other's endpoints.
pub(super) async fn list_of_one_tenant_shows_no_other<S: Directory + ?Sized>(subject: &Subject<S>) {
    let (acme, umbrella) = (endpoint("acme"), endpoint("umbrella"));
    subject.put(&acme).await;
    subject.put(&umbrella).await;
    let listed = one(ok(subject.store.list(Some(&acme.tenant), None, 9).await));
    assert_eq!(listed.id, acme.id);
    assert_eq!(one(ok(subject.store.of_tenant(&umbrella.tenant).await)).id, umbrella.id);
    assert!(ok(subject.store.of_tenant(&tenant("nobody")).await).is_empty());
    assert!(ok(subject.store.list(Some(&tenant("nobody")), None, 9).await).is_empty());
}

/// Events for a disabled endpoint are held, so a dispatch must find it.
pub(super) async fn of_tenant_returns_disabled_ones_too<S: Directory + ?Sized>(subject: &Subject<S>) {
    let (endpoint, enabled) = (subject.endpoint().await, subject.endpoint().await);
    subject.disable(&endpoint).await;
    let found = ok(subject.second.of_tenant(&endpoint.tenant).await);
    let ids = sorted(found.iter().map(|one| (one.id, one.is_enabled())).collect());
    assert_eq!(ids, sorted(vec![(endpoint.id, false), (enabled.id, true)]));
}

/// `of_tenant` returns all endpoints, however many a tenant has.
pub(super) async fn of_tenant_returns_all_of_them<S: Directory + ?Sized>(subject: &Subject<S>) {
    let made: Vec<_> = (0..130).map(|_| endpoint("acme")).collect();
    for endpoint in &made {
        subject.put(endpoint).await;
    }
    let found = ok(subject.second.of_tenant(&tenant("acme")).await);
    assert_eq!(sorted(found.iter().map(|one| one.id).collect()), sorted(made.iter().map(|one| one.id).collect()));
}

/// If several changes are made from the same version, one of them is stored.
pub(super) async fn of_concurrent_puts_one_wins<S: Directory + ?Sized>(subject: &Subject<S>) {
    for _ in 0..4 {
        let second = next_version(&subject.endpoint().await);
        let put = at_once(subject, 8, |_, store| {
            let second = second.clone();
            async move { ok(store.put(second).await) }
        });
        assert_eq!(put.await.into_iter().filter(|put| *put == PutResult::Stored).count(), 1);
        assert_eq!(subject.kept(second.id).await.version, 2);
    }
}

/// A caller that has read an older version cannot remove a newer one.
pub(super) async fn remove_checks_the_version<S: Directory + ?Sized>(subject: &Subject<S>) {
    let first = subject.endpoint().await;
    subject.put(&next_version(&first)).await;
    for wrong in [1, 3] {
        assert_eq!(ok(subject.second.remove(first.id, Some(wrong), NOW).await), Removal::VersionConflict);
    }
    assert!(ok(subject.store.get(first.id).await).is_some());
    assert_eq!(ok(subject.store.remove(first.id, Some(2), NOW).await), Removal::Removed);
    assert_eq!(ok(subject.store.remove(first.id, Some(2), NOW).await), Removal::NotFound);
}

/// However many endpoints are created at once, a tenant never has more than the limit.
pub(super) async fn a_tenants_cap_holds_under_concurrency<S: Directory + ?Sized>(subject: &Subject<S>) {
    let created = at_once(subject, 24, |caller, store| async move {
        let tenant = if caller.is_multiple_of(3) { "umbrella" } else { "acme" };
        ok(store.create(endpoint(tenant), 5).await)
    });
    let created = created.await;
    assert!(created.iter().all(|one| matches!(one, PutResult::Stored | PutResult::TooMany)));
    let stored = created.iter().filter(|one| **one == PutResult::Stored).count();
    assert_eq!(stored, 10, "five for each tenant");
    let kept = ok(subject.store.of_tenant(&tenant("acme")).await);
    assert_eq!(kept.len(), 5);
    assert_eq!(ok(subject.store.remove(kept[0].id, None, NOW).await), Removal::Removed);
    assert_eq!(ok(subject.store.create(endpoint("acme"), 5).await), PutResult::Stored, "a removed one does not count");
}

/// Disabled endpoints count, a refused one is not stored, and `put` has no limit.
pub(super) async fn create_counts_every_live_endpoint<S: Directory + ?Sized>(subject: &Subject<S>) {
    let first = endpoint("acme");
    assert_eq!(ok(subject.store.create(first.clone(), 0).await), PutResult::TooMany);
    assert_eq!(ok(subject.store.create(first.clone(), 2).await), PutResult::Stored);
    subject.disable(&first).await;
    assert_eq!(ok(subject.store.create(endpoint("acme"), 2).await), PutResult::Stored);
    let refused = endpoint("acme");
    assert_eq!(ok(subject.store.create(refused.clone(), 2).await), PutResult::TooMany);
    assert!(ok(subject.store.get(refused.id).await).is_none());
    assert_eq!(ok(subject.store.of_tenant(&tenant("acme")).await).len(), 2);
    assert_eq!(ok(subject.store.create(first, 9).await), PutResult::VersionConflict, "it exists already");
    assert_eq!(ok(subject.store.create(endpoint("umbrella"), 1).await), PutResult::Stored, "another tenant");
}

/// A dropped put is stored or not; it is in every list or in none.
pub(super) async fn a_dropped_put_is_whole_or_absent<S: Directory + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let tenant = tenant(&format!("acme-{polls}"));
        let new = endpoint(tenant.as_str());
        last = dropped_after(polls, subject.store.create(new.clone(), 1)).await;
        let again = ok(subject.second.create(new.clone(), 1).await);
        assert!(last.is_none() || again != PutResult::Stored, "it was stored twice, after {polls} polls");
        for found in
            [ok(subject.second.of_tenant(&tenant).await), ok(subject.second.list(Some(&tenant), None, 9).await)]
        {
            assert_eq!(one(found).id, new.id, "after {polls} polls");
        }
        assert_eq!(ok(subject.second.create(endpoint(tenant.as_str()), 1).await), PutResult::TooMany);
    }
}
