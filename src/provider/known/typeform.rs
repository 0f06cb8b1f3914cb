//! Typeform.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("tfp_", "a personal access token: use the secret that you set for the webhook")];

/// Typeform: the signature in `Typeform-Signature: sha256=…` covers the body. It is base64, although the prefix suggests hex. The
/// id is signed; no time is checked.
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
