//! One constructor a provider.

use super::source::Source;
use crate::secret::KeyError;
use crate::signature::STANDARD;
use crate::signature::providers::{GITHUB, SHOPIFY, SLACK, STRIPE};

/// Sources that need a secret and nothing else.
macro_rules! by_secret {
    ($($name:ident: $scheme:ident, $title:literal;)*) => {
        impl Source {
            $(
                #[doc = concat!($title, ", checked by [`", stringify!($scheme), "`](crate::signature::providers::",
                    stringify!($scheme), ") and named `", stringify!($name), "`.")]
                ///
                /// # Errors
                /// When the secret is none of this provider's.
                pub fn $name(secret: &str) -> Result<Self, KeyError> {
                    Self::known(&$scheme, stringify!($name), secret)
                }
            )*
        }
    };
}

by_secret! {
    github: GITHUB, "GitHub";
    shopify: SHOPIFY, "Shopify";
    slack: SLACK, "Slack";
    stripe: STRIPE, "Stripe";
}

impl Source {
    /// Standard Webhooks (<https://www.standardwebhooks.com>), named `standard`.
    ///
    /// # Errors
    /// When the secret is none of this scheme.
    pub fn standard(secret: &str) -> Result<Self, KeyError> {
        Self::known(&STANDARD, "standard", secret)
    }
}
