//! The proleptic Gregorian calendar in UTC, and the two texts of a time that are read and written: RFC 3339 and the HTTP date.

use std::fmt;
use std::ops::RangeInclusive;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The names of the days, as HTTP writes them.
pub(crate) const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const SECONDS_PER_DAY: i64 = 86_400;

/// The times that RFC 3339 can represent with every offset: from the year 0 to 9999-12-30T22:00:00Z, in microseconds since the Unix
/// epoch.
pub(crate) const YEARS: RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_207_200_999_999;

/// A day and a time of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// The calendar's view of a number of seconds since the Unix epoch.
    pub(crate) const fn from_unix(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        // Years begin in March, so that the leap day is the last day of a year. An era is 400 years, which always have the same
        // number of days. (Hinnant, "chrono-compatible low-level date algorithms".)
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year_of_era + era * 400 + if month <= 2 { 1 } else { 0 },
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// Seconds since the Unix epoch; `None` if there is no such day or time, or the year is not between 0 and 9999.
    pub(crate) fn to_unix(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !is_time
            || !(0..=9_999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
        {
            return None;
        }
        Some(days_since_epoch(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second)
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The inverse of what [`Civil::from_unix`] does to the days.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

/// The number of the month whose English name begins with these three letters, in the case that HTTP requires.
pub(crate) fn month(name: &str) -> Option<i64> {
    MONTHS.iter().zip(1..).find(|(month, _)| **month == name).map(|(_, number)| number)
}

/// A decimal number of exactly this many digits, at most nine.
pub(crate) fn digits(text: &str, count: usize) -> Option<i64> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Writes microseconds since the Unix epoch as RFC 3339 in UTC, with as many fractional digits as are needed.
pub(crate) fn write_rfc3339(micros: i64, f: &mut impl fmt::Write) -> fmt::Result {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let Civil { year, month, day, hour, minute, second } = Civil::from_unix(seconds);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_char('Z')
}

/// Reads RFC 3339 with any offset: microseconds since the Unix epoch, rounded towards it. Between day and time is a
/// `T`, a `t` or a space; the offset is `Z`, `z`, `+01:00`, `+0100` or `+01`; the fraction has at most nine digits. A leap second
/// counts as the second before it.
pub(crate) fn read_rfc3339(text: &str) -> Option<i64> {
    let (head, tail) = text.split_at_checked(19)?;
    let mut fields = [0; 6];
    let shape = [(0..4, ""), (5..7, "-"), (8..10, "-"), (11..13, "T"), (14..16, ":"), (17..19, ":")];
    for ((place, before), field) in shape.into_iter().zip(&mut fields) {
        *field = digits(head.get(place.clone())?, place.len())?;
        let mark = if before.is_empty() { "" } else { head.get(place.start - 1..place.start)? };
        if mark != before && !(before == "T" && matches!(mark, "t" | " ")) {
            return None;
        }
    }
    let [year, month, day, hour, minute, second] = fields;
    let second = if second == 60 { 59 } else { second };
    let local = Civil { year, month, day, hour, minute, second }.to_unix()?;
    let (fraction, offset) = match tail.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("0", tail),
    };
    let nanos = digits(fraction, fraction.len()).filter(|_| (1..=9).contains(&fraction.len()))?
        * 10_i64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let nanos = i128::from(local - offset_seconds(offset)?) * 1_000_000_000 + i128::from(nanos);
    i64::try_from(nanos / 1_000).ok().filter(|micros| YEARS.contains(micros))
}

/// How far local time is ahead of UTC.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':') {
        Some(minutes) => digits(minutes, 2)?,
        None if minutes.is_empty() => 0,
        None => digits(minutes, 2)?,
    };
    let hours = digits(hours, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the only form of an HTTP date that may be sent (RFC 9110 section 5.6.7). Returns seconds
/// since the Unix epoch. The day of the week must be that of the date.
pub(crate) fn read_http_date(text: &str) -> Option<i64> {
    let words: Vec<_> = text.split(' ').collect();
    let [day_name, day, month_name, year, time, "GMT"] = *words.as_slice() else { return None };
    let [hour, minute, second] = read_time(time)?;
    let civil = Civil { year: digits(year, 4)?, month: month(month_name)?, day: digits(day, 2)?, hour, minute, second };
    let at = civil.to_unix()?;
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((at.div_euclid(SECONDS_PER_DAY) + 3).rem_euclid(7)).ok()?;
    (DAYS.get(weekday) == day_name.strip_suffix(',').as_ref()).then_some(at)
}

/// Reads `08:49:37`. The caller checks the range of the numbers.
pub(crate) fn read_time(text: &str) -> Option<[i64; 3]> {
    let mut parts = text.split(':');
    let numbers = [digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::select;

    use super::*;

    fn jiff_micros(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
    }

    fn written(micros: i64) -> String {
        let mut text = String::new();
        write_rfc3339(micros, &mut text).unwrap();
        text
    }

    #[test]
    fn every_day_of_the_years_0_to_9999_is_the_same_day_to_jiff() {
        let mut date = jiff::civil::date(0, 1, 1);
        for days in -719_528..=2_932_895 {
            let civil = Civil::from_unix(days * SECONDS_PER_DAY + 1);
            let theirs = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
            assert_eq!((civil.year, civil.month, civil.day), theirs);
            assert_eq!(civil.to_unix(), Some(days * SECONDS_PER_DAY + 1));
            date = date.tomorrow().unwrap_or(date);
        }
        assert_eq!(date.to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2023-01-19",
            "2023-01-19T00:13:51",
            "23-01-19T00:13:51Z",
            "2023-1-19T00:13:51Z",
            "2023-02-29T00:13:51Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2023-01-32T00:00:00Z",
            "2023-01-19T24:00:00Z",
            "2023-01-19T00:60:00Z",
            "2023-01-19T00:13:61Z",
            "2023-01-19T00:13:51.Z",
            "2023-01-19T00:13:51.1234567890Z",
            "2023-01-19T00:13:51+24:00",
            "2023-01-19T00:13:51+1:00",
            "2023-01-19T00:13:51+01:60",
            "2023-01-19T00:13:51+01:",
            "2023-01-19T00:13:51Z ",
            " 2023-01-19T00:13:51Z",
            "2023-01-19T00:13:51UTC",
            "2023-01-19_00:13:51Z",
            "2023-01-19T00:13:+1Z",
            "-002023-01-19T00:13:51Z",
            "2023-01-19T00:13:51Z[UTC]",
            "2023-01-19T00-13-51Z",
            "\u{662}023-01-19T00:13:51Z",
            "20230119T001351Z",
        ] {
            assert_eq!(read_rfc3339(text), None, "{text}");
        }
    }

    fn number(good: std::ops::Range<u32>, width: usize) -> impl Strategy<Value = String> {
        prop_oneof![
            12 => good.prop_map(move |number| format!("{number:0width$}")),
            1 => (0u32..100).prop_map(|number| number.to_string()),
        ]
    }

    fn text(offset: &'static str) -> impl Strategy<Value = String> {
        let day = (number(0..10_000, 4), number(1..13, 2), number(1..32, 2));
        let time = (number(0..24, 2), number(0..60, 2), number(0..61, 2));
        let mark = select(vec!["T", "T", "t", " "]);
        let fraction = prop_oneof![3 => "", 3 => r"\.[0-9]{1,9}", 1 => r"\.[0-9]{0,12}"];
        (day, mark, time, fraction, offset).prop_map(
            |((year, month, day), mark, (hour, minute, second), fraction, offset)| {
                format!("{year}-{month}-{day}{mark}{hour}:{minute}:{second}{fraction}{offset}")
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_time_is_written_as_jiff_writes_it(micros in YEARS, whole in proptest::bool::ANY) {
            let micros = if whole { micros / 1_000_000 * 1_000_000 } else { micros };
            let text = written(micros);
            prop_assert_eq!(&text, &jiff::Timestamp::from_microsecond(micros).unwrap().to_string());
            prop_assert_eq!(read_rfc3339(&text), Some(micros));
        }

        #[test]
        fn what_is_read_is_what_jiff_reads(text in text("[+-][0-2][0-9]:?[0-9]{0,2}|[ -~]{0,3}")) {
            if let Some(ours) = read_rfc3339(&text) {
                prop_assert_eq!(Some(ours), jiff_micros(&text), "{}", text);
            }
        }

        #[test]
        fn a_time_of_the_common_form_is_read_where_jiff_reads_it(text in text("Z|z|[+-][01][0-9]:?[0-5][0-9]|[+-][01][0-9]")) {
            let theirs = jiff_micros(&text).filter(|at| YEARS.contains(at) && text.len() >= 20);
            prop_assert_eq!(read_rfc3339(&text), theirs, "{}", text);
        }

        #[test]
        fn an_http_date_is_read_as_jiff_reads_it(second in 0i64..253_402_207_200, day in 0usize..7, edit in "[ -~]", at in 0usize..29) {
            let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(second).unwrap());
            let text = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(read_http_date(&text), Some(second));
            let parser = jiff::fmt::rfc2822::DateTimeParser::new();
            let mut edited = text.clone();
            edited.replace_range(at..=at, &edit);
            for text in [format!("{}{}", DAYS[day], &text[3..]), edited] {
                if let Some(ours) = read_http_date(&text) {
                    prop_assert_eq!(Some(ours), parser.parse_timestamp(&text).ok().map(jiff::Timestamp::as_second), "{}", text);
                }
            }
        }
    }
}
