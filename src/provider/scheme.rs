//! A signature scheme as data.

use http::HeaderMap;

use super::events::{BatchLayout, IdentityRule};
use super::handshake::Handshake;
use super::retries::Retries;
use super::settings::Setting;
use super::summary::Summary;
use super::verify::Verify;
use crate::secret::{Foreign, Key, KeyError, Keyring, refuse_foreign, trimmed};
use crate::signature::template::url_setting;
use crate::signature::{
    Algorithm, Hash, Jwt, KeyText, Outgoing, Place, SignError, SignRequest, Signature, Signing, Token, Tolerance,
};

/// How a provider signs its requests, as data. To add a provider, write a file under `provider/known/` with its scheme, a line in
/// `provider/list.rs`, and its test vectors. An application describes a scheme of its own with a [`SchemeConfig`](super::SchemeConfig), or
/// checks its requests by [code](Self::code).
///
/// ```
/// use hookwire::provider::SchemeConfig;
///
/// let acme: SchemeConfig = toml::from_str(r#"
///     name = "acme"
///     docs = "https://acme.example/docs/webhooks"
///     signature = { algorithm = "hmac-sha256", encoding = "hex", headers = ["Acme-Signature"], prefix = "sha256=" }
/// "#)?;
/// assert!(acme.scheme()?.key("a long and random secret").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scheme {
    pub(super) name: &'static str,
    pub(super) docs: &'static str,
    pub(super) proof: Proof,
    pub(super) tolerance: Option<Tolerance>,
    pub(super) require: &'static [(&'static str, &'static str)],
    pub(super) settings: &'static [Setting],
    pub(super) id: &'static [Place],
    pub(super) id_authenticated: bool,
    pub(super) event_type: &'static [Place],
    pub(super) id_required: bool,
    pub(super) key_use: KeyUse,
    pub(super) identity: IdentityRule,
    pub(super) retries: Retries,
    pub(super) not_keys: &'static [Foreign],
    pub(super) max_body: Option<usize>,
    pub(super) batch: Option<BatchLayout>,
    pub(super) event_methods: &'static [&'static str],
    pub(super) handshakes: &'static [Handshake],
    pub(super) keep: &'static [&'static str],
    pub(super) response_rules: ResponseRules,
    pub(super) handshake_methods: &'static [&'static str],
    pub(super) covers_body: bool,
    pub(super) unproved: bool,
    pub(super) keep_prefix: &'static str,
    pub(super) read_key: Option<ReadKey>,
    pub(super) summary: Summary,
}

/// A function that reads the text of a secret as a key.
pub(super) type ReadKey = fn(&str) -> Result<Key, KeyError>;

/// Whether a scheme needs a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Nothing can be checked without a secret.
    Required,
    /// Some requests can be checked, or answered, without a secret.
    Optional,
    /// There is no secret: the keys are fetched, or the requests are not proved.
    None,
}

/// The proof of who made a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proof {
    /// A signature.
    Signature(Signature),
    /// A shared secret in the request. It covers nothing: anybody who sees one request can make others.
    Token(&'static [Token]),
    /// A JSON Web Token. It covers the values that its claims repeat.
    Jwt(Jwt),
    /// Code that checks the request.
    Code(&'static dyn Verify),
    /// No proof. The application must ask the provider to confirm each event.
    Nothing,
}

/// How a source responds, apart from the check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseRules {
    /// The response to an accepted event, instead of the handler's status and no body.
    pub(crate) accepted: Option<FixedResponse>,
    /// The response to a request that failed the check, instead of 401 and no body.
    pub(crate) rejected: Option<FixedResponse>,
    /// The status of the response to a copy of a request that is being handled, instead of 503. The provider must retry after this status.
    pub(crate) busy: Option<u16>,
    /// Whether the provider uses the body of the response, so that a duplicate must get the first response's body too.
    pub(crate) uses_answer: bool,
    /// The headers of the request (lower case) that the response to an accepted event repeats.
    pub(crate) echoes: &'static [&'static str],
}

/// A fixed response that a provider requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FixedResponse {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'static str,
}

impl Scheme {
    /// Creates a scheme without a proof, from its name (lower case) and the page that documents it.
    #[must_use]
    pub const fn new(name: &'static str, docs: &'static str) -> Self {
        Self {
            name,
            docs,
            proof: Proof::Nothing,
            tolerance: None,
            require: &[],
            settings: &[],
            id: &[],
            id_authenticated: false,
            event_type: &[],
            id_required: false,
            key_use: KeyUse::Required,
            identity: IdentityRule::ById,
            retries: Retries::UNKNOWN,
            not_keys: &[],
            max_body: None,
            batch: None,
            event_methods: &[],
            handshakes: &[],
            keep: &[],
            response_rules: ResponseRules {
                accepted: None,
                rejected: None,
                busy: None,
                uses_answer: false,
                echoes: &[],
            },
            handshake_methods: &[],
            covers_body: false,
            unproved: false,
            keep_prefix: "",
            read_key: None,
            summary: Summary::NONE,
        }
    }

    /// Returns the same scheme with another name and page.
    #[must_use]
    pub const fn renamed(self, name: &'static str, docs: &'static str) -> Self {
        Self { name, docs, ..self }
    }

    /// Sets the signature that proves a request.
    #[must_use]
    pub(crate) const fn signature(self, signature: Signature) -> Self {
        Self { proof: Proof::Signature(signature), ..self }
    }

    /// Sets the places of a shared secret that proves a request. The first place that contains a text is used.
    pub(crate) const fn token(self, places: &'static [Token]) -> Self {
        Self { proof: Proof::Token(places), ..self }
    }

    /// Sets the JSON Web Token that proves a request.
    pub(crate) const fn jwt(self, jwt: Jwt) -> Self {
        Self { proof: Proof::Jwt(jwt), ..self }
    }

    /// Sets the code that checks a request, reads its events, and names the documents that must be fetched first.
    #[must_use]
    pub const fn code(self, code: &'static dyn Verify) -> Self {
        Self { proof: Proof::Code(code), ..self }
    }

    /// Sets the methods of handshakes that code answers, besides POST and [the methods of events](Self::event_methods).
    #[must_use]
    pub const fn handshake_methods(self, methods: &'static [&'static str]) -> Self {
        Self { handshake_methods: methods, ..self }
    }

    /// Declares that the code checks the whole body, so that everything in the body is authentic.
    #[must_use]
    pub const fn covering_body(self) -> Self {
        Self { covers_body: true, ..self }
    }

    /// Sets the function that reads secrets. Without it, secrets are read as the signature defines, and the secrets of code are texts.
    #[must_use]
    pub const fn read_key_by(self, read: fn(&str) -> Result<Key, KeyError>) -> Self {
        Self { read_key: Some(read), ..self }
    }

    /// Declares that there is no secret: the keys are fetched, or the code needs none.
    #[must_use]
    pub const fn no_key(self) -> Self {
        Self { key_use: KeyUse::None, ..self }
    }

    /// Sets the row in the guide's table for a scheme that is code.
    pub(super) const fn summary(self, summary: Summary) -> Self {
        Self { summary, ..self }
    }

    /// Rejects requests without an id.
    #[must_use]
    pub const fn id_required(self) -> Self {
        Self { id_required: true, ..self }
    }

    /// Makes the secret optional: without it, only handshakes are answered.
    #[must_use]
    pub const fn optional_key(self) -> Self {
        Self { key_use: KeyUse::Optional, ..self }
    }

    /// Sets the longest body that the provider documents, in bytes.
    #[must_use]
    pub const fn max_body(self, bytes: usize) -> Self {
        Self { max_body: Some(bytes), ..self }
    }

    /// Sets prefixes of credentials that are often mistaken for the secret, such as API keys. Each has the text that follows "secret: is"
    /// in the error: the kind of the credential, and the credential to use instead.
    #[must_use]
    pub const fn not_keys(self, foreign: &'static [(&'static str, &'static str)]) -> Self {
        Self { not_keys: foreign, ..self }
    }

    /// Sets how far the signed time may be from the time of receipt. Default: the tolerance that the provider's retries require.
    #[must_use]
    pub const fn tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance: Some(tolerance), ..self }
    }

    /// Returns the tolerance of the scheme, or the tolerance that [its retries](Retries::tolerance) require.
    pub(super) const fn window(&self) -> Tolerance {
        match self.tolerance {
            Some(tolerance) => tolerance,
            None => self.retries.tolerance(),
        }
    }

    /// Sets headers (lower case) that must have these values.
    #[must_use]
    pub const fn require(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { require: headers, ..self }
    }

    /// Sets the settings that the scheme has besides the key.
    #[must_use]
    pub const fn settings(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }

    /// Sets the places of the event's id, **outside** of the signed text. The first place that contains an id is used.
    #[must_use]
    pub(crate) const fn unsigned_id(self, places: &'static [Place]) -> Self {
        Self { id: places, id_authenticated: false, ..self }
    }

    /// Sets the places of the event's id, inside the signed text. The first place that contains an id is used.
    #[must_use]
    pub(crate) const fn signed_id(self, places: &'static [Place]) -> Self {
        Self { id: places, id_authenticated: true, ..self }
    }

    /// Sets the places of the event's type. The first place that contains a type is used.
    #[must_use]
    pub(crate) const fn event_type(self, places: &'static [Place]) -> Self {
        Self { event_type: places, ..self }
    }

    /// Declares that the signature covers the ids of the events in a batch.
    pub(crate) const fn signed_ids(self) -> Self {
        Self { id_authenticated: true, ..self }
    }

    /// Sets the identity of an event, if it is not the id.
    pub(crate) const fn identified_by(self, identity: IdentityRule) -> Self {
        Self { identity, ..self }
    }

    /// Sets how the provider repeats a request that was not acknowledged.
    pub(crate) const fn retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// Sets the methods of events besides POST and PUT.
    #[must_use]
    pub const fn event_methods(self, methods: &'static [&'static str]) -> Self {
        Self { event_methods: methods, ..self }
    }

    /// Sets how to find the events of a request that contains many. A request without such an array is one event, which is read from the
    /// places of the scheme.
    pub(crate) const fn batch(self, batch: BatchLayout) -> Self {
        Self { batch: Some(batch), ..self }
    }

    /// Sets the requests that contain no event.
    pub(crate) const fn handshakes(self, handshakes: &'static [Handshake]) -> Self {
        Self { handshakes, ..self }
    }

    /// Sets the headers (lower case) that a verified event keeps, signed or not.
    #[must_use]
    pub const fn keep(self, headers: &'static [&'static str]) -> Self {
        Self { keep: headers, ..self }
    }

    /// Sets the headers that a verified event keeps: all with this prefix, and these.
    pub(super) const fn keep_prefixed(self, prefix: &'static str, headers: &'static [&'static str]) -> Self {
        Self { keep_prefix: prefix, keep: headers, ..self }
    }

    /// Sets the status and the exact body of the response to an accepted event.
    #[must_use]
    pub const fn accepted_response(self, status: u16, body: &'static str) -> Self {
        Self {
            response_rules: ResponseRules { accepted: Some(FixedResponse { status, body }), ..self.response_rules },
            ..self
        }
    }

    /// Sets the headers of the request (lower case) that the response to an accepted event repeats.
    #[must_use]
    pub const fn echoes(self, headers: &'static [&'static str]) -> Self {
        Self { response_rules: ResponseRules { echoes: headers, ..self.response_rules }, ..self }
    }

    /// Sets the response to a request that failed the check.
    #[must_use]
    pub const fn rejected_response(self, status: u16, body: &'static str) -> Self {
        Self {
            response_rules: ResponseRules { rejected: Some(FixedResponse { status, body }), ..self.response_rules },
            ..self
        }
    }

    /// Sets the status of the response to a copy of a request that is being handled. Default: 503, after which nearly every provider
    /// retries.
    #[must_use]
    pub const fn busy_status(self, status: u16) -> Self {
        Self { response_rules: ResponseRules { busy: Some(status), ..self.response_rules }, ..self }
    }

    /// Declares that the provider uses the body of the response, so that a duplicate gets the first response's body too.
    #[must_use]
    pub const fn uses_answer(self) -> Self {
        Self { response_rules: ResponseRules { uses_answer: true, ..self.response_rules }, ..self }
    }

    /// Returns the provider's name, in lower case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the URL of the provider's documentation.
    #[must_use]
    pub const fn docs(&self) -> &'static str {
        self.docs
    }

    /// Returns the signature, if a signature proves the requests.
    #[must_use]
    pub const fn signed_by(&self) -> Option<&Signature> {
        match &self.proof {
            Proof::Signature(signature) => Some(signature),
            _ => None,
        }
    }

    /// Reads a secret as this provider shows it.
    ///
    /// # Errors
    /// Returns a [`KeyError`] if the secret is malformed, empty or a placeholder.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        let secret = trimmed(secret);
        refuse_foreign(secret, self.not_keys)?;
        match (&self.proof, self.read_key) {
            (_, Some(read)) => read(secret),
            (Proof::Signature(signature), None) => signature.read_key(secret),
            (Proof::Jwt(jwt), None) => jwt.key.read(secret),
            (Proof::Token(_) | Proof::Code(_) | Proof::Nothing, None) => KeyText::Text.read(secret),
        }
    }

    /// Adds the headers of the scheme's signature; see [`Signature::sign`].
    ///
    /// # Errors
    /// Returns [`SignError::Scheme`] if the scheme has no signature, and otherwise what [`Signature::sign`] returns.
    pub fn sign(&self, signing: &Signing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        match &self.proof {
            Proof::Signature(signature) => signature.sign(signing, keys, headers),
            Proof::Token(_) | Proof::Jwt(_) | Proof::Code(_) | Proof::Nothing => Err(SignError::Scheme),
        }
    }

    /// Returns the setting that contains the signed URL.
    pub(super) fn url_setting(&self) -> Option<&'static str> {
        match &self.proof {
            Proof::Signature(signature) => signature.url_setting(),
            Proof::Jwt(jwt) => jwt.claims.iter().find_map(|claim| url_setting(claim.is)),
            Proof::Token(_) | Proof::Code(_) | Proof::Nothing => None,
        }
    }

    /// Returns the hash of the MACs, including those of handshakes.
    pub(super) const fn hash(&self) -> Hash {
        match &self.proof {
            Proof::Signature(Signature { algorithm: Algorithm::Hmac(hash) | Algorithm::Digest(hash), .. }) => *hash,
            _ => Hash::Sha256,
        }
    }
}

impl SignRequest for Scheme {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        self.sign(&Signing { id: request.id, timestamp: request.timestamp, body: request.body }, keys, headers)
    }
}
