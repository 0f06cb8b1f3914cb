//! Remembers what was noted recently.

use std::collections::HashMap;
use std::mem::Discriminant;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::receiver::RejectionKind;
use crate::signature::VerifyError;

/// What is noted: a rejected request of a source, by the kind of the rejection; or a source in the list of sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Rejected(Box<str>, Discriminant<RejectionKind>, Option<Discriminant<VerifyError>>),
    Listed(Box<str>),
}

impl Subject {
    pub(super) fn of(source: &str, kind: RejectionKind) -> Self {
        let error = match &kind {
            RejectionKind::Unverified(error) => Some(std::mem::discriminant(error)),
            _ => None,
        };
        Self::Rejected(source.into(), std::mem::discriminant(&kind), error)
    }
}

/// When each subject was last noted. The number of subjects is bounded by the sources and the kinds of rejections.
#[derive(Debug, Default)]
pub(super) struct RecentNotes(Mutex<HashMap<Subject, Timestamp>>);

impl RecentNotes {
    /// Returns whether the subject was not noted within this span. If so, it counts as noted now.
    pub(super) fn is_due(&self, subject: &Subject, span: Duration, now: Timestamp) -> bool {
        let mut noted_at = self.lock();
        let is_due = !is_recent(noted_at.get(subject), span, now);
        if is_due {
            noted_at.insert(subject.clone(), now);
        }
        is_due
    }

    pub(super) fn is_recent(&self, subject: &Subject, span: Duration, now: Timestamp) -> bool {
        is_recent(self.lock().get(subject), span, now)
    }

    pub(super) fn set(&self, subject: Subject, now: Timestamp) {
        self.lock().insert(subject, now);
    }

    /// Forgets that the subject was noted, because the note could not be stored. The next request is then noted.
    pub(super) fn forget(&self, subject: &Subject) {
        self.lock().remove(subject);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If the clock was set back, nothing is recent.
fn is_recent(last: Option<&Timestamp>, span: Duration, now: Timestamp) -> bool {
    last.is_some_and(|last| now >= *last && now.since(*last) < span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_of_a_source_and_kind_is_noted_in_each_interval() {
        let notes = RecentNotes::default();
        let is_due = |source, kind, secs| {
            notes.is_due(&Subject::of(source, kind), Duration::from_secs(30), Timestamp::from_secs(secs))
        };
        let bad = RejectionKind::Unverified(VerifyError::BadSignature);
        assert!(is_due("a", bad, 100) && !is_due("a", bad, 129) && is_due("a", bad, 130));
        assert!(is_due("b", bad, 130) && is_due("a", RejectionKind::BodyTooLarge, 130));
        assert!(is_due("a", RejectionKind::Unverified(VerifyError::BadToken), 130), "another reason");
        assert!(is_due("a", bad, 90), "the clock was set back");
        notes.forget(&Subject::of("a", bad));
        assert!(is_due("a", bad, 91), "it was not stored");
    }
}
