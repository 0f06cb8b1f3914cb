//! The list of providers. A provider is a file in `known/` and a line here; its constant, its row in the table of providers and
//! in the guide, and its constructor of [`Source`](crate::receiver::Source) follow from the line.
//!
//! A line has the file, the constant, the title, and the parameters of the constructor: the secret, then a semicolon and the settings that
//! it needs. `fetch` comes before them if the receiver fetches keys. `(_)` means that the constructor is written by hand, or that there is
//! no constructor.

/// Passes the list of providers to a macro.
macro_rules! providers {
    ($then:ident) => {
        $then! {
            a2a A2A "A2A, push notifications" (secret);
            adobe_sign ADOBE_SIGN "Adobe Acrobat Sign" (secret);
            adyen ADYEN "Adyen, payment webhooks" (secret);
            adyen_platform ADYEN_PLATFORM "Adyen, platform webhooks" (secret);
            airtable AIRTABLE "Airtable" (secret);
            airwallex AIRWALLEX "Airwallex" (secret);
            alchemy ALCHEMY "Alchemy" (secret);
            asana ASANA "Asana" (secret);
            attio ATTIO "Attio" (secret);
            auth0 AUTH0 "Auth0 log streams" (secret);
            azure_event_grid AZURE_EVENT_GRID "Azure Event Grid" (secret);
            beehiiv BEEHIIV "beehiiv" (secret);
            bird BIRD "Bird (MessageBird)" (secret);
            bitbucket BITBUCKET "Bitbucket" (secret);
            box_com BOX "Box" (secret);
            braintree BRAINTREE "Braintree" (secret; public_key);
            brex BREX "Brex" (secret);
            buildkite BUILDKITE "Buildkite" (secret);
            calcom CALCOM "`Cal.com`" (secret);
            calendly CALENDLY "Calendly" (secret);
            chargebee CHARGEBEE "Chargebee" (secret);
            checkout_com CHECKOUT_COM "`Checkout.com`" (secret);
            circleci CIRCLECI "`CircleCI`" (secret);
            clerk CLERK "Clerk" (secret);
            clickup CLICKUP "`ClickUp`" (secret);
            cloudevents CLOUDEVENTS "`CloudEvents`, webhooks" (secret);
            cloudflare_notifications CLOUDFLARE_NOTIFICATIONS "Cloudflare Notifications" (secret);
            cloudflare_stream CLOUDFLARE_STREAM "Cloudflare Stream" (secret);
            cloudinary CLOUDINARY "Cloudinary" (secret);
            cloudinary_sha256 CLOUDINARY_SHA256 "Cloudinary, for accounts that sign by SHA-256" (secret);
            coinbase_cdp COINBASE_CDP "Coinbase CDP" (secret);
            coinbase_commerce COINBASE_COMMERCE "Coinbase Commerce" (secret);
            contentful CONTENTFUL "Contentful" (secret);
            customerio CUSTOMERIO "Customer.io" (secret);
            discord DISCORD "Discord interactions" (secret);
            discord_events DISCORD_EVENTS "Discord webhook events" (secret);
            docusign DOCUSIGN "DocuSign Connect" (secret);
            dropbox DROPBOX "Dropbox" (secret);
            dropbox_sign DROPBOX_SIGN "Dropbox Sign" (secret);
            dwolla DWOLLA "Dwolla" (secret);
            easypost EASYPOST "`EasyPost`" (secret);
            elevenlabs ELEVENLABS "`ElevenLabs`" (secret);
            fal FAL "fal" (fetch);
            fastly FASTLY "Fastly log streaming" (_);
            figma FIGMA "Figma" (secret);
            flutterwave FLUTTERWAVE "Flutterwave" (secret);
            forgejo FORGEJO "Forgejo" (secret);
            front FRONT "Front" (secret);
            ghost GHOST "Ghost" (secret);
            gitea GITEA "Gitea" (secret);
            github GITHUB "GitHub" (secret);
            gitlab GITLAB "GitLab, signing token" (secret);
            gitlab_token GITLAB_TOKEN "GitLab, secret token" (secret);
            gocardless GOCARDLESS "`GoCardless`" (secret);
            grafana GRAFANA "Grafana Alerting" (secret);
            grafana_timed GRAFANA_TIMED "Grafana Alerting, with a timestamp header" (secret);
            heroku HEROKU "Heroku" (secret);
            hook0 HOOK0 "Hook0" (secret);
            hubspot HUBSPOT "HubSpot v3" (secret; url);
            hubspot_v1 HUBSPOT_V1 "HubSpot v1" (secret);
            hubspot_v2 HUBSPOT_V2 "HubSpot v2" (secret; url);
            incident_io INCIDENT_IO "`incident.io`" (secret);
            increase INCREASE "Increase" (secret);
            intercom INTERCOM "Intercom" (secret);
            jira JIRA "Jira" (secret);
            klaviyo KLAVIYO "Klaviyo" (secret);
            lark LARK "Lark and Feishu" (secret);
            lemon_squeezy LEMON_SQUEEZY "Lemon Squeezy" (secret);
            line LINE "LINE" (secret);
            linear LINEAR "Linear" (secret);
            linkedin LINKEDIN "`LinkedIn`" (secret);
            lithic LITHIC "Lithic" (secret);
            livekit LIVEKIT "`LiveKit`" (secret);
            mailchimp MAILCHIMP "Mailchimp Marketing" (secret);
            mailgun MAILGUN "Mailgun" (secret);
            mailgun_route MAILGUN_ROUTE "Mailgun inbound routes" (secret);
            mandrill MANDRILL "Mailchimp Transactional (Mandrill)" (secret; webhook_url);
            mercado_pago MERCADO_PAGO "Mercado Pago" (secret);
            meta META "Meta" (secret);
            modern_treasury MODERN_TREASURY "Modern Treasury" (secret);
            mollie MOLLIE "Mollie" (secret);
            mollie_classic MOLLIE_CLASSIC "Mollie, classic webhooks" (_);
            monday MONDAY "`monday.com`" (secret);
            mux MUX "Mux" (secret);
            netlify NETLIFY "Netlify" (secret);
            notion NOTION "Notion" (secret);
            npm NPM "npm registry hooks" (secret);
            okta OKTA "Okta event hooks" (secret);
            onfido ONFIDO "Onfido" (secret);
            openai OPENAI "OpenAI" (secret);
            paddle PADDLE "Paddle" (secret);
            pagerduty PAGERDUTY "PagerDuty" (secret);
            pandadoc PANDADOC "`PandaDoc`" (secret);
            patreon PATREON "Patreon" (secret);
            paystack PAYSTACK "Paystack" (secret);
            persona PERSONA "Persona" (secret);
            pipedrive PIPEDRIVE "Pipedrive" (secret);
            planetscale PLANETSCALE "`PlanetScale`" (secret);
            plivo PLIVO "Plivo" (secret; url);
            polar POLAR "Polar" (secret);
            postmark POSTMARK "Postmark" (secret);
            postmark_header POSTMARK_HEADER "Postmark, custom header" (secret; header);
            prismic PRISMIC "Prismic" (secret);
            quickbooks QUICKBOOKS "QuickBooks" (secret);
            quicknode QUICKNODE "Quicknode Streams" (secret);
            razorpay RAZORPAY "Razorpay" (secret);
            recurly RECURLY "Recurly" (secret);
            render RENDER "Render" (secret);
            replicate REPLICATE "Replicate" (secret);
            resend RESEND "Resend" (secret);
            retell RETELL "Retell AI" (secret);
            revenuecat REVENUECAT "`RevenueCat`" (secret);
            revolut REVOLUT "Revolut" (secret);
            sanity SANITY "Sanity" (secret);
            segment SEGMENT "Segment" (secret);
            sentry SENTRY "Sentry" (secret);
            shopify SHOPIFY "Shopify" (secret);
            sinch SINCH "Sinch Conversation API" (secret);
            slack SLACK "Slack" (secret);
            smartsheet SMARTSHEET "Smartsheet" (secret);
            snyk SNYK "Snyk" (secret);
            sonarcloud SONARCLOUD "SonarQube Cloud" (secret);
            square SQUARE "Square" (secret; url);
            standard STANDARD "Standard Webhooks" (secret);
            storyblok STORYBLOK "Storyblok" (secret);
            stripe STRIPE "Stripe" (secret);
            stytch STYTCH "Stytch" (secret);
            supabase SUPABASE "Supabase Auth hooks" (secret);
            svix SVIX "Svix" (secret);
            tally TALLY "Tally" (secret);
            telegram TELEGRAM "Telegram Bot API" (secret);
            telnyx TELNYX "Telnyx" (secret);
            terraform_cloud TERRAFORM_CLOUD "HCP Terraform" (secret);
            tiktok TIKTOK "TikTok for Developers" (secret);
            trello TRELLO "Trello" (secret; callback_url);
            twilio TWILIO "Twilio" (secret; url);
            twitch TWITCH "Twitch EventSub" (secret);
            typeform TYPEFORM "Typeform" (secret);
            unit UNIT "Unit" (secret);
            vercel VERCEL "Vercel" (secret);
            veriff VERIFF "Veriff" (secret);
            vonage VONAGE "Vonage" (secret);
            webflow WEBFLOW "Webflow" (secret);
            websub WEBSUB "`WebSub`, the subscriber's side" (secret);
            woocommerce WOOCOMMERCE "WooCommerce" (secret);
            workos WORKOS "`WorkOS`" (secret);
            x X "X (Twitter)" (secret);
            xero XERO "Xero" (secret);
            zendesk ZENDESK "Zendesk" (secret);
            zoom ZOOM "Zoom" (secret);
        }
    };
}

/// The same for providers that need the feature `public-key`; their files are in `known/public_key/`.
macro_rules! public_key_providers {
    ($then:ident) => {
        $then! {
            apple_app_store APPLE_APP_STORE "Apple App Store Server Notifications" (; bundle_id);
            atlassian_connect ATLASSIAN_CONNECT "Atlassian Connect" (shared_secret; base_url);
            aws_sns AWS_SNS "Amazon SNS" (_);
            google_pubsub GOOGLE_PUBSUB "Google Cloud Pub/Sub push" (fetch; audience, service_account_email);
            microsoft_graph MICROSOFT_GRAPH "Microsoft Graph, change notifications" (client_state);
            paypal PAYPAL "PayPal" (fetch webhook_id);
            plaid PLAID "Plaid" (fetch; client_id, api_secret);
            sendgrid SENDGRID "SendGrid, event webhook" (public_key);
            wise WISE "Wise" (public_key);
        }
    };
}

/// The same for providers that follow a draft, with the feature `mcp-events`; their files are in `known/draft/`.
macro_rules! draft_providers {
    ($then:ident) => {
        $then! {
            mcp_events MCP_EVENTS "MCP Triggers & Events (**a draft**)" (secret);
        }
    };
}

pub(crate) use {draft_providers, providers, public_key_providers};
