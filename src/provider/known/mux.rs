//! Mux.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Mux: the signature in `mux-signature: t=…,v1=…` covers `time.body`. Time and id are signed. Mux repeats a request for a day,
/// and its own library rejects a time that is older than five minutes, so a repeated request must have a new time.
///
/// Source: <https://www.mux.com/docs/core/verify-webhook-signatures>
pub static MUX: Scheme = Scheme::new("mux", "https://www.mux.com/docs/core/verify-webhook-signatures")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["mux-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .retries(
        Retries::documented("https://github.com/muxinc/mux-node-sdk/blob/master/src/resources/webhooks/webhooks.ts")
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(24 * 60 * 60)),
    );
