//! The engine: claims leases, hands deliveries to a [`Deliver`], decides, settles. It knows nothing of HTTP.

use std::fmt;

use async_trait::async_trait;

use crate::delivery::Leased;
use crate::outcome::Report;

/// Makes one attempt.
#[async_trait]
pub trait Deliver: fmt::Debug + Send + Sync + 'static {
    /// Makes one attempt and says how it went.
    async fn deliver(&self, leased: &Leased) -> Report;
}
