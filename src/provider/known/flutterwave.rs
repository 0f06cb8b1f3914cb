//! Flutterwave.

use crate::provider::{Retries, Scheme};
use crate::signature::{Place, Token};

/// Flutterwave, version 3: a shared secret in `verif-hash`. It signs no part of the request, and the event has no
/// id.
///
/// Source: <https://developer.flutterwave.com/v3.0/docs/webhooks>
pub static FLUTTERWAVE: Scheme = Scheme::new("flutterwave", "https://developer.flutterwave.com/v3.0/docs/webhooks")
    .token(&[Token::plain(Place::Header("verif-hash"))])
    .event_type(&[Place::Json("/event"), Place::Json("/event.type")])
    .retries(Retries::unchecked("https://developer.flutterwave.com/v3.0/docs/webhooks"));
