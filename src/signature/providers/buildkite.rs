//! Buildkite.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// Buildkite: `X-Buildkite-Signature: timestamp=…,signature=…`, over `time.body`. The time is signed; there is no id.
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
    .retries(Retries::unchecked("https://buildkite.com/docs/apis/webhooks/pipelines"));
