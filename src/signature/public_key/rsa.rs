//! RSA signatures of the old padding (PKCS#1 v1.5), by ring. Keys of less than 2048 bits are refused.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use crate::signature::Hash;

/// A public key, as its DER (`RSAPublicKey`) or as its numbers.
pub(crate) enum RsaKey {
    Der(Vec<u8>),
    Numbers { n: Vec<u8>, e: Vec<u8> },
}

impl RsaKey {
    /// By SHA-256, or by SHA-1 for the one provider that still offers it.
    pub(crate) fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let parameters: &RsaParameters = match hash {
            Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Hash::Sha384 | Hash::Sha512 => return false,
        };
        match self {
            Self::Der(der) => UnparsedPublicKey::new(parameters, der).verify(message, signature).is_ok(),
            Self::Numbers { n, e } => RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok(),
        }
    }
}
