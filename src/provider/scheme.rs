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

/// How a provider signs its requests: everything the engine has to know, and no code.
///
/// Adding a provider is one file under `provider/known/` with one of these, a line in `provider/list.rs`, and its vectors. An application
/// describes its own by a [`SchemeConfig`](super::SchemeConfig), or, if it is a signature and nothing else, in this way:
///
/// ```
/// use hookwire::provider::Scheme;
/// use hookwire::signature::{Encoding, Hash, Part, Place, Signature, Stamp};
///
/// static ACME: Scheme = Scheme::new("acme", "https://acme.example/docs/webhooks")
///     .signature(
///         Signature::hmac(Hash::Sha256, Encoding::Hex, &["acme-signature"])
///             .prefix("sha256=")
///             .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
///             .stamp(Stamp::header("acme-time")),
///     )
///     .signed_id(&[Place::Json("/id")])
///     .event_type(&[Place::Json("/type")]);
/// assert!(ACME.key("a long and random secret").is_ok());
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
    pub(super) conduct: Conduct,
    pub(super) handshake_methods: &'static [&'static str],
    pub(super) covers_body: bool,
    pub(super) unproved: bool,
    pub(super) keep_prefix: &'static str,
    pub(super) read_key: Option<ReadKey>,
    pub(super) summary: Summary,
}

/// Reads a secret's text as a key.
pub(super) type ReadKey = fn(&str) -> Result<Key, KeyError>;

/// Whether a scheme checks by a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Nothing can be checked without one.
    Required,
    /// Something can be checked, or answered, without one.
    Optional,
    /// The keys are fetched, or nothing is proved: there is no secret.
    None,
}

/// How a request shows who made it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proof {
    /// By a signature.
    Signature(Signature),
    /// By a shared secret that it carries. Nothing of the request is covered: whoever sees one can make others.
    Token(&'static [Token]),
    /// By a JSON Web Token. It covers what its claims repeat.
    Jwt(Jwt),
    /// By what this code checks.
    Code(&'static dyn Verify),
    /// Not at all. Its events are claims, to be confirmed by asking the provider.
    Nothing,
}

/// How the source behaves beside its check: which methods it is asked by, and what its answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conduct {
    /// What is answered where an event was accepted, instead of the handler's own status and no body.
    pub(crate) accepted: Option<Fixed>,
    /// What is answered where the check failed, instead of 401 and no body.
    pub(crate) refused: Option<Fixed>,
    /// The status of the answer to a copy that arrives while the first is being handled, instead of 503: one that this provider
    /// retries.
    pub(crate) busy: Option<u16>,
    /// Whether the provider uses the body of the answer, so that a duplicate must get the first answer's body too.
    pub(crate) uses_answer: bool,
    /// The headers of the request (lower case) that the answer to an accepted event repeats.
    pub(crate) echoes: &'static [&'static str],
}

/// An answer that a provider insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'static str,
}

impl Scheme {
    /// A scheme that proves nothing yet, by its name (lower case) and the page that documents it.
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
            conduct: Conduct { accepted: None, refused: None, busy: None, uses_answer: false, echoes: &[] },
            handshake_methods: &[],
            covers_body: false,
            unproved: false,
            keep_prefix: "",
            read_key: None,
            summary: Summary::NONE,
        }
    }

    /// The same scheme under another name and page.
    #[must_use]
    pub const fn renamed(self, name: &'static str, docs: &'static str) -> Self {
        Self { name, docs, ..self }
    }

    /// Proved by a signature.
    #[must_use]
    pub const fn signature(self, signature: Signature) -> Self {
        Self { proof: Proof::Signature(signature), ..self }
    }

    /// Proved by a shared secret that stands in the first of these places that has something.
    pub(crate) const fn token(self, places: &'static [Token]) -> Self {
        Self { proof: Proof::Token(places), ..self }
    }

    /// Proved by a JSON Web Token.
    pub(crate) const fn jwt(self, jwt: Jwt) -> Self {
        Self { proof: Proof::Jwt(jwt), ..self }
    }

    /// Checked by code, which reads the events as well, and names the documents that must be fetched first.
    #[must_use]
    pub const fn code(self, code: &'static dyn Verify) -> Self {
        Self { proof: Proof::Code(code), ..self }
    }

    /// The methods, beside POST and [those of events](Self::event_methods), of handshakes that code answers.
    #[must_use]
    pub const fn handshake_methods(self, methods: &'static [&'static str]) -> Self {
        Self { handshake_methods: methods, ..self }
    }

    /// The code checks the whole body: what the body says of itself is authentic.
    #[must_use]
    pub const fn covering_body(self) -> Self {
        Self { covers_body: true, ..self }
    }

    /// Secrets are read by this function. Without it, they are read as the signature has them; those of code are texts.
    #[must_use]
    pub const fn read_key_by(self, read: fn(&str) -> Result<Key, KeyError>) -> Self {
        Self { read_key: Some(read), ..self }
    }

    /// There is no secret: the keys are fetched, or the code needs none.
    #[must_use]
    pub const fn no_key(self) -> Self {
        Self { key_use: KeyUse::None, ..self }
    }

    /// What the guide's table says of a scheme that is code.
    pub(super) const fn summary(self, summary: Summary) -> Self {
        Self { summary, ..self }
    }

    /// Without an id it is no event.
    #[must_use]
    pub const fn id_required(self) -> Self {
        Self { id_required: true, ..self }
    }

    /// Of some use without a secret: handshakes are answered, and nothing else is accepted.
    #[must_use]
    pub const fn optional_key(self) -> Self {
        Self { key_use: KeyUse::Optional, ..self }
    }

    /// The longest body that the provider says it sends, in bytes.
    #[must_use]
    pub const fn max_body(self, bytes: usize) -> Self {
        Self { max_body: Some(bytes), ..self }
    }

    /// How credentials begin that are not this secret, and what they are and what is wanted instead, to stand behind "secret:
    /// is": an API key in the place of a signing secret.
    #[must_use]
    pub const fn not_keys(self, foreign: &'static [(&'static str, &'static str)]) -> Self {
        Self { not_keys: foreign, ..self }
    }

    /// How far the signed time may be from the time of receipt. Without this: what the retries of the provider ask for.
    #[must_use]
    pub const fn tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance: Some(tolerance), ..self }
    }

    /// The tolerance that counts: the scheme's own, or the one that [its retries](Retries::tolerance) ask for.
    pub(super) const fn window(&self) -> Tolerance {
        match self.tolerance {
            Some(tolerance) => tolerance,
            None => self.retries.tolerance(),
        }
    }

    /// Headers (lower case) that must have these values.
    #[must_use]
    pub const fn require(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { require: headers, ..self }
    }

    /// What it wants to know beside the key.
    #[must_use]
    pub const fn settings(self, settings: &'static [Setting]) -> Self {
        Self { settings, ..self }
    }

    /// Where the event's id stands, **outside** of what is signed; the first place that has one counts.
    #[must_use]
    pub const fn unsigned_id(self, places: &'static [Place]) -> Self {
        Self { id: places, id_authenticated: false, ..self }
    }

    /// Where the event's id stands, covered by the signature; the first place that has one counts.
    #[must_use]
    pub const fn signed_id(self, places: &'static [Place]) -> Self {
        Self { id: places, id_authenticated: true, ..self }
    }

    /// Where the event's type stands; the first place that has one counts.
    #[must_use]
    pub const fn event_type(self, places: &'static [Place]) -> Self {
        Self { event_type: places, ..self }
    }

    /// The signature covers the ids of a batch's events.
    pub(crate) const fn signed_ids(self) -> Self {
        Self { id_authenticated: true, ..self }
    }

    /// What identifies an event, where that is not its id.
    pub(crate) const fn identified_by(self, identity: IdentityRule) -> Self {
        Self { identity, ..self }
    }

    /// How the provider repeats a request that was not acknowledged.
    pub(crate) const fn retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// The methods, beside POST and PUT, by which events come.
    #[must_use]
    pub const fn event_methods(self, methods: &'static [&'static str]) -> Self {
        Self { event_methods: methods, ..self }
    }

    /// A request holds many events. Where it has no such array, it is one event, by the places of the scheme.
    pub(crate) const fn batch(self, batch: BatchLayout) -> Self {
        Self { batch: Some(batch), ..self }
    }

    /// Requests that are no events.
    pub(crate) const fn handshakes(self, handshakes: &'static [Handshake]) -> Self {
        Self { handshakes, ..self }
    }

    /// Which headers (lower case) stay with a verified event, signed or not.
    #[must_use]
    pub const fn keep(self, headers: &'static [&'static str]) -> Self {
        Self { keep: headers, ..self }
    }

    /// The headers that stay with a verified event: those with this prefix, and these.
    pub(super) const fn keep_prefixed(self, prefix: &'static str, headers: &'static [&'static str]) -> Self {
        Self { keep_prefix: prefix, keep: headers, ..self }
    }

    /// What is answered where an event was accepted, with this exact body.
    #[must_use]
    pub const fn accepted_by(self, status: u16, body: &'static str) -> Self {
        Self { conduct: Conduct { accepted: Some(Fixed { status, body }), ..self.conduct }, ..self }
    }

    /// Which headers of the request (lower case) the answer to an accepted event repeats.
    #[must_use]
    pub const fn echoes(self, headers: &'static [&'static str]) -> Self {
        Self { conduct: Conduct { echoes: headers, ..self.conduct }, ..self }
    }

    /// What is answered where the check failed.
    #[must_use]
    pub const fn refused_by(self, status: u16, body: &'static str) -> Self {
        Self { conduct: Conduct { refused: Some(Fixed { status, body }), ..self.conduct }, ..self }
    }

    /// The status of the answer to a copy that arrives while the first is being handled. Without this 503, which nearly every
    /// provider retries.
    #[must_use]
    pub const fn busy_by(self, status: u16) -> Self {
        Self { conduct: Conduct { busy: Some(status), ..self.conduct }, ..self }
    }

    /// The provider uses the body of the answer: a duplicate gets the first answer's body, too.
    #[must_use]
    pub const fn uses_answer(self) -> Self {
        Self { conduct: Conduct { uses_answer: true, ..self.conduct }, ..self }
    }

    /// The provider's name, in lower case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where the provider documents it.
    #[must_use]
    pub const fn docs(&self) -> &'static str {
        self.docs
    }

    /// The signature, if a signature is what proves the requests.
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
    /// When it is malformed, empty or a placeholder.
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

    /// The setting that a signed URL is made of.
    pub(super) fn url_setting(&self) -> Option<&'static str> {
        match &self.proof {
            Proof::Signature(signature) => signature.url_setting(),
            Proof::Jwt(jwt) => jwt.claims.iter().find_map(|claim| url_setting(claim.is)),
            Proof::Token(_) | Proof::Code(_) | Proof::Nothing => None,
        }
    }

    /// The hash of its MACs, handshakes included.
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
