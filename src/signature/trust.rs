//! The data of the receiver for a check. None of it comes from the request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};

use super::error::VerifyError;
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// The data against which a request is checked.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the application builds it with struct update syntax")]
pub struct Trust<'a> {
    /// The keys that are tried.
    pub keys: &'a Keyring,
    /// The time of receipt.
    pub now: Timestamp,
    /// How far the signed time may be from `now`. `None`: the tolerance of the scheme.
    pub tolerance: Option<Tolerance>,
    /// The settings that the scheme needs besides a key: the URL that the provider calls, an audience, a topic.
    pub settings: &'a Settings,
    /// The documents that were fetched for this request, by name (mostly the URL): certificates and key sets.
    /// `provider::Scheme::fetch_request` returns which document to fetch.
    pub documents: &'a BTreeMap<String, Bytes>,
    /// Whether handshakes that hand over a key are answered: only while the webhook is being created.
    pub accept_key: bool,
}

impl<'a> Trust<'a> {
    /// Creates the data from keys and a time, with the tolerance of the scheme, no settings and no documents.
    #[must_use]
    pub const fn new(keys: &'a Keyring, now: Timestamp) -> Self {
        static NO_DOCUMENTS: BTreeMap<String, Bytes> = BTreeMap::new();
        Self { keys, now, tolerance: None, settings: Settings::none(), documents: &NO_DOCUMENTS, accept_key: false }
    }
}

/// How far a signed time may be from the time of receipt, bounds included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance(Option<Window>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    past_secs: u64,
    future_secs: u64,
}

impl Tolerance {
    /// Five minutes in both directions, as Standard Webhooks and most providers recommend.
    pub const DEFAULT: Self = Self::secs(300, 300);

    /// Allows this span in both directions. Returns `None` for less than a second, because nearly every request would be rejected.
    #[must_use]
    pub const fn within(span: Duration) -> Option<Self> {
        if span.as_secs() == 0 { None } else { Some(Self::secs(span.as_secs(), span.as_secs())) }
    }

    /// Allows a time that is at most `past_secs` seconds old and at most `future_secs` seconds ahead of our clock.
    #[must_use]
    pub const fn secs(past_secs: u64, future_secs: u64) -> Self {
        Self(Some(Window { past_secs, future_secs }))
    }

    /// Allows any time. Dangerous: a captured request can be replayed as soon as its dedup record has been deleted.
    #[must_use]
    pub const fn dangerous_any() -> Self {
        Self(None)
    }

    /// The limits for the past and for the future, in seconds. `None` if any time is allowed.
    #[must_use]
    pub const fn as_secs(self) -> Option<(u64, u64)> {
        match self.0 {
            Some(window) => Some((window.past_secs, window.future_secs)),
            None => None,
        }
    }

    pub(crate) fn check(self, signed_at: Timestamp, now: Timestamp) -> Result<(), VerifyError> {
        let Some(window) = self.0 else { return Ok(()) };
        let skew = signed_at.as_secs().saturating_sub(now.as_secs());
        let allowed = if skew < 0 { window.past_secs } else { window.future_secs };
        if skew.unsigned_abs() > allowed { Err(VerifyError::OutOfTolerance { skew }) } else { Ok(()) }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Named texts that a scheme needs besides its key: `url`, `audience`, `topic_arns`. `provider::Scheme::known_settings` lists the settings
/// of a scheme.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Vec<String>>);

impl Settings {
    /// Creates an empty collection of settings.
    #[must_use]
    pub const fn none() -> &'static Self {
        static NONE: Settings = Settings(BTreeMap::new());
        &NONE
    }

    /// Adds a value to a name, which may have several values. White space around the value is removed, because files end with line breaks.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        self.0.entry(name.into()).or_default().push(value.trim_ascii().to_owned());
        self
    }

    /// Returns the first value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// Returns all values of a name.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the names that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the first value of a required setting.
    pub(crate) fn need(&self, name: &'static str) -> Result<&str, VerifyError> {
        self.get(name).ok_or(VerifyError::MissingSetting(name))
    }
}

/// Reads a map from names to one value or several: `{ url = "https://example.com", topic_arns = ["a", "b"] }`.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Values {
            One(String),
            Many(Vec<String>),
        }
        let all = BTreeMap::<String, Values>::deserialize(deserializer)?;
        Ok(all.into_iter().fold(Self::default(), |settings, (name, values)| match values {
            Values::One(value) => settings.with(name, value),
            Values::Many(values) => values.into_iter().fold(settings, |all, value| all.with(name.as_str(), value)),
        }))
    }
}

/// Prints only the names, because a value may be a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
