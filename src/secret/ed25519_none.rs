//! Ed25519 keys without the feature `ed25519`: every constructor fails with an error that names the feature.

use std::convert::Infallible;

use zeroize::Zeroizing;

use super::error::KeyError;

const OFF: KeyError = KeyError::FeatureOff("ed25519");

/// This type has no values. Its private field prevents warnings of the compiler about unreachable code after each use.
pub(crate) struct Ed25519Pair(Infallible);

/// This type has no values.
pub(crate) struct Ed25519Public(Infallible);

impl Ed25519Pair {
    pub(crate) const fn from_seed(_seed: &[u8; 32]) -> Result<Self, KeyError> {
        Err(OFF)
    }

    pub(crate) const fn from_pair(_pair: &[u8; 64]) -> Result<Self, KeyError> {
        Err(OFF)
    }

    pub(crate) const fn to_pair(&self) -> Zeroizing<[u8; 64]> {
        match self.0 {}
    }

    pub(crate) const fn public(&self) -> Ed25519Public {
        match self.0 {}
    }

    pub(crate) const fn sign(&self, _message: &[u8]) -> [u8; 64] {
        match self.0 {}
    }
}

impl Ed25519Public {
    pub(crate) const fn from_bytes(_bytes: &[u8; 32]) -> Result<Self, KeyError> {
        Err(OFF)
    }

    pub(crate) const fn to_bytes(&self) -> [u8; 32] {
        match self.0 {}
    }

    pub(crate) const fn verifies(&self, _message: &[u8], _signature: &[u8]) -> bool {
        match self.0 {}
    }
}
