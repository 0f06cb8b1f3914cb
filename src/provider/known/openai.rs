//! OpenAI.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::KeyText;

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("sk-", "an API key: use the webhook's signing secret, which begins with whsec_")];

/// OpenAI: Standard Webhooks. If a secret does not begin with `whsec_`, its text is the key. The signature must begin with `v1,`,
/// although OpenAI's own libraries accept it without. Id and time are signed.
///
/// Source: <https://platform.openai.com/docs/guides/webhooks>
pub static OPENAI: Scheme = dialect("openai", "https://platform.openai.com/docs/guides/webhooks")
    .signature(signature::STANDARD.key(KeyText::StandardOrText))
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://platform.openai.com/docs/guides/webhooks").same_id(Fact::Yes));
