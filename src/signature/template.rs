//! What a scheme signs, put together from its pieces.

use super::scheme::{Hash, Part, Scheme};
use crate::secret::{HmacKey, Tag};

/// What the pieces of [`Scheme::signed`] stand for in one message.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) id: &'a [u8],
    pub(super) timestamp: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Fields<'a> {
    const fn of(self, part: Part) -> &'a [u8] {
        match part {
            Part::Id | Part::PlainId => self.id,
            Part::Timestamp => self.timestamp,
            Part::Body => self.body,
            Part::Text(text) => text.as_bytes(),
        }
    }
}

impl Scheme {
    /// The MAC of what is signed, fed piece by piece: nothing is copied.
    pub(super) fn mac(&self, key: &HmacKey, fields: Fields<'_>) -> Tag {
        let mut mac = match self.hash {
            Hash::Sha1 => key.sha1(),
            Hash::Sha256 => key.sha256(),
        };
        self.signed.iter().for_each(|part| mac.update(fields.of(*part)));
        mac.finish()
    }

    /// What is signed, in one piece: Ed25519 reads it twice.
    pub(super) fn message(&self, fields: Fields<'_>) -> Vec<u8> {
        self.signed.iter().map(|part| fields.of(*part)).collect::<Vec<_>>().concat()
    }
}
