//! Which events an endpoint subscribes to.

use serde::{Deserialize, Serialize};

use crate::event::{EventType, Pattern};
use crate::field::FieldError;

/// Maximum number of patterns of one filter.
pub const MAX_PATTERNS: usize = 64;

/// Which event types an endpoint subscribes to: 1 to [`MAX_PATTERNS`] patterns. The default matches all event types.
///
/// ```
/// use hookwire::endpoint::Filter;
/// use hookwire::event::EventType;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let filter = Filter::new(vec!["invoice.*".parse()?, "user.created".parse()?])?;
/// assert!(filter.matches(&EventType::new("invoice.paid")?));
/// assert!(!filter.matches(&EventType::new("user.deleted")?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pattern>", into = "Vec<Pattern>")]
pub struct Filter(Vec<Pattern>);

impl Filter {
    /// A filter that matches what any of the patterns matches.
    ///
    /// ```
    /// use hookwire::endpoint::Filter;
    ///
    /// let error = Filter::new(Vec::new()).unwrap_err();
    /// assert!(error.to_string().starts_with("events: must be 1 to "));
    /// ```
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the list is empty or longer than [`MAX_PATTERNS`].
    pub fn new(patterns: Vec<Pattern>) -> Result<Self, FieldError> {
        match patterns.len() {
            1..=MAX_PATTERNS => Ok(Self(patterns)),
            count => Err(FieldError::new("events", format!("must be 1 to {MAX_PATTERNS} patterns, are {count}"))),
        }
    }

    /// Whether any pattern matches the event type.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event_type))
    }

    /// The patterns.
    ///
    /// ```
    /// use hookwire::endpoint::Filter;
    /// use hookwire::event::Pattern;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(Filter::default().patterns(), [Pattern::ALL]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self(vec![Pattern::ALL])
    }
}

impl TryFrom<Vec<Pattern>> for Filter {
    type Error = FieldError;

    fn try_from(patterns: Vec<Pattern>) -> Result<Self, FieldError> {
        Self::new(patterns)
    }
}

impl From<Filter> for Vec<Pattern> {
    fn from(filter: Filter) -> Self {
        filter.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_1_to_64_patterns() {
        let empty = Filter::new(Vec::new());
        assert!(empty.is_err_and(|error| error.to_string().ends_with("patterns, are 0")));
        let error = Filter::new(vec![Pattern::ALL; 65]).unwrap_err();
        assert_eq!(error.to_string(), "events: must be 1 to 64 patterns, are 65");
        assert!(Filter::new(vec![Pattern::ALL; 64]).is_ok());
    }
}
