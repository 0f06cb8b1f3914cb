//! A shared secret or a JSON Web Token in a request, behind a prefix such as `Bearer`.

use super::error::VerifyError;
use super::place::Place;

/// Where a shared secret stands in a request. The first place that has something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where.
    pub(crate) at: Place,
    /// What stands before it: `Bearer `.
    pub(crate) prefix: &'static str,
    /// Whether it is base64 of the secret (HTTP Basic) instead of the secret itself.
    pub base64: bool,
    /// How it may stand there instead.
    pub(crate) or: Option<&'static Self>,
}

impl Token {
    /// The secret itself.
    #[must_use]
    pub(crate) const fn plain(at: Place) -> Self {
        Self { at, prefix: "", base64: false, or: None }
    }

    /// In `Authorization`, as a bearer token (RFC 6750).
    #[must_use]
    pub(crate) const fn bearer() -> Self {
        Self { prefix: "Bearer ", ..Self::plain(Place::Header("authorization")) }
    }

    /// In `Authorization`, as HTTP Basic credentials (RFC 7617); the secret is `user:password`.
    #[must_use]
    pub(crate) const fn basic() -> Self {
        Self { prefix: "Basic ", base64: true, ..Self::plain(Place::Header("authorization")) }
    }

    /// In `Authorization`, as a bearer token or alone.
    #[must_use]
    pub(crate) const fn bearer_or_plain() -> Self {
        const PLAIN: Token = Token::plain(Place::Header("authorization"));
        Self { or: Some(&PLAIN), ..Self::bearer() }
    }

    /// The rest of what is found there, behind the prefix.
    pub(crate) fn strip<'t>(&self, text: &'t str) -> Result<&'t str, VerifyError> {
        match (behind(text, self.prefix), self.or) {
            (Some(rest), _) => Ok(rest),
            (None, Some(other)) => other.strip(text),
            (None, None) => Err(VerifyError::Malformed("token")),
        }
    }

    /// In `Authorization`, as either.
    #[must_use]
    pub(crate) const fn bearer_or_basic() -> Self {
        const BASIC: Token = Token::basic();
        Self { or: Some(&BASIC), ..Self::bearer() }
    }
}

/// The names of authentication schemes are of either case (RFC 9110 section 11.1).
pub(crate) fn behind<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
