//! How many deliveries a job makes, and how fast: the fields of the forms that start jobs.

use std::num::NonZeroU32;
use std::time::Duration;

use super::form::Fields;
use super::wrong::Wrong;
use crate::endpoint::Rate;

/// The fields as the caller has entered them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) limit: String,
    pub(super) pace: String,
    /// Whether the pace counts the deliveries of a minute, and not of a second.
    pub(super) is_per_minute: bool,
}

impl Pace {
    pub(super) fn of(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default().to_owned();
        Self { limit: text("limit"), pace: text("pace"), is_per_minute: fields.text("per") == Some("minute") }
    }

    /// The most deliveries that the job makes or changes.
    pub(super) fn limit(&self, wrong: &mut Wrong) -> Option<u64> {
        if self.limit.is_empty() {
            return None;
        }
        let limit = self.limit.parse().ok().filter(|limit| *limit > 0);
        if limit.is_none() {
            wrong.note("limit", "limit: must be a whole number of at least 1, or empty for no limit");
        }
        limit
    }

    /// The most deliveries in a span of time.
    pub(super) fn rate(&self, wrong: &mut Wrong) -> Option<Rate> {
        if self.pace.is_empty() {
            return None;
        }
        let Ok(count) = self.pace.parse::<NonZeroU32>() else {
            wrong.note("pace", "pace: must be a whole number of at least 1, or empty for no limit");
            return None;
        };
        Some(Rate { count, per: Duration::from_secs(if self.is_per_minute { 60 } else { 1 }) })
    }

    /// The value of the unit in a form.
    pub(super) const fn per(&self) -> &'static str {
        if self.is_per_minute { "minute" } else { "second" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(limit: &str, pace: &str, is_per_minute: bool) -> Pace {
        Pace { limit: limit.into(), pace: pace.into(), is_per_minute }
    }

    #[test]
    fn empty_fields_limit_nothing() {
        let (pace, mut wrong) = (Pace::default(), Wrong::default());
        assert_eq!((pace.limit(&mut wrong), pace.rate(&mut wrong)), (None, None));
        assert!(wrong.is_empty());
    }

    #[test]
    fn a_pace_is_per_second_or_per_minute() {
        for (is_per_minute, seconds) in [(false, 1), (true, 60)] {
            let mut wrong = Wrong::default();
            let rate = pace("", "7", is_per_minute).rate(&mut wrong).unwrap();
            assert_eq!((rate.count.get(), rate.per), (7, Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn a_number_that_limits_to_nothing_or_is_none_is_named() {
        for text in ["0", "-1", "1.5", "many", "99999999999999999999999"] {
            let (pace, mut wrong) = (pace(text, text, false), Wrong::default());
            assert_eq!((pace.limit(&mut wrong), pace.rate(&mut wrong)), (None, None));
            assert!(wrong.of("limit").is_some() && wrong.of("pace").is_some(), "{text}");
        }
    }
}
