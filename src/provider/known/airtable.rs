//! Airtable.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, KeyText, Place, Signature};

/// Airtable: the signature in `X-Airtable-Content-MAC: hmac-sha256=…` covers the body; the key is `macSecretBase64`, decoded from
/// base64. There is neither an id nor a type: a request only announces that changes can be fetched.
///
/// Source: <https://airtable.com/developers/web/api/webhooks-overview>
pub static AIRTABLE: Scheme = Scheme::new("airtable", "https://airtable.com/developers/web/api/webhooks-overview")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-airtable-content-mac"])
            .prefix("hmac-sha256=")
            .key(KeyText::Base64),
    )
    .identified_by(IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Json("/timestamp")), IdentityRule::Never]))
    .retries(Retries::documented("https://airtable.com/developers/web/api/webhooks-overview"));
