//! Recognises handshakes, and answers them.

use super::handshake::{Handshake, Reply};
use super::scheme::Scheme;
use crate::signature::{Received, Trust, VerifyError};

/// The longest body in which an unsigned handshake is looked for, in bytes.
const MAX_UNSIGNED_BYTES: usize = 64 * 1024;

impl Scheme {
    /// Whether the scheme answers challenges with MACs. Anybody may be able to request such a MAC.
    #[must_use]
    pub fn signs_challenges(&self) -> bool {
        self.handshakes.iter().any(Handshake::answers_with_mac)
    }

    /// The answer, if the request is a handshake of this kind (signed or unsigned).
    pub(super) fn handshake(
        &self,
        signed: bool,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Reply>, VerifyError> {
        // A challenge is short, so a long body without a signature is not searched for one.
        let too_long = !signed && received.body.len() > MAX_UNSIGNED_BYTES;
        for handshake in self.handshakes.iter().filter(|handshake| handshake.is_signed() == signed) {
            if too_long && handshake.reads_body() {
                continue;
            }
            if handshake.is_met(received, trust)? {
                return handshake.answer(self.hash(), received, trust).map(Some);
            }
        }
        Ok(None)
    }
}
