//! One constructor a provider.

use super::source::{Source, SourceError};
use crate::secret::KeyError;
use crate::signature::providers::{
    A2A, ADOBE_SIGN, ADYEN, ADYEN_PLATFORM, AIRTABLE, AIRWALLEX, ALCHEMY, ASANA, ATTIO, AUTH0, AZURE_EVENT_GRID,
    BEEHIIV, BIRD, BITBUCKET, BOX, BREX, BUILDKITE, CALCOM, CALENDLY, CHARGEBEE, CHECKOUT_COM, CIRCLECI, CLERK,
    CLICKUP, CLOUDEVENTS, CLOUDFLARE_NOTIFICATIONS, CLOUDFLARE_STREAM, CLOUDINARY, CLOUDINARY_SHA256, COINBASE_CDP,
    COINBASE_COMMERCE, CONTENTFUL, CUSTOMERIO, DISCORD, DISCORD_EVENTS, DOCUSIGN, DROPBOX, DROPBOX_SIGN, DWOLLA,
    EASYPOST, ELEVENLABS, FIGMA, FLUTTERWAVE, FORGEJO, FRONT, GHOST, GITEA, GITHUB, GITLAB, GITLAB_TOKEN, GOCARDLESS,
    GRAFANA, GRAFANA_TIMED, HEROKU, HOOK0, HUBSPOT_V1, INCIDENT_IO, INCREASE, INTERCOM, JIRA, KLAVIYO, LARK,
    LEMON_SQUEEZY, LINE, LINEAR, LINKEDIN, LITHIC, LIVEKIT, MAILCHIMP, MAILGUN, MAILGUN_ROUTE, MERCADO_PAGO, META,
    MODERN_TREASURY, MOLLIE, MONDAY, MUX, NETLIFY, NOTION, NPM, OKTA, ONFIDO, OPENAI, PADDLE, PAGERDUTY, PANDADOC,
    PATREON, PAYSTACK, PERSONA, PIPEDRIVE, PLANETSCALE, POLAR, POSTMARK, PRISMIC, QUICKBOOKS, QUICKNODE, RAZORPAY,
    RECURLY, RENDER, REPLICATE, RESEND, RETELL, REVENUECAT, REVOLUT, SANITY, SEGMENT, SENTRY, SHOPIFY, SINCH, SLACK,
    SMARTSHEET, SNYK, SONARCLOUD, STORYBLOK, STRIPE, STYTCH, SUPABASE, SVIX, TALLY, TELEGRAM, TELNYX, TERRAFORM_CLOUD,
    TIKTOK, TWITCH, TYPEFORM, UNIT, VERCEL, VERIFF, VONAGE, WEBFLOW, WEBSUB, WOOCOMMERCE, WORKOS, X, XERO, ZENDESK,
    ZOOM,
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
    adobe_sign: ADOBE_SIGN, "Adobe Acrobat Sign";
    adyen: ADYEN, "Adyen, payment webhooks";
    adyen_platform: ADYEN_PLATFORM, "Adyen, platform webhooks";
    airtable: AIRTABLE, "Airtable";
    airwallex: AIRWALLEX, "Airwallex";
    alchemy: ALCHEMY, "Alchemy";
    asana: ASANA, "Asana";
    attio: ATTIO, "Attio";
    auth0: AUTH0, "Auth0 log streams";
    azure_event_grid: AZURE_EVENT_GRID, "Azure Event Grid";
    beehiiv: BEEHIIV, "beehiiv";
    bird: BIRD, "Bird (MessageBird)";
    bitbucket: BITBUCKET, "Bitbucket";
    box_com: BOX, "Box";
    brex: BREX, "Brex";
    buildkite: BUILDKITE, "Buildkite";
    calcom: CALCOM, "`Cal.com`";
    calendly: CALENDLY, "Calendly";
    chargebee: CHARGEBEE, "Chargebee";
    checkout_com: CHECKOUT_COM, "`Checkout.com`";
    circleci: CIRCLECI, "`CircleCI`";
    clerk: CLERK, "Clerk";
    clickup: CLICKUP, "`ClickUp`";
    cloudevents: CLOUDEVENTS, "`CloudEvents`, webhooks";
    cloudflare_notifications: CLOUDFLARE_NOTIFICATIONS, "Cloudflare Notifications";
    cloudflare_stream: CLOUDFLARE_STREAM, "Cloudflare Stream";
    cloudinary: CLOUDINARY, "Cloudinary";
    cloudinary_sha256: CLOUDINARY_SHA256, "Cloudinary, for accounts that sign by SHA-256";
    coinbase_cdp: COINBASE_CDP, "Coinbase CDP";
    coinbase_commerce: COINBASE_COMMERCE, "Coinbase Commerce";
    contentful: CONTENTFUL, "Contentful";
    customerio: CUSTOMERIO, "Customer.io";
    discord: DISCORD, "Discord interactions";
    discord_events: DISCORD_EVENTS, "Discord webhook events";
    docusign: DOCUSIGN, "DocuSign Connect";
    dropbox: DROPBOX, "Dropbox";
    dropbox_sign: DROPBOX_SIGN, "Dropbox Sign";
    dwolla: DWOLLA, "Dwolla";
    easypost: EASYPOST, "`EasyPost`";
    elevenlabs: ELEVENLABS, "`ElevenLabs`";
    figma: FIGMA, "Figma";
    flutterwave: FLUTTERWAVE, "Flutterwave";
    forgejo: FORGEJO, "Forgejo";
    front: FRONT, "Front";
    ghost: GHOST, "Ghost";
    gitea: GITEA, "Gitea";
    github: GITHUB, "GitHub";
    gitlab: GITLAB, "GitLab, signing token";
    gitlab_token: GITLAB_TOKEN, "GitLab, secret token";
    gocardless: GOCARDLESS, "`GoCardless`";
    grafana: GRAFANA, "Grafana Alerting";
    grafana_timed: GRAFANA_TIMED, "Grafana Alerting, with a timestamp header";
    heroku: HEROKU, "Heroku";
    hook0: HOOK0, "Hook0";
    hubspot_v1: HUBSPOT_V1, "HubSpot v1";
    incident_io: INCIDENT_IO, "`incident.io`";
    increase: INCREASE, "Increase";
    intercom: INTERCOM, "Intercom";
    jira: JIRA, "Jira";
    klaviyo: KLAVIYO, "Klaviyo";
    lark: LARK, "Lark and Feishu";
    lemon_squeezy: LEMON_SQUEEZY, "Lemon Squeezy";
    line: LINE, "LINE";
    linear: LINEAR, "Linear";
    linkedin: LINKEDIN, "`LinkedIn`";
    lithic: LITHIC, "Lithic";
    livekit: LIVEKIT, "`LiveKit`";
    mailchimp: MAILCHIMP, "Mailchimp Marketing";
    mailgun: MAILGUN, "Mailgun";
    mailgun_route: MAILGUN_ROUTE, "Mailgun inbound routes";
    mercado_pago: MERCADO_PAGO, "Mercado Pago";
    meta: META, "Meta";
    modern_treasury: MODERN_TREASURY, "Modern Treasury";
    mollie: MOLLIE, "Mollie";
    monday: MONDAY, "`monday.com`";
    mux: MUX, "Mux";
    netlify: NETLIFY, "Netlify";
    notion: NOTION, "Notion";
    npm: NPM, "npm registry hooks";
    okta: OKTA, "Okta event hooks";
    onfido: ONFIDO, "Onfido";
    openai: OPENAI, "OpenAI";
    paddle: PADDLE, "Paddle";
    pagerduty: PAGERDUTY, "PagerDuty";
    pandadoc: PANDADOC, "`PandaDoc`";
    patreon: PATREON, "Patreon";
    paystack: PAYSTACK, "Paystack";
    persona: PERSONA, "Persona";
    pipedrive: PIPEDRIVE, "Pipedrive";
    planetscale: PLANETSCALE, "`PlanetScale`";
    polar: POLAR, "Polar";
    postmark: POSTMARK, "Postmark";
    prismic: PRISMIC, "Prismic";
    quickbooks: QUICKBOOKS, "QuickBooks";
    quicknode: QUICKNODE, "Quicknode Streams";
    razorpay: RAZORPAY, "Razorpay";
    recurly: RECURLY, "Recurly";
    render: RENDER, "Render";
    replicate: REPLICATE, "Replicate";
    resend: RESEND, "Resend";
    retell: RETELL, "Retell AI";
    revenuecat: REVENUECAT, "`RevenueCat`";
    revolut: REVOLUT, "Revolut";
    sanity: SANITY, "Sanity";
    segment: SEGMENT, "Segment";
    sentry: SENTRY, "Sentry";
    shopify: SHOPIFY, "Shopify";
    sinch: SINCH, "Sinch Conversation API";
    slack: SLACK, "Slack";
    smartsheet: SMARTSHEET, "Smartsheet";
    snyk: SNYK, "Snyk";
    sonarcloud: SONARCLOUD, "SonarQube Cloud";
    storyblok: STORYBLOK, "Storyblok";
    stripe: STRIPE, "Stripe";
    stytch: STYTCH, "Stytch";
    supabase: SUPABASE, "Supabase Auth hooks";
    svix: SVIX, "Svix";
    tally: TALLY, "Tally";
    telegram: TELEGRAM, "Telegram Bot API";
    telnyx: TELNYX, "Telnyx";
    terraform_cloud: TERRAFORM_CLOUD, "HCP Terraform";
    tiktok: TIKTOK, "TikTok for Developers";
    twitch: TWITCH, "Twitch EventSub";
    typeform: TYPEFORM, "Typeform";
    unit: UNIT, "Unit";
    vercel: VERCEL, "Vercel";
    veriff: VERIFF, "Veriff";
    vonage: VONAGE, "Vonage";
    webflow: WEBFLOW, "Webflow";
    websub: WEBSUB, "`WebSub`, the subscriber's side";
    woocommerce: WOOCOMMERCE, "WooCommerce";
    workos: WORKOS, "`WorkOS`";
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
    plivo: PLIVO, url, "Plivo";
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

    /// fal, checked by [`FAL`](crate::signature::providers::FAL) and named `fal`. The receiver needs a
    /// [fetcher](super::ReceiverBuilder::fetch), for fal's keys.
    ///
    /// # Errors
    /// None at present.
    pub fn fal() -> Result<Self, SourceError> {
        Self::provider("fal", &[], Settings::default())
    }
}
