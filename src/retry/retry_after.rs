//! `Retry-After` (RFC 9110 section 10.2.3): the time before which the endpoint wants no further request.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::clock::Timestamp;
use crate::clock::calendar::{self, Civil, DAYS, digits};

const LONG_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Returns the requested point in time, never before `now`. Returns `None` if the header is absent, occurs twice, or is neither
/// delay-seconds (a fraction is rounded up) nor one of the three HTTP-date forms (section 5.6.7). Too large numbers of seconds saturate.
#[must_use]
pub fn parse(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    if let Some(seconds) = delay_seconds(value) {
        return Some(now + Duration::from_secs(seconds));
    }
    http_date(value, now).map(|at| at.max(now))
}

/// The grammar allows no fraction, but some servers send one; it counts as a whole second.
fn delay_seconds(value: &str) -> Option<u64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let more = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(whole.parse().unwrap_or(u64::MAX).saturating_add(more))
}

/// The grammar is case-sensitive, requires GMT, and allows a leap second. The name of the day is not checked against the date.
fn http_date(text: &str, now: Timestamp) -> Option<Timestamp> {
    let words: Vec<_> = text.split(' ').collect();
    match *words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [day, date, month, year, time, "GMT"] if DAYS.contains(&day.strip_suffix(',')?) => {
            at(digits(year, 4)?, month, digits(date, 2)?, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [day, date, time, "GMT"] if LONG_DAYS.contains(&day.strip_suffix(',')?) => {
            let (date, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            at(full_year(digits(year, 2)?, now), month, digits(date, 2)?, time)
        }
        // Sun Nov  6 08:49:37 1994
        [day, month, "", date, time, year] if DAYS.contains(&day) => {
            at(digits(year, 4)?, month, digits(date, 1)?, time)
        }
        [day, month, date, time, year] if DAYS.contains(&day) => at(digits(year, 4)?, month, digits(date, 2)?, time),
        _ => None,
    }
}

/// The latest year with these two last digits that is not more than 50 years ahead (RFC 9110 section 5.6.7).
fn full_year(digits: i64, now: Timestamp) -> i64 {
    let latest = Civil::from_unix(now.as_secs()).year + 50;
    latest - (latest - digits).rem_euclid(100)
}

fn at(year: i64, month: &str, day: i64, time: &str) -> Option<Timestamp> {
    let [hour, minute, second] = calendar::read_time(time)?;
    let minute_start = Civil { year, month: calendar::month(month)?, day, hour, minute, second: 0 }.to_unix()?;
    (second <= 60).then(|| Timestamp::from_secs(minute_start + second))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn read(value: &str, now: Timestamp) -> Option<i64> {
        http_date(value, now).map(Timestamp::as_secs)
    }

    #[test]
    fn two_digits_mean_the_latest_year_within_fifty_years() {
        let in_year = |year: i64| Timestamp::from_secs((year - 1970) * 31_556_952 + 1_000_000);
        for (now, digits, meant) in
            [(2026, 26, 2026), (2026, 76, 2076), (2026, 77, 1977), (1994, 6, 2006), (2099, 0, 2100)]
        {
            assert_eq!(full_year(digits, in_year(now)), meant, "{digits} in {now}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_rounded_up() {
        for (value, expected) in [
            ("7", Some(7)),
            ("1.5", Some(2)),
            ("0.001", Some(1)),
            ("3.0", Some(3)),
            ("99999999999999999999.9", Some(u64::MAX)),
            ("1.", None),
            (".5", None),
            ("1.5.2", None),
            ("-1.5", None),
            ("1,5", None),
            ("1e3", None),
        ] {
            assert_eq!(delay_seconds(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_date_is_ignored() {
        for bad in [
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:+7 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  06 08:49:37 1994",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(read(bad, NOW), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_three_forms_of_one_second_read_alike(second in 0i64..3_200_000_000) {
            let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(second).unwrap());
            for form in ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", "%A, %d-%b-%y %H:%M:%S GMT"] {
                prop_assert_eq!(read(&date.strftime(form).to_string(), Timestamp::from_secs(second)), Some(second));
            }
        }
    }
}
