//! One constructor a provider.

use super::source::{Source, SourceError};
use crate::secret::KeyError;
use crate::signature::providers::{
    BITBUCKET, CLERK, DISCORD, DISCORD_EVENTS, GITHUB, GITLAB, GITLAB_TOKEN, HUBSPOT_V1, LINE, LINEAR, MAILGUN,
    MAILGUN_ROUTE, META, OPENAI, PADDLE, POLAR, POSTMARK, RESEND, SENTRY, SHOPIFY, SLACK, STRIPE, SUPABASE, SVIX,
    TELEGRAM, TWITCH, VERCEL, ZOOM,
};
use crate::signature::{STANDARD, Settings};

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

/// Sources that need a secret and one setting.
macro_rules! by_secret_and {
    ($($name:ident: $scheme:ident, $setting:ident, $title:literal;)*) => {
        impl Source {
            $(
                #[doc = concat!($title, ", checked by [`", stringify!($scheme), "`](crate::signature::providers::",
                    stringify!($scheme), ") and named `", stringify!($name), "`. It needs the setting `",
                    stringify!($setting), "`.")]
                ///
                /// # Errors
                /// When the secret is none of this provider's.
                pub fn $name(secret: &str, $setting: &str) -> Result<Self, SourceError> {
                    let settings = Settings::default().with(stringify!($setting), $setting);
                    Self::provider(stringify!($name), &[secret], settings)
                }
            )*
        }
    };
}

by_secret! {
    bitbucket: BITBUCKET, "Bitbucket";
    clerk: CLERK, "Clerk";
    discord: DISCORD, "Discord interactions";
    discord_events: DISCORD_EVENTS, "Discord webhook events";
    github: GITHUB, "GitHub";
    gitlab: GITLAB, "GitLab, signing token";
    gitlab_token: GITLAB_TOKEN, "GitLab, secret token";
    hubspot_v1: HUBSPOT_V1, "HubSpot v1";
    line: LINE, "LINE";
    linear: LINEAR, "Linear";
    mailgun: MAILGUN, "Mailgun";
    mailgun_route: MAILGUN_ROUTE, "Mailgun inbound routes";
    meta: META, "Meta";
    openai: OPENAI, "OpenAI";
    paddle: PADDLE, "Paddle";
    polar: POLAR, "Polar";
    postmark: POSTMARK, "Postmark";
    resend: RESEND, "Resend";
    sentry: SENTRY, "Sentry";
    shopify: SHOPIFY, "Shopify";
    slack: SLACK, "Slack";
    stripe: STRIPE, "Stripe";
    supabase: SUPABASE, "Supabase Auth hooks";
    svix: SVIX, "Svix";
    telegram: TELEGRAM, "Telegram Bot API";
    twitch: TWITCH, "Twitch EventSub";
    vercel: VERCEL, "Vercel";
    zoom: ZOOM, "Zoom";
}

by_secret_and! {
    hubspot: HUBSPOT, url, "HubSpot v3";
    hubspot_v2: HUBSPOT_V2, url, "HubSpot v2";
    postmark_header: POSTMARK_HEADER, header, "Postmark, custom header";
    square: SQUARE, url, "Square";
    twilio: TWILIO, url, "Twilio";
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
