//! `ElevenLabs`.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// `ElevenLabs`: the signature in `ElevenLabs-Signature: t=…,v0=…` covers `time.body`. The time is signed and may be half an hour
/// old, as in the provider's own library. There is no id. `ElevenLabs` repeats a request only if retries are switched on for the
/// webhook.
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
