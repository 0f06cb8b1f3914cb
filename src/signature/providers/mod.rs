//! One small file a provider: its scheme as data, and a link to the provider's page.

use super::{Scheme, Verify};

mod github;
mod shopify;
mod slack;
mod stripe;

pub use self::github::GITHUB;
pub use self::shopify::SHOPIFY;
pub use self::slack::SLACK;
pub use self::stripe::STRIPE;
pub use super::STANDARD;

/// A provider by its name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Where it documents its webhooks.
    pub docs: &'static str,
    /// How its requests are checked.
    pub scheme: &'static dyn Verify,
    /// The same as data; `None` where it is code.
    pub data: Option<&'static Scheme>,
}

impl Provider {
    /// Every provider, by name.
    pub const ALL: &[Self] =
        &[Self::of(&GITHUB), Self::of(&SHOPIFY), Self::of(&SLACK), Self::of(&STANDARD), Self::of(&STRIPE)];

    const fn of(scheme: &'static Scheme) -> Self {
        Self { name: scheme.name(), docs: scheme.docs(), scheme, data: Some(scheme) }
    }

    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|provider| provider.name == name)
    }
}
