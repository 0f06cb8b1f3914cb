//! Polar.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::KeyText;

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("polar_oat_", "an access token: use the secret of the webhook's endpoint")];

/// Polar: Standard Webhooks. The key is the whole secret as text, with its prefix and not decoded. Id and time are signed.
///
/// Source: <https://polar.sh/docs/integrate/webhooks/delivery>
pub static POLAR: Scheme = dialect("polar", "https://polar.sh/docs/integrate/webhooks/delivery")
    .signature(signature::STANDARD.key(KeyText::Text))
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://polar.sh/docs/integrate/webhooks/delivery").same_id(Fact::Yes));
