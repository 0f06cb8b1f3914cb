//! Checks and reads the requests of a scheme.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use subtle::Choice;

use super::events::Events;
use super::fetch_request::FetchRequest;
use super::handshake::Handshake;
use super::items;
use super::scheme::{KeyUse, Proof, ResponseRules, Scheme};
use super::settings::{Setting, SettingKind};
use super::verify::Checked;
use crate::clock::Timestamp;
use crate::secret::Kind;
use crate::signature::compare::equal;
use crate::signature::jwt::web_token::Token as WebToken;
use crate::signature::key_set::find;
use crate::signature::token::behind;
use crate::signature::url::UrlQuery;
use crate::signature::{Jwt, Part, Received, Signature, Token, Trust, VerifyError};

impl Scheme {
    /// Checks a request.
    ///
    /// # Errors
    /// Returns the [`VerifyError`] of the check that failed. Only the operator sees it; the sender gets 401 without a body.
    pub fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if let Proof::Code(code) = &self.proof {
            return code.verify(received, trust);
        }
        if let Some(reply) = self.handshake(false, received, trust)? {
            return Ok(Checked::Handshake(reply));
        }
        for (name, value) in self.require {
            let presented = received.headers.get(*name).ok_or(VerifyError::Missing("required header"))?;
            if presented.as_bytes() != value.as_bytes() {
                return Err(VerifyError::UnsupportedAlgorithm);
            }
        }
        let signed_at = match &self.proof {
            Proof::Signature(signature) => self.check_signature(signature, received, trust)?,
            Proof::Token(places) => check_token(places, received, trust).map(|()| None)?,
            Proof::Jwt(jwt) => jwt.check(self.window(), received, trust)?,
            Proof::Code(_) | Proof::Nothing => None,
        };
        let reply = self.handshake(true, received, trust)?;
        Ok(reply.map_or(Checked::Event { signed_at }, Checked::Handshake))
    }

    /// Reads id and type of the events of a request that was checked.
    ///
    /// # Errors
    /// Returns [`VerifyError::Malformed`] if they are ambiguous, or absent where the scheme needs an id, and
    /// [`VerifyError::TooManyEvents`] if there are more than [`MAX_EVENTS`](super::MAX_EVENTS).
    pub fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        match &self.proof {
            Proof::Code(code) => code.events(received, trust),
            _ => self.events_by_data(received, trust),
        }
    }

    /// Returns the next document that must be fetched to check this request. Returns `None` when [`Trust::documents`] contains all of them.
    ///
    /// # Errors
    /// Returns a [`VerifyError`] if the request can be rejected before anything is fetched.
    pub fn fetch_request(
        &self,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<FetchRequest>, VerifyError> {
        match &self.proof {
            Proof::Code(code) => code.fetch_request(received, trust),
            Proof::Signature(signature) => Ok(key_set_of(signature, trust)),
            Proof::Jwt(jwt) => key_set_of_token(jwt, received, trust),
            Proof::Token(_) | Proof::Nothing => Ok(None),
        }
    }

    pub(crate) fn key_use(&self) -> KeyUse {
        match &self.proof {
            Proof::Nothing => KeyUse::None,
            Proof::Signature(Signature { key_set: Some(_), .. }) | Proof::Jwt(Jwt { key_set: Some(_), .. }) => {
                KeyUse::None
            }
            _ => self.key_use,
        }
    }

    /// The settings of the scheme.
    #[must_use]
    pub const fn known_settings(&self) -> &'static [Setting] {
        self.settings
    }

    /// The methods of handshakes and events besides POST.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &'static str> {
        let handshakes = self.handshakes.iter().filter_map(Handshake::method);
        handshakes.chain(self.handshake_methods.iter().copied()).chain(self.event_methods.iter().copied())
    }

    /// Returns whether the provider sends events with this method: POST, PUT, and the methods that the provider documents. Other methods
    /// are for handshakes only, so a caller of [`verify`](Self::verify) must reject an event with such a method.
    ///
    /// ```
    /// use hookwire::provider::STRIPE;
    /// use http::Method;
    ///
    /// assert!(STRIPE.sends_events_by(&Method::POST) && !STRIPE.sends_events_by(&Method::GET));
    /// ```
    #[must_use]
    pub fn sends_events_by(&self, method: &Method) -> bool {
        let listed = || self.event_methods.iter().any(|name| *name == method.as_str());
        method == Method::POST || method == Method::PUT || listed()
    }

    /// Returns whether this header (lower case) belongs to the event, such as `ce-id` of CloudEvents.
    ///
    /// ```
    /// use hookwire::provider::{CLOUDEVENTS, STRIPE};
    ///
    /// assert!(CLOUDEVENTS.keeps("ce-id") && !STRIPE.keeps("ce-id"));
    /// ```
    #[must_use]
    pub fn keeps(&self, header: &str) -> bool {
        let by_prefix = !self.keep_prefix.is_empty() && header.starts_with(self.keep_prefix);
        by_prefix || self.keep.contains(&header)
    }

    /// Returns the longest body that the provider documents, in bytes. Returns `None` if it documents none.
    ///
    /// ```
    /// use hookwire::provider::GITHUB;
    ///
    /// assert_eq!(GITHUB.longest_body(), Some(25 << 20));
    /// ```
    #[must_use]
    pub const fn longest_body(&self) -> Option<usize> {
        self.max_body
    }

    pub(crate) const fn response_rules(&self) -> ResponseRules {
        self.response_rules
    }

    /// Returns whether a retry of the provider keeps the event's identity. `None` if it is not documented.
    ///
    /// ```
    /// use hookwire::provider::STRIPE;
    ///
    /// // A retry has the id of the first attempt, and a new time and signature.
    /// assert_eq!((STRIPE.retry_keeps_id(), STRIPE.retry_is_signed_anew()), (Some(true), Some(true)));
    /// ```
    #[must_use]
    pub const fn retry_keeps_id(&self) -> Option<bool> {
        self.retries.keeps_id()
    }

    /// Returns whether a retry of the provider has a new time and signature. `None` if it is not documented.
    #[must_use]
    pub const fn retry_is_signed_anew(&self) -> Option<bool> {
        self.retries.is_signed_anew()
    }

    /// Returns how long after the first attempt the provider's last retry may come. `None` if it is not documented.
    #[must_use]
    pub const fn retries_last(&self) -> Option<Duration> {
        self.retries.lasts()
    }

    /// Returns the URL of the page that documents the provider's retries. The text is empty if there is no such page.
    #[must_use]
    pub const fn retry_docs(&self) -> &'static str {
        self.retries.source()
    }

    /// Returns whether the facts about retries were compared with [their page](Self::retry_docs).
    #[must_use]
    pub const fn are_retries_checked(&self) -> bool {
        self.retries.is_checked()
    }

    /// Returns whether the proof covers the whole body, so that everything in the body is authentic.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        match &self.proof {
            Proof::Signature(signature) => signature.signed.iter().any(Part::is_body),
            Proof::Jwt(jwt) => jwt.covers_body(),
            Proof::Code(_) => self.covers_body,
            Proof::Token(_) | Proof::Nothing => false,
        }
    }

    /// Returns whether a verified request is proved to come from the provider. If not, a source must be set to [accept unproved
    /// requests](crate::receiver::Source::dangerous_accept_unproved).
    #[must_use]
    pub const fn proves_origin(&self) -> bool {
        !self.unproved && !matches!(self.proof, Proof::Nothing)
    }

    /// Returns whether a secret is required for every check.
    #[must_use]
    pub fn requires_key(&self) -> bool {
        self.key_use() == KeyUse::Required
    }

    /// Returns the status of the response to a request that failed the check, if it is not 401.
    #[must_use]
    pub fn rejection_status(&self) -> Option<u16> {
        self.response_rules.rejected.map(|response| response.status)
    }

    /// Returns whether the provider uses the body of the response, so that a duplicate gets the first response's body.
    #[must_use]
    pub const fn repeats_responses(&self) -> bool {
        self.response_rules.uses_answer
    }
}

impl Scheme {
    fn check_signature(
        &self,
        signature: &Signature,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Timestamp>, VerifyError> {
        let signature = signature.selected(received);
        let signed_at = signature.matches(received, trust, self.url_query(signature))?;
        // The same key may have signed a challenge, which is never a JSON object.
        if self.signs_challenges() && !signature.excludes_challenges() && !items::is_object(received.body) {
            return Err(VerifyError::Malformed("body"));
        }
        if let Some(signed_at) = signed_at {
            trust.tolerance.unwrap_or(self.window()).check(signed_at, trust.now)?;
        }
        Ok(signed_at)
    }

    /// How the query of the signed URL relates to the query of the request.
    fn url_query(&self, signature: &Signature) -> UrlQuery {
        let setting = signature.url_setting();
        let known = self.settings.iter().find(|known| Some(known.name) == setting);
        match known.map(|known| known.kind) {
            Some(SettingKind::RegisteredUrl) => UrlQuery::AsRegistered,
            _ => UrlQuery::AsReceived,
        }
    }
}

/// The key set of a signature, if it was not fetched yet.
fn key_set_of(signature: &Signature, trust: &Trust<'_>) -> Option<FetchRequest> {
    let url = signature.key_set.filter(|_| trust.settings.get("jwks").is_none())?;
    trust.documents.get(url).is_none().then(|| FetchRequest::at(url))
}

/// The key set of a token, if it was not fetched yet or lacks the key that the token names.
fn key_set_of_token(
    jwt: &Jwt,
    received: &Received<'_>,
    trust: &Trust<'_>,
) -> Result<Option<FetchRequest>, VerifyError> {
    let Some(url) = jwt.key_set.filter(|_| trust.settings.get("jwks").is_none()) else { return Ok(None) };
    let text = jwt.text(received, trust)?;
    let token = WebToken::read(&text)?;
    token.algorithm(jwt.algorithms)?;
    let Some(set) = trust.documents.get(url) else { return Ok(Some(FetchRequest::at(url))) };
    let unknown = token.kid.as_deref().is_some_and(|kid| find(set, Some(kid)).is_err());
    Ok(unknown.then(|| FetchRequest::at(url).refetch()))
}

fn check_token(places: &[Token], received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
    for place in places {
        let Some(presented) = place.at.read(received, trust, "token")? else { continue };
        let place = place.or.filter(|other| behind(&presented, other.prefix).is_some()).unwrap_or(place);
        let text = behind(&presented, place.prefix).ok_or(VerifyError::Malformed("token"))?;
        let token = if place.base64 {
            BASE64.decode(text).map_err(|_| VerifyError::Malformed("token"))?
        } else {
            text.as_bytes().to_vec()
        };
        let keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
            Kind::Hmac(key) => Some(key.bytes()),
            _ => None,
        });
        let good = keys.fold(Choice::from(0), |good, key| good | equal(key, &token));
        return if good.into() { Ok(()) } else { Err(VerifyError::BadToken) };
    }
    Err(VerifyError::Missing("token"))
}
