//! Why a field is invalid, and what to write instead.

use std::borrow::Cow;

/// A field is invalid: its name, and what is wrong or what to write instead. The text does not repeat a value that may be confidential.
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::id::EventId;
///
/// let error = EventId::new("order.1042").unwrap_err();
/// assert_eq!((&*error.field, &*error.problem), ("event id", "may contain only A-Z a-z 0-9 _ -"));
/// let error = NewEndpoint::https("https://127.1/").unwrap_err();
/// assert_eq!(error.to_string(), "url: an IPv4 address must be written as four decimal numbers");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
#[non_exhaustive]
pub struct FieldError {
    /// The name of the field, such as `url`, or its path, such as `signature.signed`.
    pub field: Cow<'static, str>,
    /// The problem, as it follows the name in a sentence.
    pub problem: Cow<'static, str>,
}

impl FieldError {
    /// Creates an error of a field that you check yourself, for instance in [`EventTypes`](crate::event::EventTypes).
    ///
    /// ```
    /// use hookwire::field::FieldError;
    ///
    /// assert_eq!(FieldError::new("data/cents", "must be at least 1").to_string(), "data/cents: must be at least 1");
    /// ```
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    pub(crate) const fn of(field: &'static str, problem: &'static str) -> Self {
        Self { field: Cow::Borrowed(field), problem: Cow::Borrowed(problem) }
    }
}
