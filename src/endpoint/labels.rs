//! Labels of an endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Most labels of an endpoint.
pub const MAX_LABELS: usize = 16;

/// Longest label name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Longest label value, in bytes.
pub const MAX_LABEL_BYTES: usize = 4_096;

/// Names and values that an application attaches to an endpoint, such as a plan or a subscription. hookwire stores them and does
/// not interpret them. They are stored in the clear: do not put secrets into them.
///
/// ```
/// use hookwire::endpoint::Labels;
///
/// let labels = Labels::new().with("plan", "pro")?;
/// assert_eq!(labels.get("plan"), Some("pro"));
/// assert_eq!(labels.iter().count(), 1);
/// # Ok::<(), hookwire::endpoint::LabelError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<Arc<str>, Arc<str>>);

/// Why a label is rejected.
///
/// ```
/// use hookwire::endpoint::{LabelError, Labels};
///
/// assert_eq!(Labels::new().with("", "pro").unwrap_err(), LabelError::Name);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The name is empty, too long, or contains control characters.
    #[error("label name: must be 1 to {MAX_NAME_BYTES} bytes without control characters")]
    Name,
    /// The value is longer than [`MAX_LABEL_BYTES`].
    #[error("label value: must be at most {MAX_LABEL_BYTES} bytes")]
    TooLong,
    /// The endpoint would have more than [`MAX_LABELS`].
    #[error("labels: must be at most {MAX_LABELS}")]
    TooMany,
}

impl Labels {
    /// No labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, or replaces the label with this name.
    ///
    /// # Errors
    /// Returns [`LabelError::Name`], [`LabelError::TooLong`] or [`LabelError::TooMany`].
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

    /// The value of a label; `None` if there is no label with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// Names and values, sorted by name.
    ///
    /// ```
    /// use hookwire::endpoint::Labels;
    ///
    /// let labels = Labels::new().with("plan", "pro")?.with("account", "7")?;
    /// assert_eq!(labels.iter().collect::<Vec<_>>(), [("account", "7"), ("plan", "pro")]);
    /// # Ok::<(), hookwire::endpoint::LabelError>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
