//! A signature scheme as data.

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::encoding::Encoding;
use super::events::{Batch, Known};
use super::handshake::Handshake;
use super::place::Place;
use super::trust::Setting;
use super::{KeyUse, Tolerance};
use crate::secret::{HmacKey, Key, KeyError, Mac, Tag};

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
    pub(super) tolerance: Tolerance,
    pub(super) require: &'static [(&'static str, &'static str)],
    pub(super) settings: &'static [Setting],
    pub(super) id: &'static [Place],
    pub(super) id_authenticated: bool,
    pub(super) event_type: &'static [Place],
    pub(super) id_required: bool,
    pub(super) key_use: KeyUse,
    pub(super) known_by: Known,
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

    /// In `Authorization`, as either.
    #[must_use]
    pub const fn bearer_or_basic() -> Self {
        const BASIC: Token = Token::basic();
        Self { or: Some(&BASIC), ..Self::bearer() }
    }
}

/// A signature: what is signed, how, and where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub(super) algorithm: Algorithm,
    pub(super) key: KeyText,
    pub(super) at: SignatureAt,
    pub(super) grammar: Grammar,
    pub(super) encoding: Encoding,
    pub(super) signed: &'static [Part],
    pub(super) stamp: Stamp,
    pub(super) id_header: Option<&'static str>,
    pub(super) otherwise: Option<&'static Self>,
    pub(super) any_length: bool,
}

/// By what a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC; and Ed25519 under [`Grammar::Versioned`], if the key is such.
    Hmac(Hash),
    /// HMAC with the hash that the signature's own prefix names (`sha256=`), out of these (WebSub).
    HmacNamed(&'static [Hash]),
    /// The hash of a text with the secret in it ([`Part::Secret`]), which is weaker than an HMAC (HubSpot v1 and v2).
    Digest(Hash),
    /// Ed25519, by a public key.
    Ed25519,
    /// ECDSA with P-256 and SHA-256, the signature in ASN.1 DER, by a public key (feature `public-key`).
    EcdsaP256,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1, for providers that have not moved on.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn mac(self, key: &HmacKey) -> Mac {
        match self {
            Self::Sha1 => key.sha1(),
            Self::Sha256 => key.sha256(),
            Self::Sha384 => key.sha384(),
            Self::Sha512 => key.sha512(),
        }
    }

    pub(super) fn digest(self, text: &[u8]) -> Tag {
        match self {
            Self::Sha1 => Tag::of(&Sha1::digest(text)),
            Self::Sha256 => Tag::of(&Sha256::digest(text)),
            Self::Sha384 => Tag::of(&Sha384::digest(text)),
            Self::Sha512 => Tag::of(&Sha512::digest(text)),
        }
    }
}

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyText {
    /// Standard Webhooks: `whsec_`, `whsk_`, `whpk_` and base64.
    Standard,
    /// The same behind a prefix of the provider's (Supabase: `v1,whsec_`).
    StandardBehind(&'static str),
    /// The same where it begins with `whsec_`; the text itself otherwise (OpenAI).
    StandardOrText,
    /// The text itself, as UTF-8.
    Text,
    /// Base64 of the key.
    Base64,
    /// Hexadecimal digits of the key.
    Hex,
    /// An Ed25519 public key in hexadecimal digits.
    Ed25519Hex,
    /// A P-256 public key: base64 of its `SubjectPublicKeyInfo` in DER.
    P256Spki,
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureAt {
    /// In one of these headers, named in lower case; several where a provider has renamed it, of which one may be present.
    Header(&'static [&'static str]),
    /// In any of these headers, 16 at most, of which several may be present; one good signature is enough (Box,
    /// `DocuSign`).
    Headers(&'static [&'static str]),
    /// Elsewhere, alone: in any of these places, of which several may be taken.
    Places(&'static [Place]),
}

/// How a signature stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grammar {
    /// Alone, behind a literal prefix that may be empty.
    Plain {
        /// The prefix.
        prefix: &'static str,
        /// Whether it may be absent.
        optional: bool,
    },
    /// Among `name=value` fields; other names are skipped (Stripe).
    Fields {
        /// What stands between fields.
        separator: u8,
        /// The names of a signature; each may stand several times.
        signatures: &'static [&'static str],
    },
    /// A list of `version,signature` separated by spaces: `v1` by HMAC, `v1a` by Ed25519 (Standard Webhooks).
    Versioned,
}

/// A piece of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The event id of [`Signature::id_header`], as received.
    Id,
    /// The same, and refused unless it is 1 to 128 of `A-Z a-z 0-9 _ -`: joined to its neighbours by a dot, such an id
    /// cannot be cut elsewhere (R-09).
    PlainId,
    /// The time of [`Signature::stamp`], as received.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// Itself.
    Text(&'static str),
    /// The secret, for [`Algorithm::Digest`].
    Secret,
    /// The request's method, in upper case.
    Method,
    /// What stands somewhere in the request, or in the settings.
    At(Place),
    /// The URL as the provider has it: the setting of this name, which has scheme and host, followed by the request's own
    /// path and query where the setting ends with its host.
    Url(&'static str),
    /// The same, with these percent-escapes (of upper-case digits) decoded and no others.
    UrlDecoded(&'static str, &'static [(&'static str, &'static str)]),
    /// The fields of a form-encoded body, sorted by name, each name followed by its values.
    SortedForm,
}

/// Where the signed time stands, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub(super) at: StampAt,
    pub(super) unit: Unit,
}

/// Where the signed time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StampAt {
    Nowhere,
    Header(&'static str),
    Field(&'static str),
    Place(Place),
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Whole seconds since the Unix epoch.
    Seconds,
    /// Whole milliseconds since the Unix epoch.
    Millis,
    /// RFC 3339.
    Rfc3339,
    /// An HTTP date (RFC 9110 section 5.6.7).
    HttpDate,
}

impl Stamp {
    /// Nowhere: the scheme has no replay protection of its own.
    pub const NONE: Self = Self { at: StampAt::Nowhere, unit: Unit::Seconds };

    /// In a header, in seconds.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self { at: StampAt::Header(name), unit: Unit::Seconds }
    }

    /// In a field of the signature header ([`Grammar::Fields`]), in seconds.
    #[must_use]
    pub const fn field(name: &'static str) -> Self {
        Self { at: StampAt::Field(name), unit: Unit::Seconds }
    }

    /// In a place of the body, in seconds.
    #[must_use]
    pub const fn at(place: Place) -> Self {
        Self { at: StampAt::Place(place), unit: Unit::Seconds }
    }

    /// In another unit.
    #[must_use]
    pub const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}

/// How the source behaves beside its check: which methods it is asked by, and what its answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// What is answered where an event was accepted, instead of the handler's own status and no body.
    pub accepted: Option<Fixed>,
    /// What is answered where the check failed, instead of 401 and no body.
    pub refused: Option<Fixed>,
}

/// An answer that a provider insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'static str,
}

impl Signature {
    /// An HMAC of the body, by a key that is the secret's text, alone in one of these headers (lower case; several where
    /// the provider has renamed it).
    #[must_use]
    pub const fn hmac(hash: Hash, encoding: Encoding, headers: &'static [&'static str]) -> Self {
        Self {
            algorithm: Algorithm::Hmac(hash),
            key: KeyText::Text,
            at: SignatureAt::Header(headers),
            grammar: Grammar::Plain { prefix: "", optional: false },
            encoding,
            signed: &[Part::Body],
            stamp: Stamp::NONE,
            id_header: None,
            otherwise: None,
            any_length: false,
        }
    }

    /// Made in another way.
    #[must_use]
    pub const fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// What is signed, in order.
    #[must_use]
    pub const fn parts(&self) -> &'static [Part] {
        self.signed
    }

    /// By what it is made.
    #[must_use]
    pub const fn made_by(&self) -> Algorithm {
        self.algorithm
    }

    /// By a key that is written in another way.
    #[must_use]
    pub const fn key(self, key: KeyText) -> Self {
        Self { key, ..self }
    }

    /// Standing elsewhere.
    #[must_use]
    pub const fn at(self, at: SignatureAt) -> Self {
        Self { at, ..self }
    }

    /// Behind a prefix: `sha256=`.
    #[must_use]
    pub const fn prefix(self, prefix: &'static str) -> Self {
        Self { grammar: Grammar::Plain { prefix, optional: false }, ..self }
    }

    /// Among other things.
    #[must_use]
    pub const fn grammar(self, grammar: Grammar) -> Self {
        Self { grammar, ..self }
    }

    /// In fields of these names, between commas.
    #[must_use]
    pub const fn fields(self, signatures: &'static [&'static str]) -> Self {
        Self { grammar: Grammar::Fields { separator: b',', signatures }, ..self }
    }

    /// Over these pieces, in order, instead of the body alone.
    #[must_use]
    pub const fn signed(self, signed: &'static [Part]) -> Self {
        Self { signed, ..self }
    }

    /// With a time.
    #[must_use]
    pub const fn stamp(self, stamp: Stamp) -> Self {
        Self { stamp, ..self }
    }

    /// A signature of another length than the algorithm's is called wrong, as the provider's own library does, and not
    /// malformed. Neither is accepted.
    #[must_use]
    pub const fn any_length(self) -> Self {
        Self { any_length: true, ..self }
    }

    /// Where none of this signature's headers is present, that one counts (Svix under a brand of its own). A mixture of both
    /// never does.
    #[must_use]
    pub const fn otherwise(self, other: &'static Self) -> Self {
        Self { otherwise: Some(other), ..self }
    }

    /// The header that [`Part::Id`] stands for.
    #[must_use]
    pub const fn id_header(self, name: &'static str) -> Self {
        Self { id_header: Some(name), ..self }
    }
}

impl Scheme {
    /// A scheme that proves nothing yet, by its name (lower case) and the page that documents it.
    #[must_use]
    pub const fn new(name: &'static str, docs: &'static str) -> Self {
        Self {
            name,
            docs,
            proof: Proof::Nothing,
            tolerance: Tolerance::DEFAULT,
            require: &[],
            settings: &[],
            id: &[],
            id_authenticated: false,
            event_type: &[],
            id_required: false,
            key_use: KeyUse::Required,
            known_by: Known::Authentic,
            batch: None,
            event_methods: &[],
            handshakes: &[],
            keep: &[],
            conduct: Conduct { accepted: None, refused: None },
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

    /// How far the signed time may be off, where the provider says something else than five minutes.
    #[must_use]
    pub const fn tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
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

    /// What a repetition is known by, where that is not the id: something that the signature covers.
    #[must_use]
    pub const fn known_by(self, place: Place) -> Self {
        Self { known_by: Known::By(place), ..self }
    }

    /// A repetition is known by the unsigned id and the body together: different events may have equal bodies.
    #[must_use]
    pub const fn known_by_id_and_body(self) -> Self {
        Self { known_by: Known::IdAndBody, ..self }
    }

    /// The same request may come again and mean something new, so nothing is taken for a repetition.
    #[must_use]
    pub const fn never_known(self) -> Self {
        Self { known_by: Known::Nothing, ..self }
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

    /// What is answered where the check failed.
    #[must_use]
    pub const fn refused_by(self, status: u16, body: &'static str) -> Self {
        Self { conduct: Conduct { refused: Some(Fixed { status, body }), ..self.conduct }, ..self }
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
        let text = match &self.proof {
            Proof::Signature(signature) => signature.key,
            Proof::Token(_) | Proof::Nothing => KeyText::Text,
        };
        match text {
            KeyText::Standard => Key::parse(secret),
            KeyText::StandardBehind(prefix) => Key::parse(secret.strip_prefix(prefix).unwrap_or(secret)),
            KeyText::StandardOrText if secret.starts_with("whsec_") => Key::parse(secret),
            KeyText::StandardOrText => Key::text(secret),
            KeyText::Text => Key::text(secret),
            KeyText::Base64 => Key::base64(secret),
            KeyText::Hex => Key::hex(secret),
            KeyText::Ed25519Hex => Key::ed25519_hex(secret),
            KeyText::P256Spki => Key::p256_spki(secret),
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
