//! Received events that come again.

use super::subject::{NOW, Subject, append, new_event, ok, one, tenant};
use super::work::queue;
use crate::event::{Event, NewEvent, Origin};
use crate::id::{EventId, Work};
use crate::store::{Append, Appended, DedupGroup, DeliveryQuery, Old, Page};

const GROUP: DedupGroup = DedupGroup::new([0xab; 16]);

/// An event of this group, as an inbox keeps it, known by its number and perhaps by its signed bytes.
fn repeatable(tenant: &'static str, group: DedupGroup, number: u8, replay: Option<u8>) -> Event {
    let id = format!("evt_{}_{}", hex::encode(group.as_bytes()), hex::encode([number; 16]));
    let id = EventId::new(id).unwrap_or_else(|error| panic!("{error}"));
    let event = new_event(NewEvent::raw("orders_paid", "application/octet-stream", &b"{}"[..]));
    event.tenant(tenant).id(id).received(Origin::of("shop")).replay(replay.map(|byte| [byte; 32])).seal(NOW)
}

fn of_acme(number: u8, replay: Option<u8>) -> Append {
    append(repeatable("acme", GROUP, number, replay), &[queue("all")], NOW)
}

impl Subject {
    async fn jobs(&self) -> usize {
        ok(self.second.deliveries(&DeliveryQuery::of(Work::Received), Page::default()).await).len()
    }
}

/// A copy under another id is known by what was signed, whatever order they come in, and takes nothing.
pub async fn signed_bytes_are_taken_beside_the_id(subject: &Subject) {
    assert_eq!(subject.append(of_acme(1, Some(7))).await, Appended::Stored);
    assert_eq!(subject.append(of_acme(2, Some(7))).await, Appended::Duplicate, "another id");
    assert_eq!(subject.append(of_acme(2, Some(8))).await, Appended::Stored, "the copy has not taken that id");
    let batch = vec![of_acme(3, Some(9)), of_acme(4, Some(9)), of_acme(5, None), of_acme(6, None)];
    let appended = ok(subject.store.append(batch).await);
    assert_eq!(appended, [Appended::Stored, Appended::Duplicate, Appended::Stored, Appended::Stored]);
    let other = append(repeatable("bolt", GROUP, 1, Some(7)), &[queue("all")], NOW);
    assert_eq!(subject.append(other).await, Appended::Stored, "another tenant");
    assert_ne!(subject.append(of_acme(1, Some(10))).await, Appended::Stored, "a retry that was signed anew");
    assert_eq!(subject.jobs().await, 6);
}

/// What was forgotten is stored again, once; the first one stays, under an id of its own.
pub async fn a_forgotten_event_is_received_again(subject: &Subject) {
    let other = DedupGroup::new([0xcd; 16]);
    let of_others = [repeatable("acme", other, 1, None), repeatable("bolt", GROUP, 1, None)];
    for event in [repeatable("acme", GROUP, 1, Some(7)), repeatable("acme", GROUP, 2, None)].iter().chain(&of_others) {
        subject.append(append(event.clone(), &[queue("all")], NOW)).await;
    }
    let forgotten = ok(subject.store.forget_received(&tenant("acme"), &[GROUP, DedupGroup::new([1; 16])]).await);
    assert_eq!(forgotten, [2, 0]);
    assert_eq!(ok(subject.second.forget_received(&tenant("acme"), &[GROUP]).await), [0], "once");
    for event in of_others {
        let again = append(event, &[queue("all")], NOW);
        assert_eq!(subject.append(again).await, Appended::Duplicate, "of another group or tenant");
    }
    assert_eq!(subject.append(of_acme(1, Some(7))).await, Appended::Stored);
    assert_eq!(subject.append(of_acme(1, Some(7))).await, Appended::Duplicate);
    assert_eq!(subject.jobs().await, 5);
    for job in ok(subject.second.deliveries(&DeliveryQuery::of(Work::Received), Page::default()).await) {
        let found = ok(subject.second.event(Work::Received, &job.tenant, &job.event).await);
        assert_eq!(found.map(|event| event.id.clone()), Some(job.event), "each job still has its event");
    }
    assert_eq!(ok(subject.store.forget_received(&tenant("acme"), &[GROUP]).await), [1], "as often as need be");
}

/// Signed bytes are free again when the id of their event is.
pub async fn signed_bytes_are_forgotten_with_the_id(subject: &Subject) {
    let early = Append { deliveries: Vec::new(), ..of_acme(1, Some(7)) };
    assert_eq!(subject.append(early.clone()).await, Appended::Stored);
    let later = NOW + std::time::Duration::from_secs(40 * 86_400);
    let old = Old { work: later, keys: NOW };
    while ok(subject.store.prune(Work::Received, old, 9).await) == 9 {}
    assert_eq!(
        subject.append(of_acme(2, Some(7))).await,
        Appended::Duplicate,
        "the event is gone, and its bytes are not"
    );
    while ok(subject.store.prune(Work::Received, Old::before(later), 9).await) == 9 {}
    let again = ok(subject.store.append(vec![early]).await);
    assert_eq!(one(again), Appended::Stored);
}
