//! The audit log: who changed what.

use super::given::{MICRO, MINUTE, NOW, lookalikes, ok, tenant};
use super::subject::Subject;
use super::together::at_once;
use crate::clock::Timestamp;
use crate::store::{AuditEntry, AuditLog, AuditQuery, Page};

fn entry(of: Option<&str>, object: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        number: 0,
        at,
        tenant: of.map(tenant),
        actor: "ann@acme.example".into(),
        by_operator: false,
        surface: "console".into(),
        action: "endpoint.update".into(),
        object: object.into(),
        detail: "url, filter".into(),
        succeeded: None,
    }
}

async fn record<S: AuditLog + ?Sized>(subject: &Subject<S>, of: Option<&str>, object: &str) -> u64 {
    ok(subject.store.audit(entry(of, object, NOW)).await)
}

fn query(of: Option<&str>, object: Option<&str>) -> AuditQuery {
    AuditQuery::default().tenant(of.map(tenant)).object(object)
}

/// The numbers of all entries that match, read page by page through the second handle.
async fn listed<S: AuditLog + ?Sized>(subject: &Subject<S>, query: &AuditQuery, mut page: Page<u64>) -> Vec<u64> {
    let mut all = Vec::new();
    for _ in 0..100 {
        let found = ok(subject.second.audit_log(query, page).await);
        assert!(found.items.len() <= page.limit as usize, "a page has at most as many entries as its limit");
        all.extend(found.items.iter().map(|entry| entry.number));
        let Some(next) = found.next else { return all };
        page = page.after(next);
    }
    panic!("the list does not end");
}

async fn all<S: AuditLog + ?Sized>(subject: &Subject<S>) -> Vec<u64> {
    listed(subject, &AuditQuery::default(), Page::of(100)).await
}

/// Every field except the number is kept, also if texts are empty, long or in any script.
pub(super) async fn an_audit_entry_reads_back_as_recorded<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let long = "größe ' \\ \" %_ 名前 ".repeat(40);
    let full = AuditEntry {
        actor: long.as_str().into(),
        by_operator: true,
        surface: "mcp".into(),
        action: "event.expunge".into(),
        detail: long.into(),
        succeeded: Some(false),
        ..entry(Some("größer ' acme"), "order ' 1", NOW + MICRO)
    };
    let bare = AuditEntry { actor: "".into(), object: "".into(), detail: "".into(), ..entry(None, "", NOW - MINUTE) };
    let early = entry(None, "order-2", Timestamp::from_micros(-1));
    for entry in [full, bare, early] {
        let number = ok(subject.store.audit(entry.clone()).await);
        let found = ok(subject.second.audit_log(&AuditQuery::default(), Page::of(1).newest_first()).await);
        assert_eq!(found.items, [AuditEntry { number, ..entry }]);
    }
}

/// Numbers rise, whichever handle records, and no two entries have the same number.
pub(super) async fn audit_entries_are_numbered_in_order<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let first = record(subject, None, "a").await;
    let second = ok(subject.second.audit(entry(Some("acme"), "a", NOW - MINUTE)).await);
    let third = record(subject, Some("acme"), "b").await;
    assert!(first < second && second < third, "{first}, {second}, {third}");
    at_once(subject, 16, |_, store| async move {
        ok(store.audit(entry(None, "c", NOW)).await);
    })
    .await;
    let found = all(subject).await;
    assert_eq!(found.len(), 19);
    assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
}

/// A result is stored with its entry only, and a later result replaces it.
pub(super) async fn a_result_belongs_to_its_entry<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let [first, second, third] =
        [record(subject, None, "a").await, record(subject, None, "a").await, record(subject, None, "a").await];
    ok(subject.store.conclude(second, true).await);
    ok(subject.second.conclude(third, false).await);
    let found = ok(subject.store.audit_log(&AuditQuery::default(), Page::of(9)).await).items;
    let results: Vec<_> = found.iter().map(|entry| (entry.number, entry.succeeded)).collect();
    assert_eq!(results, [(first, None), (second, Some(true)), (third, Some(false))]);
}

/// The result of an unknown entry changes nothing.
pub(super) async fn a_result_without_an_entry_is_ignored<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let number = record(subject, Some("acme"), "a").await;
    ok(subject.store.conclude(number + 1, true).await);
    let found = ok(subject.second.audit_log(&AuditQuery::default(), Page::of(9)).await).items;
    assert_eq!(found.iter().map(|entry| (entry.number, entry.succeeded)).collect::<Vec<_>>(), [(number, None)]);
}

/// Tenants and objects are compared byte by byte.
pub(super) async fn the_audit_log_is_filtered_by_tenant_and_object<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let names = lookalikes();
    let mut numbers = Vec::new();
    for name in &names {
        numbers.push((record(subject, Some(name), "a").await, record(subject, Some("acme-2"), name).await));
    }
    let nobodys = record(subject, None, "a").await;
    for (name, (of_tenant, of_object)) in names.iter().zip(&numbers) {
        assert_eq!(listed(subject, &query(Some(name), None), Page::of(100)).await, [*of_tenant], "{name:?}");
        assert_eq!(listed(subject, &query(None, Some(name)), Page::of(100)).await, [*of_object], "{name:?}");
        assert_eq!(listed(subject, &query(Some("acme-2"), Some(name)), Page::of(100)).await, [*of_object]);
        assert_eq!(listed(subject, &query(Some(name), Some("b")), Page::of(100)).await, Vec::<u64>::new());
    }
    let of_a: Vec<_> = numbers.iter().map(|(of_tenant, _)| *of_tenant).chain([nobodys]).collect();
    assert_eq!(listed(subject, &query(None, Some("a")), Page::of(100)).await, of_a);
    assert_eq!(listed(subject, &query(Some("nobody"), None), Page::of(100)).await, Vec::<u64>::new());
}

/// Pages follow one another in both directions, and none repeats or leaves out an entry.
pub(super) async fn the_audit_log_is_read_in_pages<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let mut numbers = Vec::new();
    for place in 0..7 {
        let of = if place % 2 == 0 { "acme" } else { "other" };
        numbers.push(record(subject, Some(of), "a").await);
    }
    let every_second: Vec<_> = numbers.iter().copied().step_by(2).collect();
    for limit in [1, 2, 3, 4, 7, 8] {
        let page = Page::of(limit);
        assert_eq!(listed(subject, &AuditQuery::default(), page).await, numbers, "{limit}");
        assert_eq!(listed(subject, &query(Some("acme"), None), page).await, every_second, "{limit}");
        let newest: Vec<_> = numbers.iter().rev().copied().collect();
        assert_eq!(listed(subject, &AuditQuery::default(), page.newest_first()).await, newest, "{limit}");
    }
    let none = ok(subject.store.audit_log(&AuditQuery::default(), Page::of(0)).await);
    assert!(none.items.is_empty(), "a page of 0 is empty");
}

/// Entries before the given time are deleted; entries of this time and later ones are kept.
pub(super) async fn prune_audit_forgets_old_entries_only<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let times = [NOW, NOW - MICRO, NOW + MINUTE, NOW - MINUTE, NOW];
    let mut kept = Vec::new();
    for at in times {
        let number = ok(subject.store.audit(entry(Some("acme"), "a", at)).await);
        kept.extend((at >= NOW).then_some(number));
    }
    assert_eq!(ok(subject.second.prune_audit(NOW, 100).await), 2);
    assert_eq!(all(subject).await, kept);
    assert_eq!(ok(subject.store.prune_audit(NOW, 100).await), 0, "nothing is left to delete");
    ok(subject.store.prune_audit(Timestamp::MAX, 100).await);
    let left = all(subject).await;
    assert!(left.len() <= 1, "at most the newest entry stays: {left:?}");
    let next = record(subject, None, "b").await;
    assert!(kept.iter().all(|number| *number < next), "a number is not used again: {next} after {kept:?}");
}

/// A call deletes at most as many entries as its limit, the oldest first.
pub(super) async fn prune_audit_is_bounded<S: AuditLog + ?Sized>(subject: &Subject<S>) {
    let mut numbers = Vec::new();
    for minute in 0..6 {
        numbers.push(ok(subject.store.audit(entry(None, "a", NOW + MINUTE * minute)).await));
    }
    assert_eq!(ok(subject.store.prune_audit(NOW + MINUTE * 5, 2).await), 2);
    assert_eq!(all(subject).await, numbers[2..]);
    assert_eq!(ok(subject.store.prune_audit(NOW + MINUTE * 5, 9).await), 3);
    assert_eq!(all(subject).await, numbers[5..]);
}
