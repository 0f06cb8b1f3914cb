//! One constructor a provider.

use super::source::{Source, SourceError};
use crate::secret::KeyError;
use crate::signature::providers::{
    A2A, ADYEN, ADYEN_PLATFORM, AIRTABLE, ASANA, AUTH0, AZURE_EVENT_GRID, BITBUCKET, BOX, CALENDLY, CLERK, CLOUDEVENTS,
    CLOUDFLARE_NOTIFICATIONS, CLOUDFLARE_STREAM, COINBASE_CDP, COINBASE_COMMERCE, CONTENTFUL, CUSTOMERIO, DISCORD,
    DISCORD_EVENTS, DOCUSIGN, DROPBOX, FIGMA, GITHUB, GITLAB, GITLAB_TOKEN, HOOK0, HUBSPOT_V1, INTERCOM, JIRA, KLAVIYO,
    LINE, LINEAR, MAILCHIMP, MAILGUN, MAILGUN_ROUTE, META, MOLLIE, NOTION, OKTA, OPENAI, PADDLE, PAGERDUTY, POLAR,
    POSTMARK, QUICKBOOKS, RAZORPAY, RESEND, SANITY, SEGMENT, SENTRY, SHOPIFY, SLACK, STRIPE, SUPABASE, SVIX, TELEGRAM,
    TWITCH, TYPEFORM, VERCEL, WEBSUB, WOOCOMMERCE, X, XERO, ZENDESK, ZOOM,
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
    a2a: A2A, "A2A, push notifications";
    adyen: ADYEN, "Adyen, payment webhooks";
    adyen_platform: ADYEN_PLATFORM, "Adyen, platform webhooks";
    airtable: AIRTABLE, "Airtable";
    asana: ASANA, "Asana";
    auth0: AUTH0, "Auth0 log streams";
    azure_event_grid: AZURE_EVENT_GRID, "Azure Event Grid";
    bitbucket: BITBUCKET, "Bitbucket";
    box_com: BOX, "Box";
    calendly: CALENDLY, "Calendly";
    clerk: CLERK, "Clerk";
    cloudevents: CLOUDEVENTS, "`CloudEvents`, webhooks";
    cloudflare_notifications: CLOUDFLARE_NOTIFICATIONS, "Cloudflare Notifications";
    cloudflare_stream: CLOUDFLARE_STREAM, "Cloudflare Stream";
    coinbase_cdp: COINBASE_CDP, "Coinbase CDP";
    coinbase_commerce: COINBASE_COMMERCE, "Coinbase Commerce";
    contentful: CONTENTFUL, "Contentful";
    customerio: CUSTOMERIO, "Customer.io";
    discord: DISCORD, "Discord interactions";
    discord_events: DISCORD_EVENTS, "Discord webhook events";
    docusign: DOCUSIGN, "DocuSign Connect";
    dropbox: DROPBOX, "Dropbox";
    figma: FIGMA, "Figma";
    github: GITHUB, "GitHub";
    gitlab: GITLAB, "GitLab, signing token";
    gitlab_token: GITLAB_TOKEN, "GitLab, secret token";
    hook0: HOOK0, "Hook0";
    hubspot_v1: HUBSPOT_V1, "HubSpot v1";
    intercom: INTERCOM, "Intercom";
    jira: JIRA, "Jira";
    klaviyo: KLAVIYO, "Klaviyo";
    line: LINE, "LINE";
    linear: LINEAR, "Linear";
    mailchimp: MAILCHIMP, "Mailchimp Marketing";
    mailgun: MAILGUN, "Mailgun";
    mailgun_route: MAILGUN_ROUTE, "Mailgun inbound routes";
    meta: META, "Meta";
    mollie: MOLLIE, "Mollie";
    notion: NOTION, "Notion";
    okta: OKTA, "Okta event hooks";
    openai: OPENAI, "OpenAI";
    paddle: PADDLE, "Paddle";
    pagerduty: PAGERDUTY, "PagerDuty";
    polar: POLAR, "Polar";
    postmark: POSTMARK, "Postmark";
    quickbooks: QUICKBOOKS, "QuickBooks";
    razorpay: RAZORPAY, "Razorpay";
    resend: RESEND, "Resend";
    sanity: SANITY, "Sanity";
    segment: SEGMENT, "Segment";
    sentry: SENTRY, "Sentry";
    shopify: SHOPIFY, "Shopify";
    slack: SLACK, "Slack";
    stripe: STRIPE, "Stripe";
    supabase: SUPABASE, "Supabase Auth hooks";
    svix: SVIX, "Svix";
    telegram: TELEGRAM, "Telegram Bot API";
    twitch: TWITCH, "Twitch EventSub";
    typeform: TYPEFORM, "Typeform";
    vercel: VERCEL, "Vercel";
    websub: WEBSUB, "`WebSub`, the subscriber's side";
    woocommerce: WOOCOMMERCE, "WooCommerce";
    x: X, "X (Twitter)";
    xero: XERO, "Xero";
    zendesk: ZENDESK, "Zendesk";
    zoom: ZOOM, "Zoom";
}

by_secret_and! {
    braintree: BRAINTREE, public_key, "Braintree";
    hubspot: HUBSPOT, url, "HubSpot v3";
    hubspot_v2: HUBSPOT_V2, url, "HubSpot v2";
    mandrill: MANDRILL, webhook_url, "Mailchimp Transactional (Mandrill)";
    postmark_header: POSTMARK_HEADER, header, "Postmark, custom header";
    square: SQUARE, url, "Square";
    trello: TRELLO, callback_url, "Trello";
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
