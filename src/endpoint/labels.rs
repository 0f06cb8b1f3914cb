//! Labels of an endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{self, MAX_LABEL_BYTES, MAX_LABELS, MAX_NAME_BYTES};
use crate::field::FieldError;

/// Names and values that an application attaches to an endpoint, such as a plan or a subscription. hookwire stores them and does
/// not interpret them. They are stored in the clear: do not put secrets into them.
///
/// ```
/// use hookwire::endpoint::Labels;
///
/// let labels = Labels::new().with("plan", "pro")?;
/// assert_eq!(labels.get("plan"), Some("pro"));
/// assert_eq!(labels.iter().count(), 1);
/// # Ok::<(), hookwire::field::FieldError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<Arc<str>, Arc<str>>);

impl Labels {
    /// No labels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, or replaces the label with this name.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the name or the value is invalid, or if there are already [`MAX_LABELS`].
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, FieldError> {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(error::label_name());
        }
        if value.len() > MAX_LABEL_BYTES {
            return Err(error::label_too_long());
        }
        if self.0.len() >= MAX_LABELS && !self.0.contains_key(name) {
            return Err(error::too_many_labels());
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
    /// # Ok::<(), hookwire::field::FieldError>(())
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
