//! The handover of a signing secret to its owner, without showing it to a model.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::id::EndpointId;

/// Hands the secret of an endpoint over to its owner. A secret is never an argument or a result of a tool, because a model reads them
/// and logs keep them.
#[async_trait]
pub trait SecretHandover: fmt::Debug + Send + Sync + 'static {
    /// Takes the secret. Returns the place where its owner finds it, as a link or a name for a person, and the time when the secret is
    /// removed from there; with `None` it stays. The place is shown to the model, so it must not contain the secret. An error is logged
    /// and not shown to the model.
    async fn hand_over(
        &self,
        endpoint: &Endpoint,
        secret: Zeroizing<String>,
    ) -> Result<(String, Option<Timestamp>), Box<dyn Error + Send + Sync>>;

    /// Withdraws a secret, if that is possible: its key was not stored and never signs anything.
    async fn withdraw(&self, endpoint: EndpointId, place: &str);
}
