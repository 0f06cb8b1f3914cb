//! The order in which events with the same key reach an endpoint.

use std::sync::Arc;

use super::error::{self, MAX_ORDERING_KEY_BYTES};
use crate::field::FieldError;

/// How deliveries of events with the same key are ordered. The key names the events that are ordered among each other, such as
/// those of one cart or one account: any text without control characters. Each endpoint has its own order, and at most one
/// delivery of a key is in flight to it.
///
/// ```
/// use hookwire::event::Order;
///
/// let order = Order::latest("article 7")?;
/// assert!(order.is_latest());
/// assert_eq!(order.key(), "article 7");
/// assert!(Order::fifo("cart\n1042").is_err());
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    key: Arc<str>,
    latest: bool,
}

impl Order {
    /// First in, first out: a delivery waits until the one before it is delivered, cancelled or failed. After a failure the
    /// next one follows, or the key is parked: [`OnFailure`](crate::endpoint::OnFailure).
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the key is empty, longer than [`MAX_ORDERING_KEY_BYTES`], or contains control
    /// characters.
    pub fn fifo(key: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        Self::new(key.into(), false)
    }

    /// Only the newest event counts: a newer one cancels the pending deliveries of the key as `superseded`.
    ///
    /// # Errors
    /// Returns the errors of [`Order::fifo`].
    pub fn latest(key: impl Into<Arc<str>>) -> Result<Self, FieldError> {
        Self::new(key.into(), true)
    }

    fn new(key: Arc<str>, latest: bool) -> Result<Self, FieldError> {
        let fits = (1..=MAX_ORDERING_KEY_BYTES).contains(&key.len()) && !key.chars().any(char::is_control);
        if fits { Ok(Self { key, latest }) } else { Err(error::ordering_key()) }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether only the newest event counts, see [`Order::latest`]; otherwise the order is [first in, first out](Order::fifo).
    #[must_use]
    pub const fn is_latest(&self) -> bool {
        self.latest
    }
}
