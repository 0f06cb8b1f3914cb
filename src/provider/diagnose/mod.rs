//! Finds the cause of a failed check: undoes the usual mistakes, one after the other, until the signature fits.
//!
//! ```
//! use hookwire::clock::Timestamp;
//! use hookwire::provider::diagnose::{Cause, Diagnose};
//! use hookwire::provider::GITHUB;
//! use hookwire::secret::Keyring;
//! use hookwire::signature::{Received, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The example of GitHub's documentation, with a line break behind its body.
//! let mut headers = http::HeaderMap::new();
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! headers.insert("x-hub-signature-256", signature.parse()?);
//! let (method, uri) = (http::Method::POST, http::Uri::from_static("/hooks"));
//! let received = Received { method: &method, uri: &uri, headers: &headers, body: b"Hello, World!\n" };
//!
//! let keys = Keyring::new(GITHUB.key("It's a Secret to Everybody")?);
//! let trust = Trust::new(&keys, Timestamp::from_secs(1_700_000_000));
//! let diagnosis = Diagnose::new(&GITHUB, received, trust).run();
//! assert_eq!(diagnosis.cause(), Cause::TrailingNewline);
//! assert!(diagnosis.is_proved());
//! # Ok(()) }
//! ```

mod body;
mod case;
mod cause;
mod diagnosis;
mod evidence;
mod headers;
mod json;
mod order;
mod schemes;
mod secrets;
mod urls;

use std::cell::Cell;

use self::case::{Case, Try};
pub use self::cause::Cause;
pub use self::diagnosis::Diagnosis;
use super::scheme::Scheme;
use crate::secret::Keyring;
use crate::signature::{Received, Tolerance, Trust, VerifyError};

/// Maximum number of bytes that are hashed to find a cause.
const MAX_BYTES: usize = 256 << 20;

/// Looks for the cause of a failed check. This is expensive: it checks the request up to several thousand times. Do not run it for every
/// rejected request, because strangers can send any number of requests.
#[derive(Clone, Debug)]
pub struct Diagnose<'a> {
    scheme: &'a Scheme,
    received: Received<'a>,
    trust: Trust<'a>,
    secrets: Vec<&'a str>,
    others: Vec<(&'a str, &'a Keyring)>,
    max_bytes: usize,
}

impl<'a> Diagnose<'a> {
    /// A request, the scheme that checked it, and the keys and settings with which it was checked.
    #[must_use]
    pub const fn new(scheme: &'a Scheme, received: Received<'a>, trust: Trust<'a>) -> Self {
        Self { scheme, received, trust, secrets: Vec::new(), others: Vec::new(), max_bytes: MAX_BYTES }
    }

    /// Adds a secret as it was configured, to find mistakes that the key in [`Trust::keys`] no longer shows.
    #[must_use]
    pub fn secret(mut self, text: &'a str) -> Self {
        self.secrets.push(text);
        self
    }

    /// Adds keys of another source, endpoint or mode that may have signed the request. `name` is in the
    /// [detail](Diagnosis::detail).
    #[must_use]
    pub fn other_keys(mut self, name: &'a str, keys: &'a Keyring) -> Self {
        self.others.push((name, keys));
        self
    }

    /// Limits the number of bytes that are hashed. Default: 256 MiB.
    #[must_use]
    pub const fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Looks for the cause.
    #[must_use]
    pub fn run(&self) -> Diagnosis {
        match self.scheme.verify(&self.received, &self.trust) {
            Ok(_) => Diagnosis::proved(Cause::Valid),
            Err(VerifyError::OutOfTolerance { skew }) => Diagnosis::proved(Cause::Clock(skew)),
            Err(error) if is_final(error) => Diagnosis::proved(Cause::Rejected(error)),
            Err(error) => self.search(error),
        }
    }

    fn search(&self, error: VerifyError) -> Diagnosis {
        let case = Case {
            scheme: self.scheme,
            received: self.received,
            // The time does not count here, because a captured request is old.
            trust: Trust { tolerance: Some(Tolerance::dangerous_any()), ..self.trust },
            secrets: &self.secrets,
            others: &self.others,
            left: Cell::new(self.max_bytes),
        };
        let steps: [fn(&Case<'_>) -> Option<Diagnosis>; 9] = [
            secrets::known,
            secrets::search,
            headers::search,
            body::search,
            urls::search,
            json::search,
            evidence::empty_body,
            schemes::search,
            both,
        ];
        steps.into_iter().find_map(|step| step(&case)).unwrap_or_else(|| evidence::judge(&case, error))
    }
}

/// Whether the signature is valid or was not checked yet, if a check fails with this error.
const fn is_final(error: VerifyError) -> bool {
    matches!(
        error,
        VerifyError::UntrustedUrl
            | VerifyError::UnknownKey
            | VerifyError::WrongAudience
            | VerifyError::WrongIssuer
            | VerifyError::Expired
            | VerifyError::UntrustedSender
            | VerifyError::UnsupportedFormat
            | VerifyError::TooManyEvents(_)
            | VerifyError::HandshakeRejected { .. }
            | VerifyError::MissingSetting(_)
    )
}

/// Tries a mistake in the secret together with a changed body. The diagnosis names the body: once the body is correct, the next
/// diagnosis finds the secret.
fn both(case: &Case<'_>) -> Option<Diagnosis> {
    let keyrings = secrets::keyrings(case);
    body::forms(case).find_map(|(cause, body)| {
        let fits = |(of_secret, keys): &(Cause, Keyring)| {
            let fits = case.fits(Try { body: Some(&body), keys: Some(keys), ..Try::default() });
            fits.then(|| Diagnosis::proved(cause).detailed(format!("and {of_secret}")))
        };
        keyrings.iter().find_map(fits)
    })
}
