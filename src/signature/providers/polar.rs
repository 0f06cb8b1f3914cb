//! Polar.

use crate::signature::standard;
use crate::signature::{Fact, KeyText, Retries, Scheme};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("polar_oat_", "an access token: take the secret of the webhook's endpoint")];

/// Polar: Standard Webhooks, by a key that is the whole secret as text, nothing stripped and nothing decoded. Id
/// and time are signed.
///
/// Source: <https://polar.sh/docs/integrate/webhooks/delivery>
pub static POLAR: Scheme = standard::dialect("polar", "https://polar.sh/docs/integrate/webhooks/delivery")
    .signature(standard::SIGNATURE.key(KeyText::Text))
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://polar.sh/docs/integrate/webhooks/delivery").same_id(Fact::Yes));
