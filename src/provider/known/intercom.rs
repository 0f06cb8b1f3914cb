//! Intercom.

use crate::provider::{Condition, Fact, Handshake, Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, Place, Signature};

/// Intercom: the signature in `X-Hub-Signature: sha1=…` (HMAC-SHA1) covers the body and is made with the app's client secret. The
/// id in the body is signed; a ping has no id. No time is checked.
///
/// Source: <https://developers.intercom.com/docs/webhooks/webhook-notifications>
pub static INTERCOM: Scheme =
    Scheme::new("intercom", "https://developers.intercom.com/docs/webhooks/webhook-notifications")
        .signature(
            Signature::hmac(Hash::Sha1, Encoding::Hex, &["x-hub-signature"])
                .algorithm(Algorithm::HmacNamed(&[Hash::Sha1])),
        )
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/topic")])
        .handshakes(&[Handshake::unsigned(&[Condition::Method("HEAD")])])
        .retries(
            Retries::documented("https://developers.intercom.com/docs/webhooks/webhook-notifications")
                .same_id(Fact::Yes),
        );
