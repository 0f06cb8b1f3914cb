//! The result of a diagnosis.

use std::fmt;

use super::cause::Cause;

/// The cause of a failed check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    cause: Cause,
    proved: bool,
    detail: Option<String>,
}

impl Diagnosis {
    /// The cause.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the signature fits as soon as the cause is undone. If not, the cause is the most likely one.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        self.proved
    }

    /// Further details: the name of a header, of a key or of a prefix. They never contain a secret, a signature or a payload.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(super) const fn proved(cause: Cause) -> Self {
        Self { cause, proved: true, detail: None }
    }

    pub(super) const fn likely(cause: Cause) -> Self {
        Self { cause, proved: false, detail: None }
    }

    pub(super) fn detailed(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if self.proved { Ok(()) } else { f.write_str(" [likely, not proved]") }
    }
}
