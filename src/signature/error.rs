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
