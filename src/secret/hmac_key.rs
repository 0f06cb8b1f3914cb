//! HMAC keys whose key schedule is computed once, so that the cost of each use depends only on the message.

use std::sync::OnceLock;

use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::work;

/// The bytes of an HMAC key, and the key schedules computed from them.
pub(crate) struct HmacKey {
    bytes: Zeroizing<Vec<u8>>,
    sha256: Hmac<Sha256>,
    /// The schedule for SHA-1. It is computed at the first use, because most keys never need it.
    sha1: OnceLock<Hmac<Sha1>>,
}

impl HmacKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: Zeroizing::new(bytes.to_vec()), sha256: schedule(bytes), sha1: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins a MAC with SHA-256.
    pub(crate) fn sha256(&self) -> Mac {
        Mac::Sha256(self.sha256.clone())
    }

    /// Begins a MAC with SHA-1, which old providers still use. SHA-1 is broken, but no break of HMAC-SHA1 is known.
    pub(crate) fn sha1(&self) -> Mac {
        Mac::Sha1(self.sha1.get_or_init(|| schedule(&self.bytes)).clone())
    }

    /// Begins a MAC with MD5, for the one provider that still uses it. MD5 is broken, but no break of HMAC-MD5 is known.
    pub(crate) fn md5(&self) -> Mac {
        Mac::Md5(Box::new(schedule(&self.bytes)))
    }

    /// Begins a MAC with SHA-384.
    pub(crate) fn sha384(&self) -> Mac {
        Mac::Sha384(Box::new(schedule(&self.bytes)))
    }

    /// Begins a MAC with SHA-512.
    pub(crate) fn sha512(&self) -> Mac {
        Mac::Sha512(Box::new(schedule(&self.bytes)))
    }
}

/// HMAC accepts keys of any length (RFC 2104), so the error branch is unreachable. The branch uses an all-zero key, because library code
/// must not panic.
fn schedule<M: KeyInit>(bytes: &[u8]) -> M {
    M::new_from_slice(bytes).unwrap_or_else(|_| M::new(&Default::default()))
}

/// A MAC that is being computed. The large and rare variants are boxed, so that the common ones are cheap to move.
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

    /// Ends the MAC and returns its tag.
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

/// The tag of a MAC or a digest, in a buffer that fits the longest one.
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
