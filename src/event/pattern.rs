//! Which event types are meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EventType;

/// Which event types are meant: `*` (all), `invoice.*` (all that begin with `invoice.`, at any depth), or one type.
///
/// ```
/// use hookwire::event::{EventType, Pattern};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pattern: Pattern = "invoice.*".parse()?;
/// assert!(pattern.matches(&EventType::new("invoice.paid")?));
/// assert!(pattern.matches(&EventType::new("invoice.paid.late")?));
/// assert!(!pattern.matches(&EventType::new("invoice")?));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Shape);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shape {
    All,
    /// Everything that begins with this, the full stop included.
    Under(Box<str>),
    One(EventType),
}

/// The text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event pattern: must be `*`, an event type, or an event type followed by `.*`; is {0:?}")]
pub struct PatternError(String);

impl Pattern {
    /// Every event type.
    pub const ALL: Self = Self(Shape::All);

    /// Whether `event_type` is meant.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match &self.0 {
            Shape::All => true,
            Shape::Under(prefix) => event_type.as_str().starts_with(&**prefix),
            Shape::One(one) => one == event_type,
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError(text.chars().take(64).collect());
        if text == "*" {
            return Ok(Self::ALL);
        }
        let shape = match text.strip_suffix(".*") {
            Some(parent) => {
                EventType::new(parent).map_err(|_| refuse())?;
                Shape::Under(text.trim_end_matches('*').into())
            }
            None => Shape::One(EventType::new(text).map_err(|_| refuse())?),
        };
        Ok(Self(shape))
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl TryFrom<&str> for Pattern {
    type Error = PatternError;

    fn try_from(text: &str) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::All => f.write_str("*"),
            Shape::Under(prefix) => write!(f, "{prefix}*"),
            Shape::One(event_type) => event_type.fmt(f),
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
    fn a_star_stands_only_at_the_end() {
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
