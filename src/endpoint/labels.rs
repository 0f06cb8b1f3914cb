//! What an application notes on an endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Most labels of an endpoint.
pub const MAX_LABELS: usize = 16;

/// Longest name of a label, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Longest value of a label, in bytes.
pub const MAX_LABEL_BYTES: usize = 4_096;

/// Notes of the application on an endpoint, by name: which plan, which subscription. They are stored with it and mean nothing to
/// hookwire. Not for secrets: they are kept in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<Arc<str>, Arc<str>>);

/// A label does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Its name is empty, too long, or holds control characters.
    #[error("label name: must be 1 to {MAX_NAME_BYTES} bytes without control characters")]
    Name,
    /// Its value is too long.
    #[error("label value: must be at most {MAX_LABEL_BYTES} bytes")]
    TooLong,
    /// There are too many.
    #[error("labels: must be at most {MAX_LABELS}")]
    TooMany,
}

impl Labels {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, or replaces the one of this name.
    ///
    /// # Errors
    /// When it does not fit, or is one too many.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, LabelError> {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(LabelError::Name);
        }
        if value.len() > MAX_LABEL_BYTES {
            return Err(LabelError::TooLong);
        }
        if self.0.len() >= MAX_LABELS && !self.0.contains_key(name) {
            return Err(LabelError::TooMany);
        }
        self.0.insert(name.into(), value.into());
        Ok(self)
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
