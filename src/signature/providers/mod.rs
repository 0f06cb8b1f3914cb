//! One small file a provider: its scheme as data, and a link to the provider's page.

use super::{Scheme, Verify};

mod bitbucket;
mod clerk;
mod discord;
mod discord_events;
mod github;
mod gitlab;
mod gitlab_token;
mod hubspot;
mod hubspot_v1;
mod hubspot_v2;
mod line;
mod linear;
mod mailgun;
mod mailgun_route;
mod meta;
mod openai;
mod paddle;
mod polar;
mod postmark;
mod postmark_header;
mod resend;
mod sentry;
mod shopify;
mod slack;
mod square;
mod stripe;
mod supabase;
mod svix;
mod telegram;
mod twilio;
mod twitch;
mod vercel;
mod zoom;

pub use self::bitbucket::BITBUCKET;
pub use self::clerk::CLERK;
pub use self::discord::DISCORD;
pub use self::discord_events::DISCORD_EVENTS;
pub use self::github::GITHUB;
pub use self::gitlab::GITLAB;
pub use self::gitlab_token::GITLAB_TOKEN;
pub use self::hubspot::HUBSPOT;
pub use self::hubspot_v1::HUBSPOT_V1;
pub use self::hubspot_v2::HUBSPOT_V2;
pub use self::line::LINE;
pub use self::linear::LINEAR;
pub use self::mailgun::MAILGUN;
pub use self::mailgun_route::MAILGUN_ROUTE;
pub use self::meta::META;
pub use self::openai::OPENAI;
pub use self::paddle::PADDLE;
pub use self::polar::POLAR;
pub use self::postmark::POSTMARK;
pub use self::postmark_header::POSTMARK_HEADER;
pub use self::resend::RESEND;
pub use self::sentry::SENTRY;
pub use self::shopify::SHOPIFY;
pub use self::slack::SLACK;
pub use self::square::SQUARE;
pub use self::stripe::STRIPE;
pub use self::supabase::SUPABASE;
pub use self::svix::SVIX;
pub use self::telegram::TELEGRAM;
pub use self::twilio::TWILIO;
pub use self::twitch::TWITCH;
pub use self::vercel::VERCEL;
pub use self::zoom::ZOOM;
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
    pub const ALL: &[Self] = &[
        Self::of(&BITBUCKET),
        Self::of(&CLERK),
        Self::of(&DISCORD),
        Self::of(&DISCORD_EVENTS),
        Self::of(&GITHUB),
        Self::of(&GITLAB),
        Self::of(&GITLAB_TOKEN),
        Self::of(&HUBSPOT),
        Self::of(&HUBSPOT_V1),
        Self::of(&HUBSPOT_V2),
        Self::of(&LINE),
        Self::of(&LINEAR),
        Self::of(&MAILGUN),
        Self::of(&MAILGUN_ROUTE),
        Self::of(&META),
        Self::of(&OPENAI),
        Self::of(&PADDLE),
        Self::of(&POLAR),
        Self::of(&POSTMARK),
        Self::of(&POSTMARK_HEADER),
        Self::of(&RESEND),
        Self::of(&SENTRY),
        Self::of(&SHOPIFY),
        Self::of(&SLACK),
        Self::of(&SQUARE),
        Self::of(&STANDARD),
        Self::of(&STRIPE),
        Self::of(&SUPABASE),
        Self::of(&SVIX),
        Self::of(&TELEGRAM),
        Self::code("twilio", twilio::DOCS, &TWILIO),
        Self::of(&TWITCH),
        Self::of(&VERCEL),
        Self::of(&ZOOM),
    ];

    const fn of(scheme: &'static Scheme) -> Self {
        Self { name: scheme.name(), docs: scheme.docs(), scheme, data: Some(scheme) }
    }

    const fn code(name: &'static str, docs: &'static str, scheme: &'static dyn Verify) -> Self {
        Self { name, docs, scheme, data: None }
    }

    /// The provider of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|provider| provider.name == name)
    }
}
