//! Persona.

use crate::signature::{Encoding, Grammar, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance};

/// Persona: `Persona-Signature: t=…,v1=…`, over `time.body`; while a secret is replaced, two such groups with a space between.
/// The time is signed; the id in the body is. Whether a repeated request has a new time is not documented, so it may be a day
/// old.
///
/// Source: <https://docs.withpersona.com/webhook-best-practices>
pub static PERSONA: Scheme = Scheme::new("persona", "https://docs.withpersona.com/webhook-best-practices")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["persona-signature"])
            .grammar(Grammar::Groups { between: b' ', separator: b',', signatures: &["v1"] })
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .tolerance(Tolerance::secs(24 * 60 * 60, 300))
    .signed_id(&[Place::Json("/data/id")])
    .event_type(&[Place::Json("/data/attributes/name")])
    .retries(Retries::unchecked("https://docs.withpersona.com/webhook-best-practices"));
