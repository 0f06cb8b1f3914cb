//! Why a scheme is invalid.

/// The reason why a scheme is invalid: the field and its problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
#[non_exhaustive]
pub struct SchemeError {
    /// The path of the field: `signature.signed`.
    pub field: &'static str,
    /// The problem.
    pub problem: String,
}

impl SchemeError {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}
