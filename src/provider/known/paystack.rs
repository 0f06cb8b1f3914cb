//! Paystack.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Paystack: the signature in `X-Paystack-Signature` (HMAC-SHA512) covers the body and is made with the secret API key. There is
/// neither a signed time nor an id of the event. Paystack repeats a request that was not answered with 200 four times at
/// intervals of three minutes, and then every hour for three days.
///
/// Source: <https://paystack.com/docs/payments/webhooks/>
pub static PAYSTACK: Scheme = Scheme::new("paystack", "https://paystack.com/docs/payments/webhooks/")
    .signature(Signature::hmac(Hash::Sha512, Encoding::Hex, &["x-paystack-signature"]))
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::unchecked("https://paystack.com/docs/payments/webhooks/").span(Duration::from_secs(73 * 60 * 60)),
    );
