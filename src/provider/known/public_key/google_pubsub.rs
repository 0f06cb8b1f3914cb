//! Google Cloud Pub/Sub, push.

use std::borrow::Cow;
use std::time::Duration;

use super::{key_set, need_key_set};
use crate::provider::{
    Checked, EventRef, Events, Fact, FetchRequest, Identity, Retries, Scheme, Setting, Summary, Verify,
};
use crate::signature::jwt::JwtAlgorithm;
use crate::signature::jwt::web_token::{Claims, Token};
use crate::signature::key_set::find;
use crate::signature::{Place, Received, Trust, VerifyError};

const DOCS: &str = "https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions";

const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
const SUBSCRIPTION: &[Place] = &[Place::Json("/subscription"), Place::Header("x-goog-pubsub-subscription-name")];
const ID: &[Place] = &[Place::Json("/message/messageId"), Place::Header("x-goog-pubsub-message-id")];
const SETTINGS: &[Setting] = &[
    Setting::required("audience", "the audience of the subscription: by default the URL of the endpoint"),
    Setting::required("service_account_email", "the service account of the push subscription"),
    Setting::optional("subscription", "`projects/…/subscriptions/…`: requests without this subscription are rejected"),
    Setting::optional("jwks", "Google's keys; they are not fetched then"),
];

/// The leeway of Google's own library, in seconds.
const LEEWAY_SECS: f64 = 300.0;

/// Google Cloud Pub/Sub push with authentication: a token (RS256) in `Authorization: Bearer`, signed with one of Google's keys. The
/// token must be for your `audience` and must be issued to your `service_account_email`; without the second check, every Google
/// identity would be accepted. **The body is not covered**: anybody who has a token can send any body with it until it expires.
///
/// Source: <https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions>
pub static GOOGLE_PUBSUB: Scheme = Scheme::new("google_pubsub", DOCS)
    .code(&GooglePubsub)
    .settings(SETTINGS)
    .no_key()
    .max_body(16 << 20)
    .retries(
        Retries::documented("https://cloud.google.com/pubsub/docs/push")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(168 * 60 * 60)),
    )
    .summary(
        Summary::new(
            "JWT RS256 in `authorization`",
            "nothing",
            "the token's own",
            "`/message/messageId` or `x-goog-pubsub-message-id`, **not covered**",
            "",
        )
        .identified_by("the id and the subscription"),
    );

#[derive(Debug)]
struct GooglePubsub;

fn token<'a>(received: &Received<'a>) -> Result<&'a str, VerifyError> {
    let mut lines = received.headers.get_all(http::header::AUTHORIZATION).iter();
    let line = lines.next().ok_or(VerifyError::Missing("token"))?;
    let text = line.to_str().map_err(|_| VerifyError::Malformed("token"))?;
    let text = text.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    let (_, token) = text.filter(|_| lines.next().is_none()).ok_or(VerifyError::Malformed("token"))?;
    Ok(token)
}

impl Verify for GooglePubsub {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let token = Token::read(token(received)?)?;
        token.check_alg(JwtAlgorithm::Rs256)?;
        let set = key_set(trust, KEYS).ok_or(VerifyError::UnknownKey)?;
        let claims = token.verify(JwtAlgorithm::Rs256, &find(set, token.kid.as_deref())?)?;
        check_claims(&claims, trust)?;
        match trust.settings.get("subscription") {
            Some(wanted) if subscription(received, trust)?.as_deref() != Some(wanted) => {
                Err(VerifyError::UntrustedSender)
            }
            _ => Ok(Checked::Event { signed_at: None }),
        }
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let id = crate::provider::events::name(ID, received, trust, "event id")?;
        // An id is unique within its topic, and a subscription belongs to one topic.
        let of = crate::provider::events::name(SUBSCRIPTION, received, trust, "event")?;
        let identity = id.as_ref().zip(of).map_or(Identity::Id, |(id, of)| Identity::This(format!("{of}\n{id}")));
        Ok(Events::One(EventRef { id, identity, ..EventRef::default() }))
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        let token = Token::read(token(received)?)?;
        token.check_alg(JwtAlgorithm::Rs256)?;
        let need = need_key_set(trust, KEYS, token.kid.as_deref());
        if need.is_some() {
            // Every check that needs no key comes before a key is fetched.
            check_claims(&token.claims()?, trust)?;
        }
        Ok(need)
    }
}

/// Checks the issuer, the audience, the account and the times of the token.
fn check_claims(claims: &Claims, trust: &Trust<'_>) -> Result<(), VerifyError> {
    claims.check_times(trust.now, LEEWAY_SECS)?;
    if !claims.iss.as_deref().is_some_and(|issuer| ISSUERS.contains(&issuer)) {
        return Err(VerifyError::WrongIssuer);
    }
    if !claims.is_for(std::iter::once(trust.settings.need("audience")?)) {
        return Err(VerifyError::WrongAudience);
    }
    let account = trust.settings.need("service_account_email")?;
    if claims.email.as_deref() == Some(account) && claims.email_verified == Some(true) {
        Ok(())
    } else {
        Err(VerifyError::UntrustedSender)
    }
}

/// The subscription that the request names: in its body or, if the payload is not wrapped, in a header.
fn subscription<'a>(received: &Received<'a>, trust: &Trust<'a>) -> Result<Option<Cow<'a, str>>, VerifyError> {
    let read = |place: Place| place.read(received, trust, "subscription");
    Ok(read(Place::Json("/subscription"))?.or(read(Place::Header("x-goog-pubsub-subscription-name"))?))
}
