//! Diagnostic notes.

use super::given::{MICRO, MINUTE, NOW, lookalikes, ok};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::store::{DiagnosticNote, Diagnostics, NOTES_KEPT};

fn note(subject: &str, at: Timestamp, content: &str) -> DiagnosticNote {
    DiagnosticNote { subject: subject.into(), at, content: content.into() }
}

/// The contents of the notes of a subject, through the second handle.
async fn contents<S: Diagnostics + ?Sized>(subject: &Subject<S>, of: &str) -> Vec<String> {
    ok(subject.second.notes(of).await).into_iter().map(|note| note.content.into()).collect()
}

/// Every field is kept, also if texts are long or in any script.
pub(super) async fn a_diagnostic_note_reads_back_as_written<S: Diagnostics + ?Sized>(subject: &Subject<S>) {
    let long = format!("{{\"größe ' \\\\ %_\": \"{}\"}}", "名前 ".repeat(8_000));
    for (of, at, content) in [("größer ' subject", NOW, &*long), ("b", Timestamp::from_micros(-1), "{}"), ("", NOW, "")]
    {
        let written = note(of, at, content);
        ok(subject.store.note(vec![written.clone()]).await);
        assert_eq!(ok(subject.second.notes(of).await), [written]);
    }
    ok(subject.store.note(Vec::new()).await);
}

/// Subjects are compared byte by byte, and the last written note comes first, whatever its time is.
pub(super) async fn diagnostic_notes_belong_to_their_subject<S: Diagnostics + ?Sized>(subject: &Subject<S>) {
    let names = lookalikes();
    let batch = names.iter().flat_map(|name| [note(name, NOW, "1"), note(name, NOW - MINUTE, name)]).collect();
    ok(subject.store.note(batch).await);
    for name in &names {
        ok(subject.second.note(vec![note(name, NOW - MINUTE * 2, "3")]).await);
        assert_eq!(contents(subject, name).await, ["3", name, "1"], "{name:?}");
    }
    assert_eq!(contents(subject, "nothing").await, Vec::<String>::new());
}

/// The number of notes of a subject is limited; other subjects keep their notes.
pub(super) async fn old_diagnostic_notes_of_a_subject_make_room<S: Diagnostics + ?Sized>(subject: &Subject<S>) {
    ok(subject.store.note(vec![note("other", NOW, "kept")]).await);
    let numbered = |number: u32| note("full", NOW + MICRO * number, &number.to_string());
    for number in 0..NOTES_KEPT {
        ok(subject.store.note(vec![numbered(number)]).await);
    }
    assert_eq!(contents(subject, "full").await.len(), NOTES_KEPT as usize);
    ok(subject.second.note((NOTES_KEPT..NOTES_KEPT + 3).map(numbered).collect()).await);
    let expected: Vec<_> = (3..NOTES_KEPT + 3).rev().map(|number| number.to_string()).collect();
    assert_eq!(contents(subject, "full").await, expected);
    ok(subject.store.note((0..NOTES_KEPT * 2).map(numbered).collect()).await);
    let expected: Vec<_> = (NOTES_KEPT..NOTES_KEPT * 2).rev().map(|number| number.to_string()).collect();
    assert_eq!(contents(subject, "full").await, expected, "more than fit, in one call");
    assert_eq!(contents(subject, "other").await, ["kept"]);
}

/// Notes before the given time are deleted, as many as the limit allows; notes of this time and later ones are kept.
pub(super) async fn prune_notes_forgets_old_notes_only<S: Diagnostics + ?Sized>(subject: &Subject<S>) {
    let times = [NOW, NOW - MICRO, NOW + MINUTE, NOW - MINUTE, NOW - MINUTE * 2];
    let batch = times.iter().enumerate().map(|(place, at)| note(if place % 2 == 0 { "a" } else { "b" }, *at, "x"));
    ok(subject.store.note(batch.collect()).await);
    let left = async || contents(subject, "a").await.len() + contents(subject, "b").await.len();
    assert_eq!(ok(subject.store.prune_notes(NOW, 2).await), 2);
    assert_eq!(left().await, 3);
    assert_eq!(ok(subject.second.prune_notes(NOW, 9).await), 1);
    assert_eq!(ok(subject.store.prune_notes(NOW, 9).await), 0);
    assert_eq!((contents(subject, "a").await.len(), contents(subject, "b").await.len()), (2, 0));
}
