//! Patterns that match event types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error;
use super::event_type::EventType;
use crate::field::FieldError;

/// A pattern that matches event types: `*` (all), `invoice.*` (all that begin with `invoice.`, at any depth), or one type.
///
/// ```
/// use hookwire::event::{EventType, Pattern};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pattern: Pattern = "invoice.*".parse()?;
/// assert!(pattern.matches(&EventType::new("invoice.paid")?));
/// assert!(pattern.matches(&EventType::new("invoice.paid.late")?));
/// assert!(!pattern.matches(&EventType::new("invoice")?));
/// assert!("*.paid".parse::<Pattern>().unwrap_err().to_string().ends_with("is \"*.paid\""));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Shape);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shape {
    All,
    /// Holds the full stop at the end: `invoice.`.
    Prefix(Box<str>),
    Exact(EventType),
}

impl Pattern {
    /// The pattern `*`, which matches every event type.
    pub const ALL: Self = Self(Shape::All);

    /// Whether the pattern matches `event_type`.
    ///
    /// ```
    /// use hookwire::event::{EventType, Pattern};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert!(Pattern::ALL.matches(&EventType::new("invoice.paid")?));
    /// assert!(!"invoice.*".parse::<Pattern>()?.matches(&EventType::new("invoices.paid")?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match &self.0 {
            Shape::All => true,
            Shape::Prefix(prefix) => event_type.as_str().starts_with(&**prefix),
            Shape::Exact(exact) => exact == event_type,
        }
    }
}

impl FromStr for Pattern {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let malformed = || error::pattern(text);
        if text == "*" {
            return Ok(Self::ALL);
        }
        let shape = match text.strip_suffix(".*") {
            Some(parent) => {
                EventType::new(parent).map_err(|_| malformed())?;
                Shape::Prefix(text.trim_end_matches('*').into())
            }
            None => Shape::Exact(EventType::new(text).map_err(|_| malformed())?),
        };
        Ok(Self(shape))
    }
}

impl TryFrom<String> for Pattern {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        text.parse()
    }
}

impl TryFrom<&str> for Pattern {
    type Error = FieldError;

    fn try_from(text: &str) -> Result<Self, FieldError> {
        text.parse()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::All => f.write_str("*"),
            Shape::Prefix(prefix) => write!(f, "{prefix}*"),
            Shape::Exact(event_type) => event_type.fmt(f),
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_survive_text() {
        for text in ["*", "invoice.*", "invoice.paid", "a.b.c.*"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_star_is_allowed_only_at_the_end() {
        for bad in ["", ".*", "*.paid", "invoice*", "invoice.*.late", "**", "a.*.*"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_full_stop() {
        let pattern: Pattern = "invoice.*".parse().unwrap();
        assert!(!pattern.matches(&EventType::new("invoices.paid").unwrap()));
    }
}
