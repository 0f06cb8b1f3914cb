//! Plaid.

use std::time::Duration;

use super::key_set;
use crate::clock::Timestamp;
use crate::signature::compare::same;
use crate::signature::jwt::{self, Claims, JwtAlgorithm, Token};
use crate::signature::{
    About, Checked, EventRef, Events, Hash, Identity, KeyUse, Need, Place, Received, Retries, Setting, Tolerance,
    Trust, Verify, VerifyError,
};

pub(super) const DOCS: &str = "https://plaid.com/docs/api/webhooks/webhook-verification/";

const TOKEN: Place = Place::Header("plaid-verification");
const TYPE: &[Place] =
    &[Place::Join { separator: ".", places: &[Place::Json("/webhook_type"), Place::Json("/webhook_code")] }];
const SETTINGS: &[Setting] = &[
    Setting::optional("client_id", "your client id, to fetch Plaid's keys with"),
    Setting::optional("api_secret", "your API secret, to fetch Plaid's keys with"),
    Setting::optional("environment", "`production` (the default) or `sandbox`")
        .one_of(&["production", "sandbox"], "is neither production nor sandbox"),
    Setting::optional("jwks", "Plaid's keys, instead of fetching them"),
];

/// Longest id of a key.
const MAX_KID_BYTES: usize = 64;

/// Plaid: a token (ES256) in `Plaid-Verification`, by the key that Plaid's API gives for its id, with the SHA-256 of the body in
/// it: the body is covered to the last space. The time is signed. There is no id, and the bodies of two updates can be equal: a request is identified by its body and its time.
///
/// Keys are fetched with the settings `client_id` and `api_secret`.
///
/// Source: <https://plaid.com/docs/api/webhooks/webhook-verification/>
pub static PLAID: Plaid = Plaid;

/// The scheme of [`PLAID`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plaid;

impl Verify for Plaid {
    fn needs(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<Need>, VerifyError> {
        let text = TOKEN.read(received, trust, "token")?.ok_or(VerifyError::Missing("token"))?;
        let token = Token::read(&text)?;
        token.check_alg(JwtAlgorithm::Es256)?;
        let kid = kid(&token)?;
        let name = name(kid);
        if key_set(trust, &name).is_some() {
            return Ok(None);
        }
        // Whatever can be refused without the key is refused before it is fetched.
        check_claims(&token.claims()?, received, trust)?;
        let (id, secret) = (trust.settings.need("client_id")?, trust.settings.need("api_secret")?);
        let post = serde_json::json!({ "client_id": id, "secret": secret, "key_id": kid }).to_string();
        let host = if trust.settings.get("environment") == Some("sandbox") { "sandbox" } else { "production" };
        let url = format!("https://{host}.plaid.com/webhook_verification_key/get");
        Ok(Some(Need { name, url, post: Some(post.into()), fresh: false, last: true }))
    }

    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let text = TOKEN.read(received, trust, "token")?.ok_or(VerifyError::Missing("token"))?;
        let token = Token::read(&text)?;
        token.check_alg(JwtAlgorithm::Es256)?;
        let kid = kid(&token)?;
        let set = key_set(trust, &name(kid)).ok_or(VerifyError::UnknownKey)?;
        let claims = token.verify(JwtAlgorithm::Es256, &jwt::find(set, Some(kid))?)?;
        let signed_at = check_claims(&claims, received, trust)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let event_type = crate::signature::events::name(TYPE, received, trust, "event type")?;
        Ok(Events::One(EventRef { event_type, identity: Identity::Content, ..EventRef::default() }))
    }

    fn retries(&self) -> Retries {
        Retries::documented("https://support.plaid.com/hc/en-us/articles/40390675922967").span(Duration::from_hours(24))
    }

    fn about(&self) -> About {
        About::new("JWT ES256 in `plaid-verification`", "body", "signed, 300 s", "none", "")
            .identified_by("the signed body and time")
    }

    fn key_use(&self) -> KeyUse {
        KeyUse::None
    }

    fn settings(&self) -> &[Setting] {
        SETTINGS
    }
}

/// Whether the token is of this time and names the hash of this body; the time.
fn check_claims(claims: &Claims, received: &Received<'_>, trust: &Trust<'_>) -> Result<Timestamp, VerifyError> {
    let signed_at = claims.issued_at()?;
    trust.tolerance.unwrap_or(Tolerance::DEFAULT).check(signed_at, trust.now)?;
    let expected = claims.request_body_sha256.as_deref().ok_or(VerifyError::Malformed("token"))?;
    let is = hex::encode(Hash::Sha256.digest(received.body).as_bytes());
    if same(&is, expected) { Ok(signed_at) } else { Err(VerifyError::BodyMismatch) }
}

/// A stranger chooses it, and a request goes out for it.
fn kid<'t>(token: &'t Token<'_>) -> Result<&'t str, VerifyError> {
    let sound = |kid: &&str| {
        (1..=MAX_KID_BYTES).contains(&kid.len()) && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    token.kid.as_deref().filter(sound).ok_or(VerifyError::UnknownKey)
}

fn name(kid: &str) -> String {
    format!("plaid key {kid}")
}
