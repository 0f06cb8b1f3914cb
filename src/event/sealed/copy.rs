//! A copy of an event under a new id.

use super::Event;
use crate::clock::Timestamp;
use crate::event::audience::Audience;
use crate::id::EventId;

impl Event {
    /// A copy with a new id and the audience [`Audience::Direct`]. Receivers that remember ids treat it as a new event.
    ///
    /// ```
    /// use hookwire::clock::Timestamp;
    /// use hookwire::event::NewEvent;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// let event = NewEvent::json("invoice.paid", &1042)?.seal(now);
    /// let copy = event.with_new_id(now);
    /// assert!(copy.id != event.id && copy.payload == event.payload);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_new_id(&self, now: Timestamp) -> Self {
        Self { id: EventId::generate(now), fingerprint: None, audience: Audience::Direct, ..self.clone() }
    }
}
