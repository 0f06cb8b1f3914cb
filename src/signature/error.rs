//! Why a request is not signed, or not verified.

use thiserror::Error;

/// Which check failed. For the operator's eyes: the sender is told nothing but 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header or field that the scheme needs is absent.
    #[error("{0}: is missing")]
    Missing(&'static str),
    /// Present, but not in the form that the scheme prescribes; or present twice.
    #[error("{0}: is malformed")]
    Malformed(&'static str),
    /// The request names an algorithm that the scheme does not allow.
    #[error("signature: names an algorithm that is not allowed")]
    UnsupportedAlgorithm,
    /// The signature does not cover something that it must.
    #[error("{0}: is not covered by the signature")]
    NotCovered(&'static str),
    /// Well formed, and made by none of the keys.
    #[error("signature: does not match")]
    BadSignature,
    /// The signature is good, the time is not. When this comes often, look at the clocks.
    #[error("timestamp: is {skew} s from our clock")]
    OutOfTolerance {
        /// Seconds by which the signed time is ahead of our clock; negative when it is behind.
        skew: i64,
    },
    /// No key is live that this scheme can use.
    #[error("keys: none is live that this scheme can use")]
    NoKey,
    /// The shared secret that the request carries is another one.
    #[error("token: does not match")]
    BadToken,
    /// The signature is good and covers a hash that is not the body's.
    #[error("body: is not the one that was signed")]
    BodyMismatch,
    /// The request wants a key or a certificate to be fetched from where the scheme does not allow it.
    #[error("key URL: is not allowed")]
    UntrustedUrl,
    /// The key or certificate is expired, of another name, or not issued by a trusted authority.
    #[error("key: is not trusted")]
    UntrustedKey,
    /// The request names a key that the provider does not publish.
    #[error("key: is unknown")]
    UnknownKey,
    /// The token was made for somebody else.
    #[error("audience: is another one")]
    WrongAudience,
    /// The token was made by somebody else.
    #[error("issuer: is another one")]
    WrongIssuer,
    /// The token is no longer, or not yet, valid.
    #[error("token: is not valid at this time")]
    Expired,
    /// Signed by the provider, and for a sender, topic or account that is not expected here.
    #[error("sender: is not expected")]
    UntrustedSender,
    /// The event is in a format that is not understood (`CloudEvents` in another one than JSON).
    #[error("body: is in a format that is not understood")]
    UnsupportedFormat,
    /// The request holds more events than are taken from one: `provider::MAX_EVENTS`. Ask the provider for smaller batches.
    #[error("events: are more than {0} in one request: have the provider send smaller batches")]
    TooManyEvents(usize),
    /// A handshake that must not be answered positively.
    #[error("handshake: refused")]
    HandshakeRefused {
        /// The status that the provider expects of a refusal.
        status: u16,
    },
    /// The scheme cannot check anything without this setting.
    #[error("settings: {0} is missing")]
    MissingSetting(&'static str),
}

/// A request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// No key is live that this scheme can sign with.
    #[error("keys: none is live that this scheme can sign with")]
    NoKey,
    /// The event id is not one that can be signed: with a dot in it, the signature would fit another message too.
    #[error("event id: must be 1 to 128 of A-Z a-z 0-9 _ -")]
    Id,
    /// The scheme's own names or literals cannot stand in a header.
    #[error("scheme: its names or literals cannot stand in a header")]
    Scheme,
}
