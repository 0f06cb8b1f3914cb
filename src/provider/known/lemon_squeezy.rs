//! Lemon Squeezy.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Lemon Squeezy: the signature in `X-Signature` covers the body. There is neither a signed time nor an id of the event. Lemon
/// Squeezy repeats a request that was not answered with 200 three times, 5, 25 and 125 seconds later.
///
/// Source: <https://docs.lemonsqueezy.com/help/webhooks/signing-requests>
pub static LEMON_SQUEEZY: Scheme =
    Scheme::new("lemon_squeezy", "https://docs.lemonsqueezy.com/help/webhooks/signing-requests")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"]))
        .event_type(&[Place::Json("/meta/event_name")])
        .retries(
            Retries::unchecked("https://docs.lemonsqueezy.com/help/webhooks/webhook-requests")
                .span(Duration::from_secs(155)),
        );
