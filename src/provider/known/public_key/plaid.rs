//! Plaid.

use std::time::Duration;

use super::key_set;
use crate::clock::Timestamp;
use crate::provider::{Checked, EventRef, Events, FetchRequest, Identity, Retries, Scheme, Setting, Summary, Verify};
use crate::signature::compare::same;
use crate::signature::jwt::JwtAlgorithm;
use crate::signature::jwt::web_token::{Claims, Token};
use crate::signature::key_set::find;
use crate::signature::{Hash, Place, Received, Tolerance, Trust, VerifyError};

const DOCS: &str = "https://plaid.com/docs/api/webhooks/webhook-verification/";

const TOKEN: Place = Place::Header("plaid-verification");
const TYPE: &[Place] =
    &[Place::Join { separator: ".", places: &[Place::Json("/webhook_type"), Place::Json("/webhook_code")] }];
const SETTINGS: &[Setting] = &[
    Setting::optional("client_id", "your client id, for fetching Plaid's keys"),
    Setting::optional("api_secret", "your API secret, for fetching Plaid's keys"),
    Setting::optional("environment", "`production` (the default) or `sandbox`")
        .one_of(&["production", "sandbox"], "is neither production nor sandbox"),
    Setting::optional("jwks", "Plaid's keys; they are not fetched then"),
];

/// The maximum length of a key id, in bytes.
const MAX_KID_BYTES: usize = 64;

/// Plaid: a token (ES256) in `Plaid-Verification`, signed with the key that Plaid's API returns for the token's key id. The token has
/// the SHA-256 of the body, so every byte of the body is covered. The time is signed. There is no id, and the bodies of two updates
/// can be equal, so a request is identified by its body and its time.
///
/// The receiver fetches the keys with the settings `client_id` and `api_secret`.
///
/// Source: <https://plaid.com/docs/api/webhooks/webhook-verification/>
pub static PLAID: Scheme = Scheme::new("plaid", DOCS)
    .code(&Plaid)
    .settings(SETTINGS)
    .no_key()
    .retries(
        Retries::documented("https://support.plaid.com/hc/en-us/articles/40390675922967")
            .span(Duration::from_secs(24 * 60 * 60)),
    )
    .summary(
        Summary::new("JWT ES256 in `plaid-verification`", "body", "signed, 300 s", "none", "")
            .identified_by("the signed body and time"),
    );

#[derive(Debug)]
struct Plaid;

impl Verify for Plaid {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let text = TOKEN.read(received, trust, "token")?.ok_or(VerifyError::Missing("token"))?;
        let token = Token::read(&text)?;
        token.check_alg(JwtAlgorithm::Es256)?;
        let kid = kid(&token)?;
        let set = key_set(trust, &name(kid)).ok_or(VerifyError::UnknownKey)?;
        let claims = token.verify(JwtAlgorithm::Es256, &find(set, Some(kid))?)?;
        let signed_at = check_claims(&claims, received, trust)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let event_type = crate::provider::events::name(TYPE, received, trust, "event type")?;
        Ok(Events::One(EventRef { event_type, identity: Identity::Content, ..EventRef::default() }))
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        let text = TOKEN.read(received, trust, "token")?.ok_or(VerifyError::Missing("token"))?;
        let token = Token::read(&text)?;
        token.check_alg(JwtAlgorithm::Es256)?;
        let kid = kid(&token)?;
        let name = name(kid);
        if key_set(trust, &name).is_some() {
            return Ok(None);
        }
        // Every check that needs no key comes before the key is fetched.
        check_claims(&token.claims()?, received, trust)?;
        let (id, secret) = (trust.settings.need("client_id")?, trust.settings.need("api_secret")?);
        let post = serde_json::json!({ "client_id": id, "secret": secret, "key_id": kid }).to_string();
        let host = if trust.settings.get("environment") == Some("sandbox") { "sandbox" } else { "production" };
        let url = format!("https://{host}.plaid.com/webhook_verification_key/get");
        Ok(Some(FetchRequest::post(name, url, post).last()))
    }
}

/// Checks the time of the token and its hash of the body. Returns the time.
fn check_claims(claims: &Claims, received: &Received<'_>, trust: &Trust<'_>) -> Result<Timestamp, VerifyError> {
    let signed_at = claims.issued_at()?;
    trust.tolerance.unwrap_or(Tolerance::DEFAULT).check(signed_at, trust.now)?;
    let expected = claims.request_body_sha256.as_deref().ok_or(VerifyError::Malformed("token"))?;
    let is = hex::encode(Hash::Sha256.digest(received.body).as_bytes());
    if same(&is, expected) { Ok(signed_at) } else { Err(VerifyError::BodyMismatch) }
}

/// The key id. The sender chooses it before anything is verified, and a request is made for it, so its characters are checked.
fn kid<'t>(token: &'t Token<'_>) -> Result<&'t str, VerifyError> {
    let sound = |kid: &&str| {
        (1..=MAX_KID_BYTES).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    token.kid.as_deref().filter(sound).ok_or(VerifyError::UnknownKey)
}

fn name(kid: &str) -> String {
    format!("plaid key {kid}")
}
