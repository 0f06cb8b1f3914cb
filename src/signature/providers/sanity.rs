//! Sanity.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// A webhook may be set up to use any of them.
const METHODS: &[&str] = &["GET", "PUT", "PATCH", "DELETE"];

/// Sanity: `sanity-webhook-signature: t=…,v1=…`, base64url without padding, over `t.body`, with milliseconds. The
/// time is signed, and judged, which Sanity's own library does not; the id (`idempotency-key`) and the type are not
/// signed.
///
/// Source: <https://www.sanity.io/docs/webhook-best-practices>
pub static SANITY: Scheme = Scheme::new("sanity", "https://www.sanity.io/docs/webhook-best-practices")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64Url, &["sanity-webhook-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").unit(Unit::Millis)),
    )
    .unsigned_id(&[Place::Header("idempotency-key")])
    .event_type(&[Place::Header("sanity-operation")])
    .event_methods(METHODS)
    .retries(
        Retries::documented("https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132")
            .same_id(Fact::Yes)
            .span(Duration::from_mins(30)),
    );
