//! Flutterwave.

use crate::signature::{Place, Retries, Scheme, Token};

/// Flutterwave, version 3: a shared secret in `verif-hash`. Nothing of the request is covered, and there is no id of the event.
///
/// Source: <https://developer.flutterwave.com/v3.0/docs/webhooks>
pub static FLUTTERWAVE: Scheme = Scheme::new("flutterwave", "https://developer.flutterwave.com/v3.0/docs/webhooks")
    .token(&[Token::plain(Place::Header("verif-hash"))])
    .event_type(&[Place::Json("/event"), Place::Json("/event.type")])
    .retries(Retries::unchecked("https://developer.flutterwave.com/v3.0/docs/webhooks"));
