//! The settings of a scheme, and the valid values of each.

use crate::signature::url::Configured;

/// A setting of a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name.
    pub name: &'static str,
    /// Whether the setting is required.
    pub required: bool,
    pub(crate) kind: SettingKind,
    /// A short description.
    pub about: &'static str,
}

impl Setting {
    /// Checks that a value is of this setting's kind.
    ///
    /// # Errors
    /// Returns the problem with the value and the remedy. The text does not repeat the value.
    pub fn check(&self, value: &str) -> Result<(), &'static str> {
        self.kind.check(value)
    }

    /// Creates a required setting.
    #[must_use]
    pub const fn required(name: &'static str, about: &'static str) -> Self {
        Self { name, required: true, kind: SettingKind::Text, about }
    }

    /// Creates an optional setting.
    #[must_use]
    pub const fn optional(name: &'static str, about: &'static str) -> Self {
        Self { name, required: false, kind: SettingKind::Text, about }
    }

    /// The values must be URLs or origins.
    #[must_use]
    pub const fn url(self) -> Self {
        Self { kind: SettingKind::Url, ..self }
    }

    /// The values must be URLs as they were registered with the provider, or origins.
    #[must_use]
    pub const fn registered_url(self) -> Self {
        Self { kind: SettingKind::RegisteredUrl, ..self }
    }

    /// The values must be among these. `problem` follows the setting's name in the error and names the valid values: `is neither true nor
    /// false`.
    #[must_use]
    pub const fn one_of(self, values: &'static [&'static str], problem: &'static str) -> Self {
        Self { kind: SettingKind::OneOf { values, problem }, ..self }
    }

    /// The values must be whole numbers of seconds.
    #[must_use]
    pub const fn seconds(self) -> Self {
        Self { kind: SettingKind::Seconds, ..self }
    }

    /// The values must be whole numbers above zero, or `*`.
    #[must_use]
    pub const fn rate(self) -> Self {
        Self { kind: SettingKind::Rate, ..self }
    }

    /// The values must be names of headers.
    #[must_use]
    pub const fn header(self) -> Self {
        Self { kind: SettingKind::Header, ..self }
    }
}

/// The kind of the values of a setting. A receiver checks the values when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingKind {
    /// Anything.
    Text,
    /// A URL with scheme and host. If it has a path, the query of a request may vary.
    Url,
    /// A URL with scheme and host. If it has a path, it must also have the query that was registered.
    RegisteredUrl,
    /// The name of a header.
    Header,
    /// One of these.
    OneOf {
        /// The valid values.
        values: &'static [&'static str],
        /// The problem with any other value; the text names the valid values.
        problem: &'static str,
    },
    /// A whole number of seconds.
    Seconds,
    /// A number for each minute: a whole number above zero, or `*` for any number.
    Rate,
}

impl SettingKind {
    /// Checks that a value is of this kind.
    ///
    /// # Errors
    /// Returns the problem with the value and the remedy. The text does not repeat the value.
    fn check(self, value: &str) -> Result<(), &'static str> {
        match self {
            Self::Text => Ok(()),
            Self::Url | Self::RegisteredUrl => check_url(value),
            Self::OneOf { values, problem } => {
                if values.contains(&value) {
                    Ok(())
                } else {
                    Err(problem)
                }
            }
            Self::Rate if value == "*" || value.parse::<std::num::NonZeroU64>().is_ok() => Ok(()),
            Self::Rate => Err("is neither * nor a whole number above zero"),
            Self::Seconds => {
                value.parse::<u64>().map(drop).map_err(|_| "is not a whole number of seconds: write, for example, 300")
            }
            Self::Header => match http::HeaderName::from_bytes(value.as_bytes()) {
                Ok(_) => Ok(()),
                Err(_) => Err("is not a header name: write only the name, without a colon or the header's value"),
            },
        }
    }
}

/// Checks a URL. Returns the problem and the remedy as an error, which does not repeat the URL, because it may contain a password.
fn check_url(url: &str) -> Result<(), &'static str> {
    let configured = Configured::read(url)?;
    if url.contains('#') {
        return Err("has a fragment (#), which no request carries: remove it");
    }
    let host = configured.host;
    let port = host.rfind(':').and_then(|at| host.get(at + 1..)).filter(|rest| !rest.contains(']'));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("has a port that is not a number up to 65535");
    }
    if host.is_empty() || host.starts_with(':') {
        return Err("has no host: write it after https://");
    }
    if url.bytes().any(|byte| !(b'!'..=b'~').contains(&byte)) {
        return Err("has white space or other characters than ASCII: write them as a browser sends them (%20, xn--)");
    }
    url.parse::<http::Uri>()
        .map(drop)
        .map_err(|_| "is not a valid URL: write it as the provider has it, https://host/path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_named_with_its_remedy() {
        for good in ["https://a.example", "HTTP://A.example:80/", "https://u:p@[::1]:8080/a%20b?c=d", "https://a?b"] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        let cases = [
            ("a.example/h", "no scheme"),
            ("a.example:8080/h", "no scheme"),
            ("ftp://a.example", "another scheme"),
            ("https://", "no host"),
            ("https:///h", "no host"),
            ("https://:80/h", "no host"),
            ("https://a.example/h#top", "fragment"),
            ("https://a.example:99999", "port"),
            ("https://a.example/a b", "white space"),
            ("https://bücher.example", "ASCII"),
        ];
        for (wrong, problem) in cases {
            assert!(check_url(wrong).unwrap_err().contains(problem), "{wrong}: {:?}", check_url(wrong));
        }
    }
}
