//! Conditions of a query as texts: parameters of a request, arguments of a tool, fields of a form.

use crate::endpoint::Labels;
use crate::outcome::OutcomeFilter;

/// Reads a filter by outcome. The error says what a caller may write.
pub(crate) fn outcome_of(text: &str) -> Result<OutcomeFilter, &'static str> {
    OutcomeFilter::from_name(text).ok_or(
        "must be a status (503), a class of statuses (5xx), `status` for any status, or an outcome without a status: dns, connect, \
         tls, timeout, reset, protocol, blocked, local or panic",
    )
}

/// Reads the name and the value of a label. The name ends at the first `=`. Both have the limits of the labels of an endpoint, because a
/// job stores its filter.
pub(crate) fn label_of(text: &str) -> Result<(String, String), &'static str> {
    let parts = text.split_once('=').filter(|(name, value)| Labels::new().with(name, value).is_ok());
    let (name, value) = parts.ok_or(
        "must be the name and the value of a label, such as plan=pro; a name has 1 to 64 bytes without control characters, and a value \
         has at most 4096 bytes",
    )?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::MAX_LABEL_BYTES;
    use crate::outcome::Outcome;

    #[test]
    fn a_label_is_a_name_and_a_value() {
        assert_eq!(label_of("plan=pro"), Ok(("plan".into(), "pro".into())));
        assert_eq!(label_of("note=a=b"), Ok(("note".into(), "a=b".into())));
        assert_eq!(label_of("plan="), Ok(("plan".into(), String::new())));
        assert!(["", "plan", "=pro", "a\nb=pro"].iter().all(|text| label_of(text).is_err()));
    }

    #[test]
    fn a_label_is_not_longer_than_one_of_an_endpoint() {
        let longest = (format!("{}=", "n".repeat(64)), "v".repeat(MAX_LABEL_BYTES));
        assert!(label_of(&format!("{}{}", longest.0, longest.1)).is_ok());
        for text in [format!("n{}", longest.0), format!("{}{}v", longest.0, longest.1)] {
            let error = label_of(&text).unwrap_err();
            assert!(error.contains(&format!("at most {MAX_LABEL_BYTES} bytes")), "{error}");
        }
    }

    #[test]
    fn every_outcome_that_the_error_names_can_be_read() {
        let error = outcome_of("weather").unwrap_err();
        for outcome in [Outcome::Dns, Outcome::Connect, Outcome::Tls, Outcome::Timeout, Outcome::Reset, Outcome::Panic]
        {
            assert!(error.contains(outcome.class()), "{error}");
            assert_eq!(outcome_of(outcome.class()), Ok(OutcomeFilter::of(outcome)));
        }
        for name in ["503", "5xx", "status"] {
            assert!(error.contains(name) && outcome_of(name).is_ok(), "{error}");
        }
    }
}
