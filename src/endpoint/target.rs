//! Where requests go: one parsed type from registration to the wire. (Skeleton: the egress helper completes it.)

/// Where requests go: a parsed, canonical `http` or `https` URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(url::Url);

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a URL.
    #[error("url: malformed")]
    Malformed,
    /// `https` was asked for.
    #[error("url: must begin with https://")]
    NotHttps,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        url::Url::parse(text).map(Self).map_err(|_| TargetError::Malformed)
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({}://{}/[redacted])", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}
