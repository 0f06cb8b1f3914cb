//! Buildkite.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Buildkite: the signature in `X-Buildkite-Signature: timestamp=…,signature=…` covers `time.body`. The time is signed. It is the
/// time of the HTTP request, so a repeated request has a new one. There is no id.
///
/// Source: <https://buildkite.com/docs/apis/webhooks/pipelines>
pub static BUILDKITE: Scheme = Scheme::new("buildkite", "https://buildkite.com/docs/apis/webhooks/pipelines")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-buildkite-signature"])
            .fields(&["signature"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("timestamp")),
    )
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://buildkite.com/docs/apis/webhooks/pipelines").signed_anew(Fact::Yes));
