//! One small file a provider: its scheme as data, and a link to the provider's page.

mod github;
mod shopify;
mod slack;
mod stripe;

pub use self::github::GITHUB;
pub use self::shopify::SHOPIFY;
pub use self::slack::SLACK;
pub use self::stripe::STRIPE;
