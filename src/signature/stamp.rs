//! Reads the signed time strictly, so that a text has only one meaning as a time.

use super::error::VerifyError;
use super::place::Place;
use crate::clock::{Timestamp, calendar};

/// The place and the format of the signed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: StampAt,
    pub(crate) unit: Unit,
}

/// The place of the signed time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StampAt {
    Nowhere,
    Header(&'static str),
    Field(&'static str),
    First,
    Place(Place),
}

/// The format of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Whole seconds since the Unix epoch.
    Seconds,
    /// Whole milliseconds since the Unix epoch.
    Millis,
    /// Whole seconds or whole milliseconds since the Unix epoch, for a provider that has changed from one to the other. A number with up to
    /// eleven digits is in seconds, a longer one in milliseconds.
    SecondsOrMillis,
    /// Whole microseconds since the Unix epoch.
    Micros,
    /// Seconds since the Unix epoch, optionally with up to nine digits after a point.
    FloatSeconds,
    /// RFC 3339.
    Rfc3339,
    /// An HTTP date (RFC 9110 section 5.6.7).
    HttpDate,
}

impl Stamp {
    /// The scheme signs no time, so it has no replay protection of its own.
    pub(crate) const NONE: Self = Self { at: StampAt::Nowhere, unit: Unit::Seconds };

    /// The time is in a header, in seconds.
    #[must_use]
    pub(crate) const fn header(name: &'static str) -> Self {
        Self { at: StampAt::Header(name), unit: Unit::Seconds }
    }

    /// The time is in a field of the signature header ([`Signature::fields`](super::Signature::fields)), in seconds.
    #[must_use]
    pub(crate) const fn field(name: &'static str) -> Self {
        Self { at: StampAt::Field(name), unit: Unit::Seconds }
    }

    /// The time is the first element of the signature header ([`Signature::list`](super::Signature::list)), in seconds.
    #[must_use]
    pub(crate) const fn first() -> Self {
        Self { at: StampAt::First, unit: Unit::Seconds }
    }

    /// The time is in the body, in seconds.
    #[must_use]
    pub(crate) const fn at(place: Place) -> Self {
        Self { at: StampAt::Place(place), unit: Unit::Seconds }
    }

    /// The time is in whole milliseconds since the Unix epoch, instead of seconds.
    #[must_use]
    pub(crate) const fn millis(self) -> Self {
        self.unit(Unit::Millis)
    }

    /// The time is in whole seconds (up to eleven digits) or whole milliseconds, for a provider that has changed from one to the other.
    #[must_use]
    pub(crate) const fn seconds_or_millis(self) -> Self {
        self.unit(Unit::SecondsOrMillis)
    }

    /// The time is in the format of RFC 3339.
    #[must_use]
    pub(crate) const fn rfc3339(self) -> Self {
        self.unit(Unit::Rfc3339)
    }

    /// The time is an HTTP date (RFC 9110 section 5.6.7).
    #[must_use]
    pub(crate) const fn http_date(self) -> Self {
        self.unit(Unit::HttpDate)
    }

    /// The time has this format.
    pub(crate) const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}

const MALFORMED: VerifyError = VerifyError::Malformed("timestamp");

impl Unit {
    pub(crate) fn read(self, text: &[u8]) -> Result<Timestamp, VerifyError> {
        match self {
            Self::Seconds => digits(text, 12).map(Timestamp::from_secs),
            Self::Millis => digits(text, 15).map(Timestamp::from_millis),
            Self::SecondsOrMillis if text.len() <= 11 => digits(text, 11).map(Timestamp::from_secs),
            Self::SecondsOrMillis => digits(text, 15).map(Timestamp::from_millis),
            Self::Micros => digits(text, 18).map(|micros| Timestamp::from_millis(micros / 1_000)),
            Self::FloatSeconds => float_seconds(text),
            Self::Rfc3339 => rfc3339(text),
            Self::HttpDate => http_date(text),
        }
    }
}

/// Reads `[1-9][0-9]*` of a limited length: no sign, space, fraction, leading zero or non-ASCII digit.
fn digits(text: &[u8], most: usize) -> Result<i64, VerifyError> {
    let sound = matches!(text.first(), Some(b'1'..=b'9')) && text.len() <= most && text.iter().all(u8::is_ascii_digit);
    if !sound {
        return Err(MALFORMED);
    }
    Ok(text.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit.wrapping_sub(b'0'))))
}

/// Reads a text like `1700000000.123`.
fn float_seconds(text: &[u8]) -> Result<Timestamp, VerifyError> {
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &b"0"[..]),
    };
    if !(1..=9).contains(&fraction.len()) || !fraction.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    let thousandths = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(3);
    let millis = thousandths.fold(0i64, |sum, digit| sum * 10 + i64::from(digit.wrapping_sub(b'0')));
    Ok(Timestamp::from_millis(digits(whole, 12)? * 1_000 + millis))
}

/// Reads a text like `2026-11-25T09:30:00.123456789Z`. The year has exactly four digits: if the signed text has nothing between time and
/// body, a shorter or longer time would split the same bytes at another place.
fn rfc3339(text: &[u8]) -> Result<Timestamp, VerifyError> {
    let text = std::str::from_utf8(text).map_err(|_| MALFORMED)?;
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        0..=18 => byte.is_ascii_digit(),
        19.. => byte.is_ascii_digit() || b".Z+-:".contains(&byte),
    };
    if !(20..=35).contains(&text.len()) || !text.bytes().enumerate().all(shape) {
        return Err(MALFORMED);
    }
    text.parse().map_err(|_| MALFORMED)
}

/// Reads a text like `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that may be sent (RFC 9110 section 5.6.7).
fn http_date(text: &[u8]) -> Result<Timestamp, VerifyError> {
    let text = std::str::from_utf8(text).map_err(|_| MALFORMED)?;
    calendar::read_http_date(text).map(Timestamp::from_secs).ok_or(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_reads_its_one_spelling_and_nothing_else() {
        let at = Timestamp::from_secs(784_111_777);
        assert_eq!(Unit::Seconds.read(b"784111777"), Ok(at));
        assert_eq!(Unit::Millis.read(b"784111777000"), Ok(at));
        assert_eq!(Unit::SecondsOrMillis.read(b"784111777"), Ok(at));
        assert_eq!(Unit::SecondsOrMillis.read(b"784111777000"), Ok(at));
        assert_eq!(Unit::Micros.read(b"784111777000000"), Ok(at));
        assert_eq!(Unit::FloatSeconds.read(b"784111777"), Ok(at));
        assert_eq!(Unit::FloatSeconds.read(b"784111777.250001"), Ok(Timestamp::from_millis(784_111_777_250)));
        assert_eq!(Unit::Rfc3339.read(b"1994-11-06T08:49:37Z"), Ok(at));
        assert_eq!(Unit::Rfc3339.read(b"1994-11-06T09:49:37.000000000+01:00"), Ok(at));
        assert_eq!(Unit::HttpDate.read(b"Sun, 06 Nov 1994 08:49:37 GMT"), Ok(at));
    }

    #[test]
    fn r_10_no_unit_reads_anything_sloppy() {
        for text in ["", "0", "-1", "+1", "01", "1.0", " 1", "1 ", "1234567890123", "\u{664}\u{664}"] {
            assert_eq!(Unit::Seconds.read(text.as_bytes()), Err(MALFORMED), "{text:?}");
        }
        for text in ["", ".", "1.", ".5", "1.0000000000", "1.2.3", "-1.5", "1e9", "1,5"] {
            assert_eq!(Unit::FloatSeconds.read(text.as_bytes()), Err(MALFORMED), "{text:?}");
        }
        for text in
            ["1994-11-06", "94-11-06T08:49:37Z", "1994-11-06 08:49:37Z", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z"]
        {
            assert_eq!(Unit::Rfc3339.read(text.as_bytes()), Err(MALFORMED), "{text:?}");
        }
        for text in ["Sun, 06 Nov 1994 08:49:37 +0000", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(Unit::HttpDate.read(text.as_bytes()), Err(MALFORMED), "{text:?}");
        }
    }
}
