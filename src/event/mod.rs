//! Events: what happened, for which tenant, and the payload that is sent.
//!
//! An application builds a [`NewEvent`]; [`Sender::dispatch`](crate::sender::Sender::dispatch) turns it into an immutable
//! [`Event`] and stores it. An inbox does the same for every event that it receives.

mod audience;
#[cfg(feature = "catalog")]
mod catalog;
#[cfg(feature = "system")]
mod envelope;
mod error;
mod event_type;
mod new;
mod order;
mod origin;
mod pattern;
#[cfg(feature = "catalog")]
mod sample;
mod sealed;
mod types;

pub use self::audience::Audience;
#[cfg(feature = "catalog")]
pub use self::catalog::EventCatalog;
#[cfg(all(feature = "mcp", feature = "mcp-events"))]
pub(crate) use self::error::not_json;
pub use self::error::{MAX_ORDERING_KEY_BYTES, MAX_TYPE_BYTES};
pub use self::event_type::EventType;
pub use self::new::NewEvent;
pub use self::order::Order;
pub use self::origin::{MAX_ORIGIN_BYTES, Origin};
pub use self::pattern::Pattern;
pub use self::sealed::Event;
pub use self::types::{EventTypeInfo, EventTypes};
