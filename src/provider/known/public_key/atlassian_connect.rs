//! Atlassian Connect.

use std::time::Duration;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document;
use crate::percent;
use crate::provider::{Checked, EventRef, Events, Fact, FetchRequest, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{Key, Kind};
use crate::signature::compare::same;
use crate::signature::jwt::JwtAlgorithm;
use crate::signature::jwt::web_token::{Claims, Token};
use crate::signature::{Hash, Place, Received, Trust, VerifyError};

const DOCS: &str = "https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/";

const ID: &[Place] = &[Place::Header("x-atlassian-webhook-identifier")];
const TYPE: &[Place] = &[Place::Json("/webhookEvent"), Place::Json("/eventType")];
const SETTINGS: &[Setting] = &[
    Setting::required("base_url", "the base URL in the descriptor of your app").url(),
    Setting::optional("client_key", "the client key of the tenant that the shared secret belongs to"),
    Setting::optional("audience", "the audience of lifecycle callbacks, if it is not the base URL"),
    Setting::optional("lifecycle_keys", "Atlassian's public keys by id; they are not fetched then"),
];

/// The allowed difference between a token's times and the clock, in seconds.
const LEEWAY_SECS: f64 = 30.0;

/// Atlassian Connect: a token in `Authorization: JWT …` or `?jwt=`, which contains a hash of method, path and query. **The body is
/// not covered.** A source with a secret (a tenant's shared secret) accepts only HS256. A source without a secret accepts the
/// lifecycle callbacks (`installed`, `uninstalled`) and only RS256, with the public key that Atlassian publishes under the token's
/// key id. The data that `installed` hands over is in the body of the verified event.
///
/// Source: <https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/>
pub static ATLASSIAN_CONNECT: Scheme = Scheme::new("atlassian_connect", DOCS)
    .code(&AtlassianConnect)
    .settings(SETTINGS)
    .optional_key()
    .retries(
        Retries::documented("https://developer.atlassian.com/cloud/jira/platform/webhooks/")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(30 * 60)),
    )
    .summary(
        Summary::new(
            "JWT HS256, or RS256 for lifecycle, in `authorization` or `?jwt`",
            "method, path, query",
            "the token's own",
            "`x-atlassian-webhook-identifier`, **not covered**",
            "",
        )
        .identified_by("the id; nothing without one"),
    );

#[derive(Debug)]
struct AtlassianConnect;

impl Verify for AtlassianConnect {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let text = text(received, trust)?;
        let token = Token::read(&text)?;
        let claims = if is_lifecycle(trust) { lifecycle(&token, trust)? } else { tenant(&token, trust)? };
        check_request(&claims, received, trust)?;
        Ok(Checked::Event { signed_at: None })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let event_type = crate::provider::events::name(TYPE, received, trust, "event type")?;
        let id = crate::provider::events::name(ID, received, trust, "event id")?;
        Ok(Events::One(EventRef { id, event_type, ..EventRef::default() }))
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        if !is_lifecycle(trust) || trust.settings.get("lifecycle_keys").is_some() {
            return Ok(None);
        }
        let text = text(received, trust)?;
        let token = Token::read(&text)?;
        token.check_alg(JwtAlgorithm::Rs256)?;
        let url = key_url(kid(&token)?);
        if trust.documents.get(&url).is_some() {
            return Ok(None);
        }
        // Every check that needs no key comes before the key is fetched.
        let claims = token.claims()?;
        check_audience(&claims, trust)?;
        check_request(&claims, received, trust)?;
        Ok(Some(FetchRequest::at(url)))
    }
}

/// The configuration of the source decides this, never the token.
fn is_lifecycle(trust: &Trust<'_>) -> bool {
    trust.keys.entries().is_empty()
}

fn text(received: &Received<'_>, trust: &Trust<'_>) -> Result<String, VerifyError> {
    if let Some(text) = Place::Header("authorization").read(received, trust, "token")? {
        let token = text.split_at_checked(4).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("JWT "));
        return token.map(|(_, token)| token.to_owned()).ok_or(VerifyError::Malformed("token"));
    }
    let text = Place::Query("jwt").read(received, trust, "token")?;
    text.map(std::borrow::Cow::into_owned).ok_or(VerifyError::Missing("token"))
}

fn tenant(token: &Token<'_>, trust: &Trust<'_>) -> Result<Claims, VerifyError> {
    let mut verdict = Err(VerifyError::NoKey);
    for key in trust.keys.live(trust.now) {
        if !matches!(key.kind(), Kind::Hmac(_)) {
            continue;
        }
        verdict = token.verify(JwtAlgorithm::Hs256, key);
        if verdict.is_ok() {
            break;
        }
    }
    let claims = verdict?;
    match trust.settings.get("client_key") {
        Some(key) if claims.iss.as_deref() != Some(key) => Err(VerifyError::WrongIssuer),
        _ => Ok(claims),
    }
}

fn lifecycle(token: &Token<'_>, trust: &Trust<'_>) -> Result<Claims, VerifyError> {
    token.check_alg(JwtAlgorithm::Rs256)?;
    let kid = kid(token)?;
    let name = if trust.settings.get("lifecycle_keys").is_some() { kid.to_owned() } else { key_url(kid) };
    let pem = document(trust, "lifecycle_keys", &name).ok_or(VerifyError::UnknownKey)?;
    let key = std::str::from_utf8(&pem).ok().and_then(|pem| Key::rsa(pem).ok()).ok_or(VerifyError::UntrustedKey)?;
    let claims = token.verify(JwtAlgorithm::Rs256, &key)?;
    check_audience(&claims, trust)?;
    Ok(claims)
}

fn check_audience(claims: &Claims, trust: &Trust<'_>) -> Result<(), VerifyError> {
    let audience = trust.settings.get("audience").map_or_else(|| trust.settings.need("base_url"), Ok)?;
    if claims.is_for(std::iter::once(audience)) { Ok(()) } else { Err(VerifyError::WrongAudience) }
}

/// Whether the token is valid now and was made for this method, path and query.
fn check_request(claims: &Claims, received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
    claims.check_times(trust.now, LEEWAY_SECS)?;
    let is = hash(received, trust.settings.need("base_url")?);
    if same(&is, claims.qsh.as_deref().unwrap_or_default()) { Ok(()) } else { Err(VerifyError::BodyMismatch) }
}

/// The key id. The sender chooses it before anything is verified, and it becomes a part of the URL to fetch, so its characters are
/// checked.
fn kid<'t>(token: &'t Token<'_>) -> Result<&'t str, VerifyError> {
    let sound = |kid: &&str| {
        (1..=64).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    token.kid.as_deref().filter(sound).ok_or(VerifyError::UnknownKey)
}

fn key_url(kid: &str) -> String {
    format!("https://connect-install-keys.atlassian.com/{kid}")
}

/// The query string hash: SHA-256 of `METHOD&path&query`, each in its canonical spelling.
fn hash(received: &Received<'_>, base_url: &str) -> String {
    let path = received.uri.path();
    // The base path must end at the end of a path segment; a proxy may have removed it from the request.
    let base = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let base = base.find('/').and_then(|at| base.get(at..)).unwrap_or_default().trim_end_matches('/');
    let below = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = below.unwrap_or(path).trim_end_matches('/').replace('&', "%26");
    let path = if path.is_empty() { "/" } else { &path };
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in percent::pairs(received.uri.query().unwrap_or_default().as_bytes()) {
        if name != "jwt" {
            parameters.entry(escaped(&name)).or_default().push(escaped(&value));
        }
    }
    let mut query = Vec::with_capacity(parameters.len());
    for (name, mut values) in parameters {
        values.sort_unstable();
        query.push(format!("{name}={}", values.join(",")));
    }
    let canonical = format!("{}&{path}&{}", received.method.as_str().to_ascii_uppercase(), query.join("&"));
    hex::encode(Hash::Sha256.digest(canonical.as_bytes()).as_bytes())
}

/// RFC 3986: escapes every byte except letters, digits and `-._~`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _infallible = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
