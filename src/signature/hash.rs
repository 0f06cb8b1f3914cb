//! The hash functions that providers use.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::secret::{HmacKey, Mac, RsaForm, Tag};
use crate::work;

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// MD5, for providers that still use it (Patreon).
    Md5,
    /// SHA-1, for providers that still use it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// RSA with PKCS#1 v1.5 padding and this hash; `None` for MD5, because anyone can make MD5 collisions.
    pub(crate) const fn rsa(self) -> Option<RsaForm> {
        match self {
            Self::Md5 => None,
            Self::Sha1 => Some(RsaForm::Pkcs1Sha1),
            Self::Sha256 => Some(RsaForm::Pkcs1Sha256),
            Self::Sha384 => Some(RsaForm::Pkcs1Sha384),
            Self::Sha512 => Some(RsaForm::Pkcs1Sha512),
        }
    }

    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(crate) fn mac(self, key: &HmacKey) -> Mac {
        match self {
            Self::Md5 => key.md5(),
            Self::Sha1 => key.sha1(),
            Self::Sha256 => key.sha256(),
            Self::Sha384 => key.sha384(),
            Self::Sha512 => key.sha512(),
        }
    }

    pub(crate) fn digest(self, text: &[u8]) -> Tag {
        work::spent(text.len());
        match self {
            Self::Md5 => Tag::of(&Md5::digest(text)),
            Self::Sha1 => Tag::of(&Sha1::digest(text)),
            Self::Sha256 => Tag::of(&Sha256::digest(text)),
            Self::Sha384 => Tag::of(&Sha384::digest(text)),
            Self::Sha512 => Tag::of(&Sha512::digest(text)),
        }
    }
}
