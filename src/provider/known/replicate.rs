//! Replicate.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::Place;

/// Replicate: Standard Webhooks. Time and id are signed. The type is the status of the prediction.
///
/// Source: <https://replicate.com/docs/topics/webhooks/verify-webhook>
pub static REPLICATE: Scheme = dialect("replicate", "https://replicate.com/docs/topics/webhooks/verify-webhook")
    .event_type(&[Place::Json("/status")])
    .retries(
        Retries::documented("https://replicate.com/docs/topics/webhooks/verify-webhook")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes),
    );
