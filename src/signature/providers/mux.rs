//! Mux.

use std::time::Duration;

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// Mux: `mux-signature: t=…,v1=…`, over `time.body`. Time and id are signed. Mux repeats a request for a day; whether with a new
/// time is not documented, so it may be a day old.
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
        Retries::unchecked("https://www.mux.com/docs/core/listen-for-webhooks").span(Duration::from_secs(24 * 60 * 60)),
    );
