//! Persona.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Persona makes up to eight attempts. It documents the waits before the first five: 0, 3, 18, 83 and 258 seconds. From the second
/// attempt on, the wait before attempt n is `(n - 1)^4 + 2` seconds. If the series continues, the eighth attempt begins 78 minutes
/// after the first.
const SPAN: Duration = Duration::from_secs(79 * 60);

/// Persona: the signature in `Persona-Signature: t=…,v1=…` covers `time.body`; while a secret is being replaced, the header has
/// two such groups with a space between them. The time is signed, and so is the id in the body. Persona does not document whether
/// a repeated request has a new time, so the time may be as old as the last attempt.
///
/// Source: <https://docs.withpersona.com/webhook-best-practices>
pub static PERSONA: Scheme = Scheme::new("persona", "https://docs.withpersona.com/webhook-best-practices")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["persona-signature"])
            .groups(b' ', &["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .signed_id(&[Place::Json("/data/id")])
    .event_type(&[Place::Json("/data/attributes/name")])
    .retries(Retries::documented("https://docs.withpersona.com/docs/best-practices").span(SPAN));
