//! Why a scheme is invalid.

/// Why a scheme is invalid: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
#[non_exhaustive]
pub struct SchemeError {
    /// The path of the field: `signature.signed`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl SchemeError {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}
