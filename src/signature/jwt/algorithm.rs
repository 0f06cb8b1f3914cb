//! The algorithms that may sign a scheme's tokens.

/// The algorithm of a JSON Web Token (RFC 7518, RFC 8037). The scheme lists the allowed algorithms, and a token cannot choose
/// another one (RFC 8725 section 3.1). A key works only with the algorithms of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA, PKCS#1 v1.5, with SHA-256 (feature `public-key`).
    Rs256,
    /// RSA-PSS with SHA-256 (feature `public-key`).
    Ps256,
    /// ECDSA with P-256 and SHA-256 (feature `public-key`).
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// The name of the algorithm in a token.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether a signature is checked with the same key that signs.
    #[must_use]
    pub(crate) const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}
