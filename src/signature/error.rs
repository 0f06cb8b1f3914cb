//! Why a request is not signed, or not verified.

use thiserror::Error;

/// Which check failed. This is for the operator only: the sender gets a 401 and no details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header or field that the scheme needs is absent.
    #[error("{0}: is missing")]
    Missing(&'static str),
    /// A value is not in the form that the scheme prescribes, or it occurs twice.
    #[error("{0}: is malformed")]
    Malformed(&'static str),
    /// The request names an algorithm that the scheme does not allow.
    #[error("signature: names an algorithm that is not allowed")]
    UnsupportedAlgorithm,
    /// The signature does not cover something that it must.
    #[error("{0}: is not covered by the signature")]
    NotCovered(&'static str),
    /// The signature is well formed, but none of the keys made it.
    #[error("signature: does not match")]
    BadSignature,
    /// The signature is valid, but the time is not. If this happens often, check the clocks.
    #[error("timestamp: is {skew} s from our clock")]
    OutOfTolerance {
        /// Seconds by which the signed time is ahead of our clock; negative if it is behind.
        skew: i64,
    },
    /// There is no live key that this scheme can use.
    #[error("keys: no live key fits this scheme")]
    NoKey,
    /// The shared secret in the request is wrong.
    #[error("token: does not match")]
    BadToken,
    /// The signature is valid, but it covers a hash that is not the hash of the body.
    #[error("body: is not the one that was signed")]
    BodyMismatch,
    /// The request refers to a key or a certificate at a URL that the scheme does not allow.
    #[error("key URL: is not allowed")]
    UntrustedUrl,
    /// The key or certificate has expired, is for another name, or was not issued by a trusted authority.
    #[error("key: is not trusted")]
    UntrustedKey,
    /// The request names a key that the provider does not publish.
    #[error("key: is unknown")]
    UnknownKey,
    /// The token was issued for another audience.
    #[error("audience: is not the expected one")]
    WrongAudience,
    /// The token was issued by another issuer.
    #[error("issuer: is not the expected one")]
    WrongIssuer,
    /// The token is no longer valid, or not valid yet.
    #[error("token: is not valid at this time")]
    Expired,
    /// The provider signed the request, but its sender, topic or account is not expected here.
    #[error("sender: is not expected")]
    UntrustedSender,
    /// The format of the event is not supported (`CloudEvents` in a format other than JSON).
    #[error("body: is in a format that is not understood")]
    UnsupportedFormat,
    /// The request contains more events than a receiver accepts: `provider::MAX_EVENTS`. Ask the provider for smaller batches.
    #[error("events: are more than {0} in one request: have the provider send smaller batches")]
    TooManyEvents(usize),
    /// A handshake that must not be answered positively.
    #[error("handshake: rejected")]
    HandshakeRejected {
        /// The status with which the provider expects the handshake to be rejected.
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
    /// There is no live key that this scheme can sign with.
    #[error("keys: no live key can sign with this scheme")]
    NoKey,
    /// The event id cannot be signed. If it contained a dot, the signature would also fit another message.
    #[error("event id: must be 1 to 128 of A-Z a-z 0-9 _ -")]
    Id,
    /// A name or a literal of the scheme is not valid in a header.
    #[error("scheme: has a name or a literal that is not valid in a header")]
    Scheme,
}
