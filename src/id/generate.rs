//! New ids.

use super::{DeliveryId, EndpointId, EventId, WorkerId, encode};
use crate::clock::Timestamp;
use crate::entropy;

impl EventId {
    /// A new id: `evt_` and a UUIDv7, which sorts by `now`.
    ///
    /// ```
    /// use hookwire::clock::{Clock, SystemClock};
    /// use hookwire::id::EventId;
    ///
    /// let id = EventId::generate(SystemClock.now());
    /// assert!(id.as_str().starts_with("evt_") && id.as_str().len() == 36);
    /// ```
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        let mut text = [0u8; 36];
        let text = encode("evt_", entropy::uuid_v7(now), &mut text);
        Self(text.into())
    }
}

macro_rules! generate {
    ($($name:ident),*) => {
        $(impl $name {
            /// A new id, which sorts by `now`.
            #[must_use]
            pub fn generate(now: Timestamp) -> Self {
                Self(entropy::uuid_v7(now))
            }
        })*
    };
}

generate!(DeliveryId, EndpointId, WorkerId);
