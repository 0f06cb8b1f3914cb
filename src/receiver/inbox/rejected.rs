//! Rejected requests, and why they were rejected.

use std::collections::BTreeSet;
use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, USER_AGENT};
use serde::{Deserialize, Serialize};

use super::recent_notes::Subject;
use super::setup::Inbox;
use crate::clock::Timestamp;
use crate::receiver::{Rejection, RejectionKind};
use crate::store::{DiagnosticNote, StoreError};

/// A request that an inbox has rejected, from [`Inbox::rejected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RejectedRequest {
    /// The name of the source.
    pub source: Box<str>,
    /// When the request was rejected.
    pub at: Timestamp,
    /// The status that the provider got.
    pub status: u16,
    /// Why the request was rejected, with the cause and its remedy if a diagnosis has found them.
    pub reason: Box<str>,
    /// The names of the headers, with the values of those that cannot be secret.
    pub headers: Vec<(Box<str>, Option<Box<str>>)>,
}

/// In this time, one request is noted for each source and kind of rejection, because a stranger can send any number of requests.
const INTERVAL: Duration = Duration::from_secs(30);

/// The store must respond within this time, so that a slow store does not delay responses.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a process trusts that a source is in the list of sources.
const LISTED: Duration = Duration::from_secs(60 * 60);

/// The age at which the list of sources is written again, so that it is not pruned.
const REFRESHED: Duration = Duration::from_secs(24 * 60 * 60);

/// The subject whose last note is the list of the sources with rejected requests. Stores contain this text, so it does not change.
const SOURCES: &str = "refused";

/// The maximum number of sources in the list.
const MAX_SOURCES: usize = 256;

/// The headers whose values are kept. Others may contain tokens.
const SHOWN: [http::HeaderName; 6] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, USER_AGENT, HOST, DATE];

/// The number of headers that are kept, and the maximum length of a name and of a value, in characters.
const MAX_HEADERS: usize = 50;
const MAX_TEXT: usize = 64;

/// The maximum length of a reason, in characters.
const MAX_REASON: usize = 2_000;

fn subject(source: &str) -> Box<str> {
    format!("{SOURCES} {source}").into()
}

/// The beginning of a text, without control characters.
fn bounded(text: &str, most: usize) -> Box<str> {
    text.chars().filter(|letter| !letter.is_control()).take(most).collect::<String>().into()
}

impl Inbox {
    /// Reads the last rejected requests, newest first, at most `limit`. The last 50 requests of each source are kept for
    /// [`Config::diagnostics_retention`](crate::worker::Config::diagnostics_retention); one request in half a minute is noted for each kind
    /// of rejection. When a provider reports that it has sent an event, look here for the reason why the event was not accepted.
    ///
    /// Requests to the services of [`Receiver::store`](crate::receiver::Receiver::store) are noted. An application that calls a
    /// [`Gate`](crate::receiver::Gate) gets the [`Rejection`]s itself.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn rejected(&self, limit: usize) -> Result<Vec<RejectedRequest>, StoreError> {
        let store = &self.shared.store;
        let mut all: Vec<RejectedRequest> = Vec::new();
        for source in self.sources().await?.0 {
            let notes = store.notes(&subject(&source)).await?;
            all.extend(notes.iter().filter_map(|note| serde_json::from_str(&note.content).ok()));
            all.sort_by_key(|rejected: &RejectedRequest| std::cmp::Reverse(rejected.at));
            all.truncate(limit);
        }
        Ok(all)
    }

    /// The sources with rejected requests, and when the list was written.
    async fn sources(&self) -> Result<(BTreeSet<Box<str>>, Timestamp), StoreError> {
        let last = self.shared.store.notes(SOURCES).await?.into_iter().next();
        Ok(last.map_or((BTreeSet::new(), Timestamp::EPOCH), |note| {
            (serde_json::from_str(&note.content).unwrap_or_default(), note.at)
        }))
    }

    /// Notes a rejected request, unless one was noted just before. `status` is the status that the provider gets.
    pub(super) async fn note_rejected(
        &self,
        source: &str,
        (rejection, status): (&Rejection, u16),
        headers: &HeaderMap,
    ) {
        let (now, noted) = (self.shared.clock.now(), Subject::of(source, rejection.kind()));
        let is_trouble = matches!(rejection.kind(), RejectionKind::Busy | RejectionKind::StoreUnavailable(_));
        if is_trouble || !self.shared.recent_notes.is_due(&noted, INTERVAL, now) {
            return;
        }
        let reason = bounded(&rejection.to_string(), MAX_REASON);
        let rejected = RejectedRequest { source: source.into(), at: now, status, reason, headers: kept(headers) };
        let stored = tokio::time::timeout(PATIENCE, self.store_rejected(source, &rejected)).await;
        if !matches!(stored, Ok(Ok(()))) {
            self.shared.recent_notes.forget(&noted);
            tracing::warn!(source, "a rejected request could not be noted: the store fails or is too slow");
        }
    }

    async fn store_rejected(&self, source: &str, rejected: &RejectedRequest) -> Result<(), StoreError> {
        let content = serde_json::to_string(rejected).unwrap_or_default().into();
        let mut notes = vec![DiagnosticNote { subject: subject(source), at: rejected.at, content }];
        let listed = Subject::Listed(source.into());
        if !self.shared.recent_notes.is_recent(&listed, LISTED, rejected.at) {
            notes.extend(self.list_with(source, rejected.at).await?);
        }
        self.shared.store.note(notes).await?;
        self.shared.recent_notes.set(listed, rejected.at);
        Ok(())
    }

    /// The list of sources with this one, if the stored list lacks it or is old.
    async fn list_with(&self, source: &str, now: Timestamp) -> Result<Option<DiagnosticNote>, StoreError> {
        let (mut sources, at) = self.sources().await?;
        let is_new = sources.len() < MAX_SOURCES && sources.insert(source.into());
        let content = serde_json::to_string(&sources).unwrap_or_default().into();
        let is_old = now.since(at) > REFRESHED;
        Ok((is_new || is_old).then(|| DiagnosticNote { subject: SOURCES.into(), at: now, content }))
    }
}

fn kept(headers: &HeaderMap) -> Vec<(Box<str>, Option<Box<str>>)> {
    let value = |name: &http::HeaderName| {
        let value = headers.get(name).filter(|_| SHOWN.contains(name))?;
        Some(bounded(&String::from_utf8_lossy(value.as_bytes()), MAX_TEXT))
    };
    headers.keys().take(MAX_HEADERS).map(|name| (bounded(name.as_str(), MAX_TEXT), value(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_cannot_be_secret_are_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("x-gitlab-token", "secret".parse().unwrap());
        headers.insert(USER_AGENT, "x".repeat(1_000).parse().unwrap());
        headers.insert(http::HeaderName::from_bytes(&[b'x'; 8_000]).unwrap(), "1".parse().unwrap());
        let kept = kept(&headers);
        assert_eq!(kept[2].0.len(), 64);
        assert_eq!(kept[0], ("x-gitlab-token".into(), None));
        assert_eq!(kept[1].1.as_ref().unwrap().len(), 64);
    }
}
