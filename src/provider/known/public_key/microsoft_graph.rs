//! Microsoft Graph, change notifications.

use std::time::Duration;

use std::ops::Range;

use serde::Deserialize;
use subtle::Choice;

use super::{key_set, need_key_set};
use crate::provider::items;
use crate::provider::{
    BatchLayout, Checked, EventRef, Events, FetchRequest, Identity, IdentityRule, Item, MAX_EVENTS, Reply, Retries,
    Scheme, Setting, Summary, Verify,
};
use crate::secret::Kind;
use crate::signature::compare::equal;
use crate::signature::jwt::JwtAlgorithm;
use crate::signature::jwt::web_token::{Claims, Token};
use crate::signature::key_set::find;
use crate::signature::{Place, Received, Trust, VerifyError, json};

const DOCS: &str = "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks";

/// One of Microsoft's clouds: the URL of its keys, and the text before and after the tenant in an issuer.
struct Cloud {
    name: &'static str,
    keys: &'static str,
    issuers: &'static [(&'static str, &'static str)],
}

const CLOUDS: &[Cloud] = &[
    Cloud {
        name: "global",
        keys: "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        issuers: &[("https://sts.windows.net/", "/"), ("https://login.microsoftonline.com/", "/v2.0")],
    },
    Cloud {
        name: "us_government",
        keys: "https://login.microsoftonline.us/common/discovery/v2.0/keys",
        issuers: &[("https://sts.windows.net/", "/"), ("https://login.microsoftonline.us/", "/v2.0")],
    },
    Cloud {
        name: "china",
        keys: "https://login.partner.microsoftonline.cn/common/discovery/v2.0/keys",
        issuers: &[
            ("https://sts.chinacloudapi.cn/", "/"),
            ("https://login.partner.microsoftonline.cn/", "/v2.0"),
            ("https://login.chinacloudapi.cn/", "/v2.0"),
        ],
    },
];

/// The cloud in the settings; the default is the global one.
fn cloud(trust: &Trust<'_>) -> Result<&'static Cloud, VerifyError> {
    let name = trust.settings.get("cloud").unwrap_or("global");
    CLOUDS.iter().find(|cloud| cloud.name == name).ok_or(VerifyError::MissingSetting("cloud"))
}

/// The id of the application that must have requested Microsoft's tokens.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
const BATCH: BatchLayout = BatchLayout {
    field: None,
    items: &[&["/value"]],
    id: &[Place::Json("/id")],
    event_type: &[Place::Json("/changeType"), Place::Json("/lifecycleEvent")],
    identity: IdentityRule::ById,
};
const SUBSCRIPTION: &[Place] = &[Place::Json("/subscriptionId")];
const VALIDATION: Place = Place::Query("validationToken");
const SETTINGS: &[Setting] = &[
    Setting::optional("rich", "`true` if notifications contain resource data: their tokens must then be valid")
        .one_of(&["true", "false"], "is neither true nor false"),
    Setting::optional("app_ids", "the ids of your applications, which are the audience of those tokens"),
    Setting::optional("tenant_ids", "the expected tenants: notifications of others are rejected"),
    Setting::optional("cloud", "`global` (the default), `us_government` or `china`")
        .one_of(&["global", "us_government", "china"], "must be one of global, us_government, china"),
    Setting::optional("jwks", "Microsoft's keys; they are not fetched then"),
];

/// The maximum length of a validation token that is sent back, in bytes.
const MAX_ECHO_BYTES: usize = 2_048;

/// The limit of tokens that are checked in one request.
const MAX_TOKENS: usize = 16;

/// The allowed difference between a token's times and the clock, in seconds.
const LEEWAY_SECS: f64 = 300.0;

/// Microsoft Graph's change notifications: every item must carry your `clientState`, which is the secret. With the setting `rich`,
/// the tokens in `validationTokens` (RS256, with Microsoft's keys) must be valid as well, be for one of your `app_ids` and be issued
/// to Graph. Secret and tokens **cover nothing of the request**, and no time is checked. Resource data is encrypted, and the handler
/// must decrypt it. The validation token of an endpoint is sent back as text.
///
/// Source: <https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>
pub static MICROSOFT_GRAPH: Scheme = Scheme::new("microsoft_graph", DOCS)
    .code(&MicrosoftGraph)
    .settings(SETTINGS)
    .retries(Retries::documented(DOCS).span(Duration::from_secs(4 * 60 * 60)))
    .summary(
        Summary::new(
            "token in `/value/*/clientState`; also JWT RS256 if there is resource data",
            "nothing",
            "none",
            "each event's `/id`, **not covered**",
            "answered",
        )
        .identified_by("`/id` and `/subscriptionId`; nothing without an id"),
    );

#[derive(Debug)]
struct MicrosoftGraph;

#[derive(Deserialize)]
struct Tokens {
    #[serde(default, rename = "validationTokens")]
    tokens: Vec<String>,
}

fn tokens(received: &Received<'_>, trust: &Trust<'_>) -> Result<Vec<String>, VerifyError> {
    if trust.settings.get("rich") != Some("true") {
        return Ok(Vec::new());
    }
    let body: Tokens = serde_json::from_slice(received.body).map_err(|_| VerifyError::Malformed("body"))?;
    match body.tokens.len() {
        // Notifications about the subscription itself have no data and no tokens.
        0 if all_lifecycle(received)? => Ok(Vec::new()),
        0 => Err(VerifyError::Missing("token")),
        1..=MAX_TOKENS => Ok(body.tokens),
        _ => Err(VerifyError::Malformed("token")),
    }
}

impl Verify for MicrosoftGraph {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if let Some(text) = validation(received, trust)? {
            let mut reply = Reply::new(200);
            reply.headers.push(("content-type", "text/plain".to_owned()));
            reply.headers.push(("x-content-type-options", "nosniff".to_owned()));
            reply.body = text.into();
            return Ok(Checked::Handshake(reply));
        }
        check_state(received, trust)?;
        let tenants = tenants(received, trust)?;
        for text in tokens(received, trust)? {
            check_token(&Token::read(&text)?, trust, &tenants)?;
        }
        Ok(Checked::Event { signed_at: None })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let mut items = Vec::new();
        for range in ranges(received)? {
            let item = Received { body: received.body.get(range.clone()).unwrap_or_default(), ..*received };
            let name = |places, what| crate::provider::events::name(places, &item, trust, what);
            let (id, event_type) = (name(BATCH.id, "event id")?, name(BATCH.event_type, "event type")?);
            let of = name(SUBSCRIPTION, "event")?;
            // Without an id, a copy looks the same as the next change of the same resource.
            let identity = match (&id, of) {
                (Some(id), Some(of)) => Identity::This(format!("{of}\n{id}")),
                (Some(_), None) => Identity::Id,
                (None, _) => Identity::Nothing,
            };
            let event = EventRef { id, event_type, identity, ..EventRef::default() };
            items.push(Item::part(event, range));
        }
        Ok(Events::Batch(items))
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        if validation(received, trust)?.is_some() {
            return Ok(None);
        }
        check_state(received, trust)?;
        let tenants = tenants(received, trust)?;
        for text in tokens(received, trust)? {
            let token = Token::read(&text)?;
            token.check_alg(JwtAlgorithm::Rs256)?;
            if let Some(need) = need_key_set(trust, cloud(trust)?.keys, token.kid.as_deref()) {
                check_claims(&token.claims()?, trust, &tenants)?;
                return Ok(Some(need));
            }
        }
        Ok(None)
    }
}

fn validation(received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<String>, VerifyError> {
    let text = VALIDATION.read(received, trust, "handshake")?;
    match text {
        Some(text) if text.len() > MAX_ECHO_BYTES => Err(VerifyError::Malformed("handshake")),
        text => Ok(text.map(std::borrow::Cow::into_owned)),
    }
}

fn ranges(received: &Received<'_>) -> Result<Vec<Range<usize>>, VerifyError> {
    let items = items::items(received.body, BATCH.items, MAX_EVENTS).map_err(|error| error.error("body"))?;
    items.filter(|items| !items.is_empty()).ok_or(VerifyError::Missing("token"))
}

/// Checks that every item has the secret. The check stops at the first item without it, so a sender without the secret causes the
/// work of one item only.
fn check_state(received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
    for range in ranges(received)? {
        let item = received.body.get(range).unwrap_or_default();
        let state = json::text_at(item, "/clientState").map_err(|_| VerifyError::Malformed("token"))?;
        let state = state.ok_or(VerifyError::Missing("token"))?;
        let keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
            Kind::Hmac(key) => Some(key.bytes()),
            _ => None,
        });
        if !bool::from(keys.fold(Choice::from(0), |any, key| any | equal(key, state.as_bytes()))) {
            return Err(VerifyError::BadToken);
        }
    }
    Ok(())
}

/// The tenants in the items. If the setting `tenant_ids` is given, each of them must be in it.
fn tenants(received: &Received<'_>, trust: &Trust<'_>) -> Result<Vec<String>, VerifyError> {
    let expected = trust.settings.all("tenant_ids");
    let mut tenants = Vec::new();
    for range in ranges(received)? {
        let item = received.body.get(range).unwrap_or_default();
        let tenant = json::text_at(item, "/tenantId").map_err(|_| VerifyError::Malformed("tenant"))?;
        let is = |id: &String| tenant.as_ref().is_some_and(|tenant| tenant.eq_ignore_ascii_case(id));
        if !expected.is_empty() && !expected.iter().any(is) {
            return Err(VerifyError::UntrustedSender);
        }
        tenants.extend(tenant);
    }
    Ok(tenants)
}

fn all_lifecycle(received: &Received<'_>) -> Result<bool, VerifyError> {
    let is_notice = |range: Range<usize>| {
        let item = received.body.get(range).unwrap_or_default();
        matches!(json::text_at(item, "/lifecycleEvent"), Ok(Some(_)))
    };
    Ok(ranges(received)?.into_iter().all(is_notice))
}

fn check_token(token: &Token<'_>, trust: &Trust<'_>, tenants: &[String]) -> Result<(), VerifyError> {
    token.check_alg(JwtAlgorithm::Rs256)?;
    let set = key_set(trust, cloud(trust)?.keys).ok_or(VerifyError::UnknownKey)?;
    check_claims(&token.verify(JwtAlgorithm::Rs256, &find(set, token.kid.as_deref())?)?, trust, tenants)
}

/// Checks the issuer, the tenant, the audience, the publisher and the times of the token.
fn check_claims(claims: &Claims, trust: &Trust<'_>, tenants: &[String]) -> Result<(), VerifyError> {
    claims.check_times(trust.now, LEEWAY_SECS)?;
    let issuer = claims.iss.as_deref().unwrap_or_default();
    let mut of_cloud = cloud(trust)?.issuers.iter();
    let tenant = of_cloud.find_map(|(host, end)| issuer.strip_prefix(host)?.strip_suffix(end));
    let tenant = tenant.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
    let tenant = tenant.ok_or(VerifyError::WrongIssuer)?;
    // A token proves only notifications of its own tenant.
    if !tenants.is_empty() && !tenants.iter().any(|named| named.eq_ignore_ascii_case(tenant)) {
        return Err(VerifyError::WrongIssuer);
    }
    if !claims.is_for(trust.settings.all("app_ids").iter().map(String::as_str)) {
        return Err(VerifyError::WrongAudience);
    }
    let publisher = claims.appid.as_deref().or(claims.azp.as_deref());
    if publisher == Some(PUBLISHER) { Ok(()) } else { Err(VerifyError::UntrustedSender) }
}
