//! A signature scheme as data.

use super::error::VerifyError;
use super::events::{Batch, Identified};
use super::handshake::Handshake;
use super::hash::Hash;
use super::jwt::Jwt;
use super::place::Place;
use super::recipe::{Algorithm, KeyText, Signature};
use super::retries::Retries;
use super::template::url_setting;
use super::trust::Setting;
use super::{KeyUse, Tolerance};
use crate::secret::{Foreign, Key, KeyError, refuse_foreign, trimmed};

/// How a provider signs its requests: everything the engine has to know, and no code.
///
/// Adding a provider is one file under `signature/providers/` with one of these, and its vectors. An application
/// describes its own in the same way:
///
/// ```
/// use hookwire::signature::{Encoding, Hash, Part, Place, Scheme, Signature, Stamp};
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
    pub(super) identity: Identified,
    pub(super) retries: Retries,
    pub(super) not_keys: &'static [Foreign],
    pub(super) max_body: Option<usize>,
    pub(super) batch: Option<Batch>,
    pub(super) event_methods: &'static [&'static str],
    pub(super) handshakes: &'static [Handshake],
    pub(super) keep: &'static [&'static str],
    pub(super) conduct: Conduct,
}

/// How a request shows who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// By a signature.
    Signature(Signature),
    /// By a shared secret that it carries. Nothing of the request is covered: whoever sees one can make others.
    Token(&'static [Token]),
    /// By a JSON Web Token. It covers what its claims repeat.
    Jwt(Jwt),
    /// Not at all. Its events are claims, to be confirmed by asking the provider.
    Nothing,
}

/// Where a shared secret stands in a request. The first place that has something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where.
    pub at: Place,
    /// What stands before it: `Bearer `.
    pub prefix: &'static str,
    /// Whether it is base64 of the secret (HTTP Basic) instead of the secret itself.
    pub base64: bool,
    /// How it may stand there instead.
    pub or: Option<&'static Self>,
}

impl Token {
    /// The secret itself.
    #[must_use]
    pub const fn plain(at: Place) -> Self {
        Self { at, prefix: "", base64: false, or: None }
    }

    /// In `Authorization`, as a bearer token (RFC 6750).
    #[must_use]
    pub const fn bearer() -> Self {
        Self { prefix: "Bearer ", ..Self::plain(Place::Header("authorization")) }
    }

    /// In `Authorization`, as HTTP Basic credentials (RFC 7617); the secret is `user:password`.
    #[must_use]
    pub const fn basic() -> Self {
        Self { prefix: "Basic ", base64: true, ..Self::plain(Place::Header("authorization")) }
    }

    /// In `Authorization`, as a bearer token or alone.
    #[must_use]
    pub const fn bearer_or_plain() -> Self {
        const PLAIN: Token = Token::plain(Place::Header("authorization"));
        Self { or: Some(&PLAIN), ..Self::bearer() }
    }

    /// The rest of what is found there, behind the prefix.
    pub(super) fn strip<'t>(&self, text: &'t str) -> Result<&'t str, VerifyError> {
        match (behind(text, self.prefix), self.or) {
            (Some(rest), _) => Ok(rest),
            (None, Some(other)) => other.strip(text),
            (None, None) => Err(VerifyError::Malformed("token")),
        }
    }

    /// In `Authorization`, as either.
    #[must_use]
    pub const fn bearer_or_basic() -> Self {
        const BASIC: Token = Token::basic();
        Self { or: Some(&BASIC), ..Self::bearer() }
    }
}

/// The names of authentication schemes are of either case (RFC 9110 section 11.1).
pub(super) fn behind<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// How the source behaves beside its check: which methods it is asked by, and what its answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// What is answered where an event was accepted, instead of the handler's own status and no body.
    pub accepted: Option<Fixed>,
    /// What is answered where the check failed, instead of 401 and no body.
    pub refused: Option<Fixed>,
    /// The status of the answer to a copy that arrives while the first is being handled, instead of 503: one that this provider
    /// retries.
    pub busy: Option<u16>,
    /// Whether the provider uses the body of the answer, so that a duplicate must get the first answer's body too.
    pub uses_answer: bool,
    /// The headers of the request (lower case) that the answer to an accepted event repeats.
    pub echoes: &'static [&'static str],
}

/// An answer that a provider insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'static str,
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
            identity: Identified::ById,
            retries: Retries::UNKNOWN,
            not_keys: &[],
            max_body: None,
            batch: None,
            event_methods: &[],
            handshakes: &[],
            keep: &[],
            conduct: Conduct { accepted: None, refused: None, busy: None, uses_answer: false, echoes: &[] },
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
    #[must_use]
    pub const fn token(self, places: &'static [Token]) -> Self {
        Self { proof: Proof::Token(places), ..self }
    }

    /// Proved by a JSON Web Token.
    #[must_use]
    pub const fn jwt(self, jwt: Jwt) -> Self {
        Self { proof: Proof::Jwt(jwt), ..self }
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

    /// How far the signed time may be from the time of receipt. Without this: what [`retries`](Self::retries) asks for.
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
    #[must_use]
    pub const fn signed_ids(self) -> Self {
        Self { id_authenticated: true, ..self }
    }

    /// What identifies an event, where that is not its id.
    #[must_use]
    pub const fn identified_by(self, identity: Identified) -> Self {
        Self { identity, ..self }
    }

    /// How the provider repeats a request that was not acknowledged.
    #[must_use]
    pub const fn retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// The methods, beside POST and PUT, by which events come.
    #[must_use]
    pub const fn event_methods(self, methods: &'static [&'static str]) -> Self {
        Self { event_methods: methods, ..self }
    }

    /// A request holds many events. Where it has no such array, it is one event, by the places of the scheme.
    #[must_use]
    pub const fn batch(self, batch: Batch) -> Self {
        Self { batch: Some(batch), ..self }
    }

    /// Requests that are no events.
    #[must_use]
    pub const fn handshakes(self, handshakes: &'static [Handshake]) -> Self {
        Self { handshakes, ..self }
    }

    /// Which headers (lower case) stay with a verified event, signed or not.
    #[must_use]
    pub const fn keep(self, headers: &'static [&'static str]) -> Self {
        Self { keep: headers, ..self }
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

    /// How a request shows who made it.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Reads a secret as this provider shows it.
    ///
    /// # Errors
    /// When it is malformed, empty or a placeholder.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        let secret = trimmed(secret);
        refuse_foreign(secret, self.not_keys)?;
        match &self.proof {
            Proof::Signature(signature) => signature.key.read(secret),
            Proof::Jwt(jwt) => jwt.key.read(secret),
            Proof::Token(_) | Proof::Nothing => KeyText::Text.read(secret),
        }
    }

    /// The setting that a signed URL is made of.
    pub(super) fn url_setting(&self) -> Option<&'static str> {
        match &self.proof {
            Proof::Signature(signature) => signature.url_setting(),
            Proof::Jwt(jwt) => jwt.claims.iter().find_map(|claim| url_setting(claim.is)),
            Proof::Token(_) | Proof::Nothing => None,
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
