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
    /// Takes the secret and returns the place where its owner finds it. The place is shown to the model, so it must not contain the
    /// secret. An error is logged and not shown to the model.
    async fn hand_over(
        &self,
        endpoint: &Endpoint,
        secret: Zeroizing<String>,
    ) -> Result<HandoverPlace, Box<dyn Error + Send + Sync>>;

    /// Withdraws a secret, if that is possible: its key was not stored and never signs anything.
    async fn withdraw(&self, endpoint: EndpointId, place: &HandoverPlace);
}

/// The place where the owner of an endpoint finds its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: implementors of SecretHandover make it")]
pub struct HandoverPlace {
    /// A link or the name of a place, for a person.
    pub place: String,
    /// The time when the secret is removed from the place; `None`: it stays.
    pub expires_at: Option<Timestamp>,
}
