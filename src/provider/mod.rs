//! How each provider's requests are received: schemes as data, handshakes, the identity of events, and a table of providers.
//!
//! A [`Scheme`] describes how a provider proves its requests (mostly by a [`Signature`](crate::signature::Signature)), where the ids and
//! types of its events are, which requests are handshakes, and how it retries. Each [`Source`](crate::receiver::Source) of a receiver has a
//! scheme. [`Scheme::named`] finds the known schemes by name; the constants ([`STRIPE`], [`GITHUB`], ...) are the same schemes. Describe
//! your own scheme with a [`SchemeConfig`], in code or in a configuration file, or with [`Scheme::new`] if it is only a signature. If data
//! cannot describe it, implement [`Verify`].
//!
//! ```
//! use hookwire::provider::{GITHUB, Scheme};
//!
//! assert_eq!(GITHUB.name(), "github");
//! let github = Scheme::named("github").ok_or("unknown")?;
//! assert_eq!(github.docs(), GITHUB.docs());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod about;
mod answer_handshakes;
mod challenge;
mod check;
pub mod cloud_event;
mod config;
mod covers;
#[cfg(feature = "receiver")]
pub mod diagnose;
mod events;
mod fetch_request;
mod handshake;
#[cfg(feature = "http-message")]
mod http_message;
mod items;
mod known;
mod list;
mod read_events;
#[cfg_attr(not(feature = "receiver"), expect(dead_code, reason = "only a receiver responds"))]
mod receive;
mod retries;
mod scheme;
mod settings;
mod summary;
mod table;
mod verify;

pub use self::challenge::Challenge;
pub use self::config::SchemeConfig;
pub(crate) use self::events::{BatchLayout, IdentityRule};
pub use self::events::{EventRef, Events, Identity, Item, MAX_EVENTS};
pub use self::fetch_request::FetchRequest;
pub use self::handshake::Reply;
pub(crate) use self::handshake::{BodyPart, Condition, Handshake};
#[cfg(feature = "http-message")]
pub use self::http_message::HTTP_MESSAGE;
#[cfg(feature = "mcp-events")]
pub use self::known::draft::McpMessage;
pub use self::known::{STANDARD_STRICT, twilio_signature};
pub(crate) use self::list::{draft_providers, providers, public_key_providers};
pub(crate) use self::retries::{Fact, Retries};
pub use self::scheme::Scheme;
#[cfg(feature = "receiver")]
pub(crate) use self::scheme::{FixedResponse, KeyUse};
pub use self::settings::Setting;
use self::summary::Summary;
pub use self::verify::{Checked, Verify};

macro_rules! export {
    ($($module:ident $constant:ident $title:literal $parameters:tt;)*) => {
        pub use self::known::{$($constant),*};
    };
}

macro_rules! export_with_public_key {
    ($($module:ident $constant:ident $title:literal $parameters:tt;)*) => {
        #[cfg(feature = "public-key")]
        pub use self::known::public_key::{$($constant),*};
    };
}

macro_rules! export_with_draft {
    ($($module:ident $constant:ident $title:literal $parameters:tt;)*) => {
        #[cfg(feature = "mcp-events")]
        pub use self::known::draft::{$($constant),*};
    };
}

providers!(export);
public_key_providers!(export_with_public_key);
draft_providers!(export_with_draft);
