//! Ed25519 keys, implemented with ed25519-dalek.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::error::KeyError;

/// A private key with its public half. It is wiped from memory when it is dropped.
pub(crate) struct Ed25519Pair(SigningKey);

/// A public key.
pub(crate) struct Ed25519Public(VerifyingKey);

impl Ed25519Pair {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    /// Fails if the public key, the second half, does not belong to the seed.
    pub(crate) fn from_pair(pair: &[u8; 64]) -> Result<Self, KeyError> {
        SigningKey::from_keypair_bytes(pair).map(Self).map_err(|_| KeyError::InvalidEd25519)
    }

    /// Returns the seed and the public key.
    pub(crate) fn to_pair(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.0.to_keypair_bytes())
    }

    pub(crate) fn public(&self) -> Ed25519Public {
        Ed25519Public(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl Ed25519Public {
    /// Fails if the key is not a point on the curve, or has small order.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or(KeyError::InvalidEd25519)
    }

    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Verifies strictly (RFC 8032 with the checks of "Taming the many EdDSAs"): no weak key, no malleable signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}
