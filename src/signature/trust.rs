//! The receiver's own side of a check: nothing in here comes from the request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::error::VerifyError;
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// What a request is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The keys that are tried.
    pub keys: &'a Keyring,
    /// The time of receipt.
    pub now: Timestamp,
    /// How far the signed time may be from it; `None` for what the scheme itself says.
    pub tolerance: Option<Tolerance>,
    /// What the scheme wants to know beside a key: the URL as the provider has it, an audience, a topic.
    pub settings: &'a Settings,
    /// What [`Verify::needs`](super::Verify::needs) has asked for.
    pub documents: &'a Documents,
    /// Whether the source is being set up: handshakes that hand over a key are answered only then.
    pub setup: bool,
}

impl<'a> Trust<'a> {
    /// These keys at this time, with the scheme's own tolerance, no settings and no documents.
    #[must_use]
    pub const fn new(keys: &'a Keyring, now: Timestamp) -> Self {
        Self { keys, now, tolerance: None, settings: Settings::none(), documents: Documents::none(), setup: false }
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
    /// Five minutes to either side: what Standard Webhooks and most providers say.
    pub const DEFAULT: Self = Self::secs(300, 300);

    /// Within this span, to either side; `None` for less than a second, which hardly a request would meet.
    #[must_use]
    pub const fn within(span: Duration) -> Option<Self> {
        if span.as_secs() == 0 { None } else { Some(Self::secs(span.as_secs(), span.as_secs())) }
    }

    /// At most so many seconds old, and at most so many ahead of our clock.
    #[must_use]
    pub const fn secs(past_secs: u64, future_secs: u64) -> Self {
        Self(Some(Window { past_secs, future_secs }))
    }

    /// Any time at all. Dangerous: a captured request can be replayed for as long as its dedup record has been forgotten.
    #[must_use]
    pub const fn dangerous_any() -> Self {
        Self(None)
    }

    /// How old and how far ahead, in seconds; `None` for any time.
    #[must_use]
    pub const fn as_secs(self) -> Option<(u64, u64)> {
        match self.0 {
            Some(window) => Some((window.past_secs, window.future_secs)),
            None => None,
        }
    }

    pub(super) fn check(self, signed_at: Timestamp, now: Timestamp) -> Result<(), VerifyError> {
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

/// Named texts that a scheme wants to know beside its key: `url`, `audience`, `topic_arns`. What each scheme knows is said
/// by [`Verify::settings`](super::Verify::settings).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Vec<String>>);

impl Settings {
    /// No settings.
    #[must_use]
    pub const fn none() -> &'static Self {
        static NONE: Settings = Settings(BTreeMap::new());
        &NONE
    }

    /// Adds a value, without white space around it (files end in newlines); a name may have several.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        self.0.entry(name.into()).or_default().push(value.trim_ascii().to_owned());
        self
    }

    /// The first value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// All values of a name.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Which names have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The first value of a name that the scheme cannot do without.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, VerifyError> {
        self.get(name).ok_or(VerifyError::MissingSetting(name))
    }
}

/// The names only: a value may be a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A setting that a scheme knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Whether the scheme cannot do without.
    pub required: bool,
    /// What its values look like.
    pub kind: SettingKind,
    /// What it is.
    pub about: &'static str,
}

impl Setting {
    /// One that must be there.
    #[must_use]
    pub const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, required: true, kind: SettingKind::Text, about }
    }

    /// One that may be there.
    #[must_use]
    pub const fn optional(name: &'static str, about: &'static str) -> Self {
        Self { name, required: false, kind: SettingKind::Text, about }
    }

    /// Its values are URLs, or origins.
    #[must_use]
    pub const fn url(self) -> Self {
        Self { kind: SettingKind::Url, ..self }
    }

    /// Its values are URLs as they were registered with the provider, or origins.
    #[must_use]
    pub const fn registered_url(self) -> Self {
        Self { kind: SettingKind::RegisteredUrl, ..self }
    }

    /// Its values are among these; the problem names them, to stand behind the setting's name: `is neither true nor false`.
    #[must_use]
    pub const fn one_of(self, values: &'static [&'static str], problem: &'static str) -> Self {
        Self { kind: SettingKind::OneOf { values, problem }, ..self }
    }

    /// Its values are whole numbers of seconds.
    #[must_use]
    pub const fn seconds(self) -> Self {
        Self { kind: SettingKind::Seconds, ..self }
    }

    /// Its values are whole numbers above zero, or `*`.
    #[must_use]
    pub const fn rate(self) -> Self {
        Self { kind: SettingKind::Rate, ..self }
    }

    /// Its values are names of headers.
    #[must_use]
    pub const fn header(self) -> Self {
        Self { kind: SettingKind::Header, ..self }
    }
}

/// What the values of a setting look like; a receiver checks it when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingKind {
    /// Anything.
    Text,
    /// A URL with scheme and host. Where it has a path, the request's query may change.
    Url,
    /// A URL with scheme and host. Where it has a path, it has the query that was registered.
    RegisteredUrl,
    /// The name of a header.
    Header,
    /// One of these.
    OneOf {
        /// What is accepted.
        values: &'static [&'static str],
        /// What is wrong with any other value: it names those that are accepted.
        problem: &'static str,
    },
    /// A whole number of seconds.
    Seconds,
    /// How many in a minute: a whole number above zero; or `*`, which is any number.
    Rate,
}

impl SettingKind {
    /// Whether a value is of this kind.
    ///
    /// # Errors
    /// Names what is wrong with the value and what to write instead; it repeats nothing of the value.
    pub fn check(self, value: &str) -> Result<(), &'static str> {
        match self {
            Self::Text => Ok(()),
            Self::Url | Self::RegisteredUrl => super::url::check(value),
            Self::OneOf { values, problem } => {
                if values.contains(&value) {
                    Ok(())
                } else {
                    Err(problem)
                }
            }
            Self::Rate if value == "*" || value.parse::<std::num::NonZeroU64>().is_ok() => Ok(()),
            Self::Rate => Err("is neither * nor a whole number above zero"),
            Self::Seconds => value.parse::<u64>().map(drop).map_err(|_| "is no whole number of seconds: write 300"),
            Self::Header => match http::HeaderName::from_bytes(value.as_bytes()) {
                Ok(_) => Ok(()),
                Err(_) => Err("is no header name: write the name alone, without a colon or the header's value"),
            },
        }
    }
}

/// Certificates and key sets by their URL, fetched by the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents(BTreeMap<String, Bytes>);

impl Documents {
    /// No documents.
    #[must_use]
    pub const fn none() -> &'static Self {
        static NONE: Documents = Documents(BTreeMap::new());
        &NONE
    }

    /// Adds what stands at a URL.
    #[must_use]
    pub fn with(mut self, url: impl Into<String>, content: impl Into<Bytes>) -> Self {
        self.0.insert(url.into(), content.into());
        self
    }

    /// The URLs, or other names, under which something is kept.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What stands at a URL.
    #[must_use]
    pub fn get(&self, url: &str) -> Option<&Bytes> {
        self.0.get(url)
    }
}
