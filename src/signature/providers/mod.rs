//! One small file a provider: its scheme as data, and a link to the provider's page.

use super::{Scheme, Verify};

#[cfg(feature = "public-key")]
mod public_key;
#[cfg(not(feature = "public-key"))]
#[path = "public_key_none.rs"]
mod public_key;

mod a2a;
mod adyen;
mod adyen_platform;
mod airtable;
mod asana;
mod auth0;
mod azure_event_grid;
mod bitbucket;
mod box_com;
mod braintree;
mod calendly;
mod clerk;
mod cloudevents;
mod cloudflare_notifications;
mod cloudflare_stream;
mod coinbase_cdp;
mod coinbase_commerce;
mod contentful;
mod customerio;
mod discord;
mod discord_events;
mod docusign;
#[cfg(feature = "mcp-events")]
mod draft;
#[cfg(not(feature = "mcp-events"))]
#[path = "draft_none.rs"]
mod draft;
mod dropbox;
mod fastly;
mod figma;
mod github;
mod gitlab;
mod gitlab_token;
mod hook0;
mod hubspot;
mod hubspot_v1;
mod hubspot_v2;
mod intercom;
mod jira;
mod klaviyo;
mod line;
mod linear;
mod mailchimp;
mod mailgun;
mod mailgun_route;
mod mandrill;
mod meta;
mod mollie;
mod mollie_classic;
mod notion;
mod okta;
mod openai;
mod paddle;
mod pagerduty;
mod polar;
mod postmark;
mod postmark_header;
mod quickbooks;
mod razorpay;
mod resend;
mod sanity;
mod segment;
mod sentry;
mod shopify;
mod slack;
mod square;
mod stripe;
mod supabase;
mod svix;
mod telegram;
mod trello;
mod twilio;
mod twitch;
mod typeform;
mod vercel;
mod websub;
mod woocommerce;
mod x;
mod xero;
mod zendesk;
mod zoom;

pub use self::a2a::A2A;
pub use self::adyen::ADYEN;
pub use self::adyen_platform::ADYEN_PLATFORM;
pub use self::airtable::AIRTABLE;
pub use self::asana::ASANA;
pub use self::auth0::AUTH0;
pub use self::azure_event_grid::AZURE_EVENT_GRID;
pub use self::bitbucket::BITBUCKET;
pub use self::box_com::BOX;
pub use self::braintree::BRAINTREE;
pub use self::calendly::CALENDLY;
pub use self::clerk::CLERK;
pub use self::cloudevents::{CLOUDEVENTS, CloudEvents};
pub use self::cloudflare_notifications::CLOUDFLARE_NOTIFICATIONS;
pub use self::cloudflare_stream::CLOUDFLARE_STREAM;
pub use self::coinbase_cdp::COINBASE_CDP;
pub use self::coinbase_commerce::COINBASE_COMMERCE;
pub use self::contentful::CONTENTFUL;
pub use self::customerio::CUSTOMERIO;
pub use self::discord::DISCORD;
pub use self::discord_events::DISCORD_EVENTS;
pub use self::docusign::DOCUSIGN;
#[cfg(feature = "mcp-events")]
pub use self::draft::{MCP_EVENTS, McpMessage};
pub use self::dropbox::DROPBOX;
pub use self::fastly::FASTLY;
pub use self::figma::FIGMA;
pub use self::github::GITHUB;
pub use self::gitlab::GITLAB;
pub use self::gitlab_token::GITLAB_TOKEN;
pub use self::hook0::HOOK0;
pub use self::hubspot::HUBSPOT;
pub use self::hubspot_v1::HUBSPOT_V1;
pub use self::hubspot_v2::HUBSPOT_V2;
pub use self::intercom::INTERCOM;
pub use self::jira::JIRA;
pub use self::klaviyo::KLAVIYO;
pub use self::line::LINE;
pub use self::linear::LINEAR;
pub use self::mailchimp::MAILCHIMP;
pub use self::mailgun::MAILGUN;
pub use self::mailgun_route::MAILGUN_ROUTE;
pub use self::mandrill::MANDRILL;
pub use self::meta::META;
pub use self::mollie::MOLLIE;
pub use self::mollie_classic::MOLLIE_CLASSIC;
pub use self::notion::NOTION;
pub use self::okta::OKTA;
pub use self::openai::OPENAI;
pub use self::paddle::PADDLE;
pub use self::pagerduty::PAGERDUTY;
pub use self::polar::POLAR;
pub use self::postmark::POSTMARK;
pub use self::postmark_header::POSTMARK_HEADER;
#[cfg(feature = "public-key")]
pub use self::public_key::{
    ATLASSIAN_CONNECT, AWS_SNS, AtlassianConnect, AwsSns, GOOGLE_PUBSUB, GooglePubsub, MICROSOFT_GRAPH, MicrosoftGraph,
    PAYPAL, PLAID, PayPal, Plaid, SENDGRID,
};
pub use self::quickbooks::QUICKBOOKS;
pub use self::razorpay::RAZORPAY;
pub use self::resend::RESEND;
pub use self::sanity::SANITY;
pub use self::segment::SEGMENT;
pub use self::sentry::SENTRY;
pub use self::shopify::SHOPIFY;
pub use self::slack::SLACK;
pub use self::square::SQUARE;
pub use self::stripe::STRIPE;
pub use self::supabase::SUPABASE;
pub use self::svix::SVIX;
pub use self::telegram::TELEGRAM;
pub use self::trello::TRELLO;
pub use self::twilio::{TWILIO, Twilio};
pub use self::twitch::TWITCH;
pub use self::typeform::TYPEFORM;
pub use self::vercel::VERCEL;
pub use self::websub::WEBSUB;
pub use self::woocommerce::WOOCOMMERCE;
pub use self::x::X;
pub use self::xero::XERO;
pub use self::zendesk::ZENDESK;
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
    const BASIC: &[Self] = &[
        Self::of(&A2A),
        Self::code("adyen", adyen::DOCS, &ADYEN),
        Self::of(&ADYEN_PLATFORM),
        Self::of(&AIRTABLE),
        Self::of(&ASANA),
        Self::of(&AUTH0),
        Self::of(&AZURE_EVENT_GRID),
        Self::of(&BITBUCKET),
        Self::code("box", box_com::DOCS, &BOX),
        Self::code("braintree", braintree::DOCS, &BRAINTREE),
        Self::of(&CALENDLY),
        Self::of(&CLERK),
        Self::code("cloudevents", cloudevents::DOCS, &CLOUDEVENTS),
        Self::of(&CLOUDFLARE_NOTIFICATIONS),
        Self::of(&CLOUDFLARE_STREAM),
        Self::code("coinbase_cdp", coinbase_cdp::DOCS, &COINBASE_CDP),
        Self::of(&COINBASE_COMMERCE),
        Self::code("contentful", contentful::DOCS, &CONTENTFUL),
        Self::of(&CUSTOMERIO),
        Self::of(&DISCORD),
        Self::of(&DISCORD_EVENTS),
        Self::of(&DOCUSIGN),
        Self::of(&DROPBOX),
        Self::of(&FASTLY),
        Self::of(&FIGMA),
        Self::of(&GITHUB),
        Self::of(&GITLAB),
        Self::of(&GITLAB_TOKEN),
        Self::code("hook0", hook0::DOCS, &HOOK0),
        Self::of(&HUBSPOT),
        Self::of(&HUBSPOT_V1),
        Self::of(&HUBSPOT_V2),
        Self::of(&INTERCOM),
        Self::of(&JIRA),
        Self::of(&KLAVIYO),
        Self::of(&LINE),
        Self::of(&LINEAR),
        Self::of(&MAILCHIMP),
        Self::of(&MAILGUN),
        Self::of(&MAILGUN_ROUTE),
        Self::of(&MANDRILL),
        Self::of(&META),
        Self::of(&MOLLIE),
        Self::of(&MOLLIE_CLASSIC),
        Self::of(&NOTION),
        Self::of(&OKTA),
        Self::of(&OPENAI),
        Self::of(&PADDLE),
        Self::of(&PAGERDUTY),
        Self::of(&POLAR),
        Self::of(&POSTMARK),
        Self::of(&POSTMARK_HEADER),
        Self::of(&QUICKBOOKS),
        Self::of(&RAZORPAY),
        Self::of(&RESEND),
        Self::of(&SANITY),
        Self::of(&SEGMENT),
        Self::of(&SENTRY),
        Self::of(&SHOPIFY),
        Self::of(&SLACK),
        Self::of(&SQUARE),
        Self::of(&STANDARD),
        Self::of(&STRIPE),
        Self::of(&SUPABASE),
        Self::of(&SVIX),
        Self::of(&TELEGRAM),
        Self::of(&TRELLO),
        Self::code("twilio", twilio::DOCS, &TWILIO),
        Self::of(&TWITCH),
        Self::of(&TYPEFORM),
        Self::of(&VERCEL),
        Self::code("websub", websub::DOCS, &WEBSUB),
        Self::of(&WOOCOMMERCE),
        Self::of(&X),
        Self::of(&XERO),
        Self::of(&ZENDESK),
        Self::of(&ZOOM),
    ];

    /// Every provider.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        Self::BASIC.iter().chain(public_key::LIST).chain(draft::LIST)
    }

    const fn of(scheme: &'static Scheme) -> Self {
        Self { name: scheme.name(), docs: scheme.docs(), scheme, data: Some(scheme) }
    }

    const fn code(name: &'static str, docs: &'static str, scheme: &'static dyn Verify) -> Self {
        Self { name, docs, scheme, data: None }
    }

    /// The provider of this name; `standard-webhooks` is `standard` too.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = if name == "standard-webhooks" { STANDARD.name() } else { name };
        Self::all().find(|provider| provider.name == name)
    }
}
