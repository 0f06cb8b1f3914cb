//! How many workers live.

use super::subject::{MINUTE, NOW, Subject, ok};
use crate::id::WorkerId;

const CREW: &str = "sender";

fn workers() -> [WorkerId; 3] {
    [1, 2, 3].map(|number: u128| WorkerId::from_bytes(number.to_be_bytes()))
}

/// Through either handle, once each, and for as long as they have said.
pub async fn workers_of_a_crew_are_counted(subject: &Subject) {
    let [a, b, c] = workers();
    assert_eq!(ok(subject.store.attend(CREW, b, NOW, NOW + MINUTE).await), 1);
    assert_eq!(ok(subject.second.attend(CREW, a, NOW, NOW + MINUTE * 2).await), 2);
    assert_eq!(ok(subject.store.attend(CREW, c, NOW + MINUTE, NOW + MINUTE * 3).await), 2, "b's time has ended");
    assert_eq!(ok(subject.store.attend(CREW, b, NOW + MINUTE, NOW + MINUTE * 3).await), 3);
}

/// They do other work.
pub async fn crews_are_counted_apart(subject: &Subject) {
    let [a, b, _] = workers();
    assert_eq!(ok(subject.store.attend(CREW, a, NOW, NOW + MINUTE).await), 1);
    assert_eq!(ok(subject.second.attend("inbox", b, NOW, NOW + MINUTE).await), 1);
}

/// Others need not wait for its time to end.
pub async fn who_has_left_is_not_counted(subject: &Subject) {
    let [a, b, _] = workers();
    ok(subject.store.attend(CREW, a, NOW, NOW + MINUTE).await);
    ok(subject.store.leave(a).await);
    ok(subject.store.leave(a).await);
    assert_eq!(ok(subject.second.attend(CREW, b, NOW, NOW + MINUTE).await), 1);
}
