//! The engine that checks what a scheme describes.

use subtle::Choice;

use super::candidates::{Algorithm, Presented, Signatures};
use super::compare::equal;
use super::error::VerifyError;
use super::scheme::{Grammar, Scheme, Stamp};
use super::template::Fields;
use super::{At, Checked, EventRef, Received, Verify};
use crate::clock::Timestamp;
use crate::secret::{Keyring, Kind};

impl Verify for Scheme {
    fn verify(&self, received: &Received<'_>, keys: &Keyring, at: &At) -> Result<Checked, VerifyError> {
        let mut presented = Presented::new();
        presented.read(self, received.headers)?;
        let fields = Fields { id: presented.id, timestamp: presented.timestamp, body: received.body };
        self.check(&presented.signatures, fields, keys, at.now)?;
        let signed_at = (self.stamp != Stamp::None).then(|| seconds(presented.timestamp));
        if let Some(signed_at) = signed_at {
            at.tolerance.check(signed_at, at.now)?;
        }
        Ok(self.handshake(received)?.map_or(Checked::Event { signed_at }, Checked::Handshake))
    }

    fn identify(&self, received: &Received<'_>) -> Result<EventRef, VerifyError> {
        Self::identify(self, received)
    }
}

impl Scheme {
    /// Tries every live key on every signature of its kind, without early exit.
    fn check(
        &self,
        signatures: &Signatures,
        fields: Fields<'_>,
        keys: &Keyring,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        let mut usable = false;
        let mut good = Choice::from(0);
        let mut message = None;
        for key in keys.live(now) {
            let public = match key.kind() {
                Kind::Hmac(key) => {
                    usable = true;
                    let tag = self.mac(key, fields);
                    for signature in signatures.of(Algorithm::Hmac) {
                        good |= equal(tag.as_bytes(), signature);
                    }
                    continue;
                }
                _ if self.grammar != Grammar::Versioned => continue,
                Kind::Verifying(key) => *key,
                Kind::Signing(key) => key.verifying_key(),
            };
            usable = true;
            let message = message.get_or_insert_with(|| self.message(fields));
            for signature in signatures.of(Algorithm::Ed25519) {
                good |= Choice::from(u8::from(verifies(&public, message, signature)));
            }
        }
        if !usable {
            Err(VerifyError::NoKey)
        } else if bool::from(good) {
            Ok(())
        } else {
            Err(VerifyError::BadSignature)
        }
    }
}

/// Strictly (RFC 8032 with the checks of "Taming the many EdDSAs"): no weak key, no malleable signature.
fn verifies(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// The digits were checked and are at most twelve.
fn seconds(digits: &[u8]) -> Timestamp {
    let seconds = digits.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit.wrapping_sub(b'0')));
    Timestamp::from_secs(seconds)
}
