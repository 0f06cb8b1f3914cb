//! Onfido.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Onfido: the signature in `X-SHA2-Signature` covers the body and is made with the webhook's token. There is neither a signed
/// time nor an id of the event.
///
/// Source: <https://documentation.onfido.com/api/latest/#verifying-webhook-signatures>
pub static ONFIDO: Scheme =
    Scheme::new("onfido", "https://documentation.onfido.com/api/latest/#verifying-webhook-signatures")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-sha2-signature"]))
        .event_type(&[Place::Json("/payload/action")])
        .retries(Retries::documented("https://documentation.onfido.com/api/latest/#verifying-webhook-signatures"));
