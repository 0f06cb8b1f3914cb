//! The cause of a rejected request, for the operator. It is searched for rarely, because a stranger can send any number of requests.

use std::time::Duration;

use crate::clock::Interval;
use crate::provider::Scheme;
use crate::provider::diagnose::Diagnose;
use crate::signature::{Received, Trust, VerifyError};

/// The shortest time between two diagnoses of one source.
const INTERVAL: Duration = Duration::from_secs(5);

/// Maximum number of bytes that one diagnosis hashes: some milliseconds of work.
const MAX_BYTES: usize = 4 << 20;

/// The diagnoses of one source.
#[derive(Debug)]
pub(super) struct Diagnoses(Interval);

impl Diagnoses {
    pub(super) const fn new() -> Self {
        Self(Interval::new(INTERVAL))
    }

    /// The cause of this failure and its remedy, without any part of a secret, a signature or a payload. `None` if the error itself is the
    /// cause, or if a diagnosis was made just before.
    pub(super) fn cause(
        &self,
        error: VerifyError,
        scheme: &Scheme,
        received: Received<'_>,
        trust: Trust<'_>,
    ) -> Option<String> {
        let is_unclear = matches!(
            error,
            VerifyError::BadSignature
                | VerifyError::BadToken
                | VerifyError::BodyMismatch
                | VerifyError::Missing(_)
                | VerifyError::Malformed(_)
                | VerifyError::OutOfTolerance { .. }
        );
        let due = is_unclear && self.0.is_due(trust.now);
        due.then(|| Diagnose::new(scheme, received, trust).max_bytes(MAX_BYTES).run().to_string())
    }
}
