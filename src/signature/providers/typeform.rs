//! Typeform.

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("tfp_", "a personal access token: take the secret that you set for the webhook")];

/// Typeform: `Typeform-Signature: sha256=…`, base64 in spite of the prefix, over the body. The id is signed; no
/// time is judged.
///
/// Source: <https://www.typeform.com/developers/webhooks/secure-your-webhooks/>
pub static TYPEFORM: Scheme =
    Scheme::new("typeform", "https://www.typeform.com/developers/webhooks/secure-your-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["typeform-signature"]).prefix("sha256="))
        .signed_id(&[Place::Json("/event_id")])
        .event_type(&[Place::Json("/event_type")])
        .not_keys(NOT_KEYS)
        .retries(
            Retries::documented("https://www.typeform.com/developers/webhooks/secure-your-webhooks/")
                .same_id(Fact::Yes),
        );
