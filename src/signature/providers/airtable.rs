//! Airtable.

use crate::signature::{Encoding, Hash, Identified, KeyText, Place, Retries, Scheme, Signature};

/// Airtable: `X-Airtable-Content-MAC: hmac-sha256=…`, over the body, by the base64 of `macSecretBase64`. There is
/// neither id nor type: a request says that something can be fetched.
///
/// Source: <https://airtable.com/developers/web/api/webhooks-overview>
pub static AIRTABLE: Scheme = Scheme::new("airtable", "https://airtable.com/developers/web/api/webhooks-overview")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-airtable-content-mac"])
            .prefix("hmac-sha256=")
            .key(KeyText::Base64),
    )
    .identified_by(Identified::First(&[Identified::ByBodyWith(Place::Json("/timestamp")), Identified::Never]))
    .retries(Retries::documented("https://airtable.com/developers/web/api/webhooks-overview"));
