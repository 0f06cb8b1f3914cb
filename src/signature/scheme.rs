//! A signature scheme as data.

use crate::secret::{Key, KeyError};

/// How a provider signs its requests: everything the engine has to know, and no code.
///
/// Adding a provider is one file under `signature/providers/` with one of these, and its vectors. An application
/// describes its own in the same way:
///
/// ```
/// use hookwire::signature::{Encoding, Grammar, Hash, KeyText, Part, Place, Scheme, Stamp};
///
/// static ACME: Scheme = Scheme {
///     name: "acme",
///     docs: "https://acme.example/docs/webhooks",
///     key: KeyText::Text,
///     hash: Hash::Sha256,
///     headers: &["acme-signature"],
///     grammar: Grammar::Plain { prefix: "sha256=" },
///     encoding: Encoding::Hex,
///     signed: &[Part::Timestamp, Part::Text("."), Part::Body],
///     stamp: Stamp::Header("acme-time"),
///     id_header: None,
///     id: &[Place::Json("/id")],
///     id_authenticated: true,
///     event_type: &[Place::Json("/type")],
///     handshake: None,
/// };
/// assert!(ACME.key("a long and random secret").is_ok());
/// ```
#[derive(Debug)]
pub struct Scheme {
    /// The provider's name, in lower case.
    pub name: &'static str,
    /// Where the provider documents it.
    pub docs: &'static str,
    /// How the secret's text becomes a key.
    pub key: KeyText,
    /// The MAC's hash, for symmetric keys.
    pub hash: Hash,
    /// The header that holds the signature, in lower case; several where a provider has renamed it, of which one may be present.
    pub headers: &'static [&'static str],
    /// How the signature stands in its header.
    pub grammar: Grammar,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// What is signed, in order.
    pub signed: &'static [Part],
    /// Where the signed time stands.
    pub stamp: Stamp,
    /// The header that [`Part::Id`] stands for.
    pub id_header: Option<&'static str>,
    /// Where the event's id stands; the first place that has one counts.
    pub id: &'static [Place],
    /// Whether the signature covers the id.
    pub id_authenticated: bool,
    /// Where the event's type stands.
    pub event_type: &'static [Place],
    /// The question that is not an event.
    pub handshake: Option<Handshake>,
}

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyText {
    /// Standard Webhooks: `whsec_`, `whsk_`, `whpk_` and base64.
    Standard,
    /// The text itself, as UTF-8.
    Text,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1, for providers that have not moved on.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How a signature stands in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grammar {
    /// Alone, behind a literal prefix that may be empty.
    Plain {
        /// The prefix.
        prefix: &'static str,
    },
    /// Among `name=value` fields separated by commas; other names are skipped (Stripe).
    Fields {
        /// The name of a signature; may stand several times.
        signature: &'static str,
    },
    /// A list of `version,signature` separated by spaces: `v1` by HMAC, `v1a` by Ed25519 (Standard Webhooks).
    Versioned,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64, standard alphabet, padded, canonical (RFC 4648 section 4).
    Base64,
    /// Base64, URL-safe alphabet, unpadded (RFC 4648 section 5).
    Base64Url,
}

/// A piece of what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The event id of [`Scheme::id_header`], as received.
    Id,
    /// The same, and refused unless it is 1 to 128 of `A-Z a-z 0-9 _ -`: joined to its neighbours by a dot, such an id
    /// cannot be cut elsewhere (R-09).
    PlainId,
    /// The time of [`Scheme::stamp`], as received.
    Timestamp,
    /// The body, byte for byte.
    Body,
    /// Itself.
    Text(&'static str),
}

/// Where the signed time stands: whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// Nowhere: the scheme has no replay protection of its own.
    None,
    /// In a header.
    Header(&'static str),
    /// In a field of the signature header ([`Grammar::Fields`]).
    Field(&'static str),
}

/// Where an id or a type stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a header.
    Header(&'static str),
    /// In the JSON body, by JSON Pointer (RFC 6901) through objects: `/event/type`.
    Json(&'static str),
    /// In a form-encoded body.
    Form(&'static str),
}

/// A request that asks for an answer and is no event. It is answered only after its signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Where it shows that it is one.
    pub at: Place,
    /// What stands there then.
    pub is: &'static str,
    /// What is sent back, as `text/plain` with status 200.
    pub echo: Place,
}

impl Scheme {
    /// Reads a secret as this provider shows it.
    ///
    /// # Errors
    /// When it is malformed, empty or a placeholder.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        match self.key {
            KeyText::Standard => Key::parse(secret),
            KeyText::Text => Key::text(secret),
        }
    }
}
