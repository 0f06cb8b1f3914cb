//! An event that is dispatched becomes immutable.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Data, NewEvent};
use crate::clock::Timestamp;
use crate::event::audience::Audience;
use crate::event::envelope;
use crate::event::sealed::Event;
use crate::id::EventId;

impl NewEvent {
    /// Makes the event immutable: sets the id and the time if the caller has not, and writes the envelope. The sender calls
    /// this; a test may call it to see the payload.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// let event = NewEvent::json("invoice.paid", &1042)?.seal(now);
    /// assert!(event.id.as_str().starts_with("evt_"));
    /// assert_eq!(event.occurred_at, now);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn seal(self, now: Timestamp) -> Event {
        let occurred_at = self.occurred_at.or(self.recorded_at).unwrap_or(now);
        let fingerprint = match self.audience {
            Audience::Inbox => self.replay_digest,
            _ => self.id.is_some().then(|| self.fingerprint()),
        };
        let content_type = Arc::from(self.data.content_type());
        let payload = match self.data {
            Data::Enveloped(data) => envelope::standard(&self.event_type, occurred_at, &data),
            Data::Raw(_, payload) => payload,
        };
        Event {
            id: self.id.unwrap_or_else(|| EventId::generate(now)),
            event_type: self.event_type,
            tenant: self.tenant,
            occurred_at,
            content_type,
            order: self.order,
            expires_at: self.expires_at,
            audience: self.audience,
            origin: self.origin,
            payload,
            fingerprint,
        }
    }

    /// The digest by which a second dispatch under the same id is recognised as equal or different. The time is part of it
    /// only if the caller set it.
    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let occurred_at = self.occurred_at.map_or([0; 8], |at| at.as_micros().to_be_bytes());
        let kind = [matches!(self.data, Data::Raw(..)).into()];
        let fields: [&[u8]; 5] = [
            self.event_type.as_str().as_bytes(),
            self.data.content_type().as_bytes(),
            &occurred_at,
            &kind,
            self.data.bytes(),
        ];
        for field in fields {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}
