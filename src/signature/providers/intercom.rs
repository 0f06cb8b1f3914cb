//! Intercom.

use crate::signature::{Algorithm, Encoding, Fact, Handshake, Hash, Place, Retries, Scheme, Signature, When};

/// Intercom: `X-Hub-Signature: sha1=…`, HMAC-SHA1 over the body, by the app's client secret. The id in the body is
/// signed; a ping has none. No time is judged.
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
        .handshakes(&[Handshake::unsigned(&[When::Method("HEAD")])])
        .retries(
            Retries::documented("https://developers.intercom.com/docs/webhooks/webhook-notifications")
                .same_id(Fact::Yes),
        );
