//! HMAC keys with their key schedule done once, so that each use costs what the message costs.

use std::sync::OnceLock;

use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::work;

/// Bytes of an HMAC key, and the schedules made of them.
pub(crate) struct HmacKey {
    bytes: Zeroizing<Vec<u8>>,
    sha256: Hmac<Sha256>,
    /// Made at the first use: most keys never sign with it.
    sha1: OnceLock<Hmac<Sha1>>,
}

impl HmacKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: Zeroizing::new(bytes.to_vec()), sha256: schedule(bytes), sha1: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A MAC by SHA-256.
    pub(crate) fn sha256(&self) -> Mac {
        Mac::Sha256(self.sha256.clone())
    }

    /// A MAC by SHA-1, which old providers still use. HMAC-SHA1 is not known to be broken; SHA-1 is.
    pub(crate) fn sha1(&self) -> Mac {
        Mac::Sha1(self.sha1.get_or_init(|| schedule(&self.bytes)).clone())
    }

    /// A MAC by MD5, for the one provider that still uses it. HMAC-MD5 is not known to be broken; MD5 is.
    pub(crate) fn md5(&self) -> Mac {
        Mac::Md5(Box::new(schedule(&self.bytes)))
    }

    /// A MAC by SHA-384.
    pub(crate) fn sha384(&self) -> Mac {
        Mac::Sha384(Box::new(schedule(&self.bytes)))
    }

    /// A MAC by SHA-512.
    pub(crate) fn sha512(&self) -> Mac {
        Mac::Sha512(Box::new(schedule(&self.bytes)))
    }
}

/// HMAC takes keys of any length (RFC 2104), so the error branch does not exist; an all-zero key of the block's size
/// stands there instead of a panic.
fn schedule<M: KeyInit>(bytes: &[u8]) -> M {
    M::new_from_slice(bytes).unwrap_or_else(|_| M::new(&Default::default()))
}

/// A MAC in the making. The large and rare ones are boxed, so that the common ones are small to move.
#[derive(Clone)]
pub(crate) enum Mac {
    Md5(Box<Hmac<Md5>>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Box<Hmac<Sha384>>),
    Sha512(Box<Hmac<Sha512>>),
}

impl Mac {
    pub(crate) fn update(&mut self, part: &[u8]) {
        work::spent(part.len());
        match self {
            Self::Md5(mac) => mac.update(part),
            Self::Sha1(mac) => mac.update(part),
            Self::Sha256(mac) => mac.update(part),
            Self::Sha384(mac) => mac.update(part),
            Self::Sha512(mac) => mac.update(part),
        }
    }

    /// The tag, in a buffer of the longest one's size, and its length.
    pub(crate) fn finish(self) -> Tag {
        match self {
            Self::Md5(mac) => Tag::of(&mac.finalize().into_bytes()),
            Self::Sha1(mac) => Tag::of(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => Tag::of(&mac.finalize().into_bytes()),
            Self::Sha384(mac) => Tag::of(&mac.finalize().into_bytes()),
            Self::Sha512(mac) => Tag::of(&mac.finalize().into_bytes()),
        }
    }
}

/// A finished MAC or digest.
pub(crate) struct Tag {
    bytes: [u8; 64],
    length: usize,
}

impl Tag {
    pub(crate) fn of(tag: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let length = tag.len().min(bytes.len());
        if let (Some(to), Some(from)) = (bytes.get_mut(..length), tag.get(..length)) {
            to.copy_from_slice(from);
        }
        Self { bytes, length }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
