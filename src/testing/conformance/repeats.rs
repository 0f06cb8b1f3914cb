//! Received events that an operator allows again.

use super::given::{NOW, append, ok, queue, tenant};
use super::queues::{GROUP, of_acme, repeatable};
use super::subject::Subject;
use crate::id::Work;
use crate::store::{Appended, Control, DedupGroup, DeliveryQuery, History, Outbox, Page};

impl<S: History + ?Sized> Subject<S> {
    async fn jobs(&self) -> usize {
        ok(self.second.deliveries(&DeliveryQuery::of(Work::Received), Page::default()).await).items.len()
    }
}

/// A forgotten event is stored again, once; the first one is kept, under an id of its own.
pub(super) async fn a_forgotten_event_is_received_again<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let other = DedupGroup::new([0xcd; 16]);
    let of_others =
        [repeatable("acme", other, 1, None), repeatable("bolt", GROUP, 1, None), repeatable("Acme", GROUP, 1, None)];
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
    assert_eq!(subject.jobs().await, 6);
    for job in ok(subject.second.deliveries(&DeliveryQuery::of(Work::Received), Page::default()).await).items {
        let found = ok(subject.second.event(Work::Received, &job.tenant, &job.event).await);
        assert_eq!(found.map(|event| event.id.clone()), Some(job.event), "each job still has its event");
    }
    assert_eq!(subject.claim(queue("all"), 99, NOW).await.len(), 6);
    assert_eq!(ok(subject.store.forget_received(&tenant("acme"), &[GROUP]).await), [1], "forgetting can be repeated");
}
