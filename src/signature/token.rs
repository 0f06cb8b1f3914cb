//! A shared secret or a JSON Web Token in a request, behind a prefix such as `Bearer`.

use super::error::VerifyError;
use super::place::Place;

/// Where a request carries a shared secret. The first place that has a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The place of the secret.
    pub(crate) at: Place,
    /// The text before the secret: `Bearer `.
    pub(crate) prefix: &'static str,
    /// Whether the value is base64 of the secret (HTTP Basic) instead of the secret itself.
    pub base64: bool,
    /// Another form that is accepted at this place.
    pub(crate) or: Option<&'static Self>,
}

impl Token {
    /// The secret itself.
    #[must_use]
    pub(crate) const fn plain(at: Place) -> Self {
        Self { at, prefix: "", base64: false, or: None }
    }

    /// The secret is a bearer token in `Authorization` (RFC 6750).
    #[must_use]
    pub(crate) const fn bearer() -> Self {
        Self { prefix: "Bearer ", ..Self::plain(Place::Header("authorization")) }
    }

    /// The secret is HTTP Basic credentials in `Authorization` (RFC 7617), in the form `user:password`.
    #[must_use]
    pub(crate) const fn basic() -> Self {
        Self { prefix: "Basic ", base64: true, ..Self::plain(Place::Header("authorization")) }
    }

    /// The secret is in `Authorization`, as a bearer token or without a prefix.
    #[must_use]
    pub(crate) const fn bearer_or_plain() -> Self {
        const PLAIN: Token = Token::plain(Place::Header("authorization"));
        Self { or: Some(&PLAIN), ..Self::bearer() }
    }

    /// The text after the prefix.
    pub(crate) fn strip<'t>(&self, text: &'t str) -> Result<&'t str, VerifyError> {
        match (behind(text, self.prefix), self.or) {
            (Some(rest), _) => Ok(rest),
            (None, Some(other)) => other.strip(text),
            (None, None) => Err(VerifyError::Malformed("token")),
        }
    }

    /// The secret is in `Authorization`, as a bearer token or as HTTP Basic credentials.
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
