//! `ElevenLabs`.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance};

/// `ElevenLabs`: `ElevenLabs-Signature: t=…,v0=…`, over `time.body`. The time is signed and may be half an hour old, as the
/// provider's own library has it; there is no id. `ElevenLabs` repeats a request only where that is switched on for a webhook.
///
/// Source: <https://elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks>
pub static ELEVENLABS: Scheme =
    Scheme::new("elevenlabs", "https://elevenlabs.io/docs/eleven-agents/workflows/post-call-webhooks")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["elevenlabs-signature"])
                .fields(&["v0"])
                .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
                .stamp(Stamp::field("t")),
        )
        .tolerance(Tolerance::secs(30 * 60, 300))
        .event_type(&[Place::Json("/type")])
        .retries(Retries::documented("https://elevenlabs.io/docs/eleven-api/resources/webhooks"));
