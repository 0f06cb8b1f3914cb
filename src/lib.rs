//! hookwire: webhooks as a library.

pub mod clock;
#[cfg(feature = "outbox")]
pub mod delivery;
#[cfg(feature = "outbox")]
pub mod endpoint;
pub mod entropy;
pub mod event;
pub mod guide;
pub mod id;
pub mod outcome;
#[cfg(feature = "receiver")]
pub mod receiver;
pub mod retry;
pub mod secret;
#[cfg(feature = "sender")]
pub mod sender;
pub mod signature;
pub mod store;
#[cfg(feature = "test-util")]
pub mod testing;
#[cfg(feature = "sender")]
pub mod worker;
