//! Persona.

use std::time::Duration;

use crate::signature::{Encoding, Grammar, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// Persona makes up to eight attempts. It documents that the waits before them are 0, 3, 18, 83 and 258 seconds, which is the fourth
/// power of their number and two more; so on, the eighth begins 78 minutes after the first.
const SPAN: Duration = Duration::from_mins(79);

/// Persona: `Persona-Signature: t=…,v1=…`, over `time.body`; while a secret is replaced, two such groups with a space between.
/// The time is signed; the id in the body is. Whether a repeated request has a new time is not documented, so the time may be as
/// old as the last attempt.
///
/// Source: <https://docs.withpersona.com/webhook-best-practices>
pub static PERSONA: Scheme = Scheme::new("persona", "https://docs.withpersona.com/webhook-best-practices")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["persona-signature"])
            .grammar(Grammar::Groups { between: b' ', separator: b',', signatures: &["v1"] })
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .signed_id(&[Place::Json("/data/id")])
    .event_type(&[Place::Json("/data/attributes/name")])
    .retries(Retries::documented("https://docs.withpersona.com/docs/best-practices").span(SPAN));
