//! Paystack.

use std::time::Duration;

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Paystack: `X-Paystack-Signature`, HMAC with SHA-512, over the body, by the secret API key. There is neither a signed time nor
/// an id of the event. Paystack repeats a request that was not answered by 200 every three minutes four times, then every hour
/// for three days.
///
/// Source: <https://paystack.com/docs/payments/webhooks/>
pub static PAYSTACK: Scheme = Scheme::new("paystack", "https://paystack.com/docs/payments/webhooks/")
    .signature(Signature::hmac(Hash::Sha512, Encoding::Hex, &["x-paystack-signature"]))
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::unchecked("https://paystack.com/docs/payments/webhooks/").span(Duration::from_secs(73 * 60 * 60)),
    );
