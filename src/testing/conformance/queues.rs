//! Received events: the queues of an inbox, and repeated events.

use super::given::{LEASED, MINUTE, NOW, append, attempt, event_id, new_event, ok, one, queue, received};
use super::subject::Subject;
use crate::delivery::Settlement;
use crate::event::{Audience, Event, NewEvent, Origin};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{Append, Appended, DedupGroup, Outbox, Settled};

pub(super) const GROUP: DedupGroup = DedupGroup::new([0xab; 16]);

/// An event of this group as an inbox stores it, with this number and optionally with the digest of its signed bytes.
pub(super) fn repeatable(tenant: &'static str, group: DedupGroup, number: u8, replay: Option<u8>) -> Event {
    let id = format!("evt_{}_{}", hex::encode(group.as_bytes()), hex::encode([number; 16]));
    let event = new_event(NewEvent::raw("orders_paid", "application/octet-stream", &b"{}"[..]));
    event
        .tenant(tenant)
        .id(event_id(&id))
        .received(Origin::new("shop"))
        .replay_digest(replay.map(|byte| [byte; 32]))
        .seal(NOW)
}

pub(super) fn of_acme(number: u8, replay: Option<u8>) -> Append {
    append(repeatable("acme", GROUP, number, replay), &[queue("all")], NOW)
}

/// A queue has no record and no health; otherwise it is served like an endpoint.
pub(super) async fn a_queue_is_claimed_and_settled_as_an_endpoint_is<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let queue = queue("all");
    let append = append(received("order-1"), &[queue], NOW);
    let id = one(append.deliveries.clone()).id;
    subject.append(append).await;
    let first = one(subject.claim(queue, 9, NOW).await);
    assert_eq!((first.lane, first.lease.delivery, first.event.audience), (queue, id, Audience::Inbox));
    let failed = attempt(1, Outcome::HandlerFailed);
    let retry = Settlement::of(&first, Decision::retry(LEASED), NOW).with_attempt(failed);
    assert_eq!(ok(subject.store.settle(vec![retry]).await), [Settled::Done]);
    let second = subject.assert_due(queue, LEASED).await;
    assert_eq!(second.attempt, 2);
    let end = Decision::Fail { reason: FailReason::Permanent };
    let end = Settlement::of(&second, end, LEASED).with_attempt(attempt(2, Outcome::HandlerRejected));
    assert_eq!(ok(subject.store.settle(vec![end.clone()]).await), [Settled::Done]);
    assert_eq!(ok(subject.store.settle(vec![end]).await), [Settled::LeaseLost]);
    assert!(subject.claim(queue, 9, LEASED + MINUTE).await.is_empty());
}

/// A key keeps the order of appending in queues too.
pub(super) async fn a_queue_keeps_the_order_of_its_keys<S: Outbox + ?Sized>(subject: &Subject<S>) {
    let queue = queue("0123456789abcde");
    let mut ids = Vec::new();
    for n in 0..3 {
        let event = NewEvent::raw("a.b", "application/octet-stream", "x").and_then(|event| event.ordered_by("key"));
        let event = new_event(event).tenant("acme").id(event_id(&format!("order-{n}")));
        ids.push(subject.owe_event(event.received(Origin::new("shop")).seal(NOW), queue).await);
    }
    for id in ids {
        let leased = one(subject.claim(queue, 9, NOW + MINUTE).await);
        assert_eq!(leased.lease.delivery, id);
        subject.settle(&leased, Decision::Delivered).await;
    }
    assert!(subject.claim(queue, 9, NOW + MINUTE).await.is_empty());
}

/// A copy under another id is recognized by the digest of its signed bytes, and is not stored.
pub(super) async fn signed_bytes_are_taken_beside_the_id<S: Outbox + ?Sized>(subject: &Subject<S>) {
    assert_eq!(subject.append(of_acme(1, Some(7))).await, Appended::Stored);
    assert_eq!(subject.append(of_acme(2, Some(7))).await, Appended::Duplicate, "another id");
    assert_eq!(subject.append(of_acme(2, Some(8))).await, Appended::Stored, "the copy has not taken that id");
    let batch = vec![of_acme(3, Some(9)), of_acme(4, Some(9)), of_acme(5, None), of_acme(6, None)];
    let appended = ok(subject.store.append(batch).await);
    assert_eq!(appended, [Appended::Stored, Appended::Duplicate, Appended::Stored, Appended::Stored]);
    let other = append(repeatable("bolt", GROUP, 1, Some(7)), &[queue("all")], NOW);
    assert_eq!(subject.append(other).await, Appended::Stored, "another tenant");
    assert_ne!(subject.append(of_acme(1, Some(10))).await, Appended::Stored, "a retry that was signed anew");
    assert_eq!(subject.claim(queue("all"), 99, NOW).await.len(), 6);
}
