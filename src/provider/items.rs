//! The events of a body that contains many, and the position of each.

use std::fmt;
use std::ops::Range;

use serde::Deserializer as _;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::signature::VerifyError;
use crate::signature::json::{Ambiguous, raw_at};

/// Why the items of a body cannot be listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoItems {
    /// A key on the path to the items occurs twice.
    Ambiguous,
    /// There are more items than are accepted.
    TooMany(usize),
}

impl From<Ambiguous> for NoItems {
    fn from(Ambiguous: Ambiguous) -> Self {
        Self::Ambiguous
    }
}

impl NoItems {
    /// The error for the request; `what` names its malformed part.
    pub(super) const fn error(self, what: &'static str) -> VerifyError {
        match self {
            Self::Ambiguous => VerifyError::Malformed(what),
            Self::TooMany(most) => VerifyError::TooManyEvents(most),
        }
    }
}

/// Whether a body is a JSON object, and nothing else.
pub(super) fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{') && raw_at(body, "").is_ok_and(|json| json.is_some())
}

/// The positions of the elements of the arrays that the steps lead to, one after the other. `None` if the first step leads to no
/// array. Of the pointers of one step, the first that leads to an array counts.
pub(super) fn items(body: &[u8], steps: &[&[&str]], most: usize) -> Result<Option<Vec<Range<usize>>>, NoItems> {
    let mut ranges: Vec<Range<usize>> = std::iter::once(0..body.len()).collect();
    for (depth, pointers) in steps.iter().enumerate() {
        let mut next = Vec::new();
        for range in ranges {
            let slice = body.get(range.clone()).unwrap_or_default();
            match array_at(slice, pointers)? {
                Some(array) => {
                    let elements = elements(array, most)?;
                    next.extend(elements.into_iter().map(|element| place_in(body, element.get())));
                }
                None if depth == 0 && steps.len() == 1 && pointers.contains(&"") => return lines(body, most),
                None if depth == 0 => return Ok(None),
                None => next.push(range),
            }
            if next.len() > most {
                return Err(NoItems::TooMany(most));
            }
        }
        ranges = next;
    }
    Ok(Some(ranges))
}

/// The positions of the objects of JSON Lines. There must be at least two, because a single object is a body of its own.
fn lines(body: &[u8], most: usize) -> Result<Option<Vec<Range<usize>>>, NoItems> {
    let mut ranges = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        let Some(object) = value.ok().filter(|value| value.get().starts_with('{')) else { return Ok(None) };
        if ranges.len() == most {
            return Err(NoItems::TooMany(most));
        }
        ranges.push(place_in(body, object.get()));
    }
    Ok(Some(ranges).filter(|ranges| ranges.len() > 1))
}

fn array_at<'a>(body: &'a [u8], pointers: &[&str]) -> Result<Option<&'a str>, Ambiguous> {
    for pointer in pointers {
        if let Some(raw) = raw_at(body, pointer)?.filter(|raw| raw.get().starts_with('[')) {
            return Ok(Some(raw.get()));
        }
    }
    Ok(None)
}

/// The position of `part`, which was borrowed from `body`.
fn place_in(body: &[u8], part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + part.len()
}

/// The only possible error is too many elements, because the array was read as JSON before.
fn elements(array: &str, most: usize) -> Result<Vec<&RawValue>, NoItems> {
    serde_json::Deserializer::from_str(array).deserialize_seq(Elements { most }).map_err(|_| NoItems::TooMany(most))
}

struct Elements {
    most: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.most {
                return Err(A::Error::custom("too many"));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_json_object_is_an_object() {
        for body in ["{}", " {\"a\":1}\n", "\t{\"a\":{}}"] {
            assert!(is_object(body.as_bytes()), "{body:?}");
        }
        for body in ["", "12345", "null", "true", "\"a\"", "[{}]", "{", "{}{}", "{} x", "1e5", "-1.0", "{a=b}"] {
            assert!(!is_object(body.as_bytes()), "{body:?}");
        }
    }

    #[test]
    fn items_are_found_through_nested_arrays_and_stand_where_they_say() {
        let body = br#"{"entry":[{"id":1,"changes":[{"f":"a"}, {"f":"b"}]},{"id":2}]}"#;
        let found = items(body, &[&["/entry"], &["/messaging", "/changes"]], 9).unwrap().unwrap();
        let texts: Vec<_> = found.into_iter().map(|range| std::str::from_utf8(&body[range]).unwrap()).collect();
        assert_eq!(texts, [r#"{"f":"a"}"#, r#"{"f":"b"}"#, r#"{"id":2}"#]);
        assert_eq!(items(body, &[&["/other"]], 9), Ok(None));
        assert_eq!(items(b"[1,2,3]", &[&[""]], 2), Err(NoItems::TooMany(2)), "more than are taken");
    }
}
