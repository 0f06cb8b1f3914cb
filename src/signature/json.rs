//! Reads values in JSON without building the whole document: everything outside of the path is skipped.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::work;

/// A key on the path occurs twice, so two parsers could read different values (R-25).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// The text or the number at a pointer. A body that is not JSON contains nothing.
pub(crate) fn text_at(body: &[u8], pointer: &str) -> Result<Option<String>, Ambiguous> {
    Ok(raw_at(body, pointer)?.and_then(|raw| text_of(raw.get())))
}

/// The name of the first member of an object that is not in `except`.
pub(crate) fn member(body: &[u8], except: &[&str]) -> Result<Option<String>, Ambiguous> {
    within(body, |deserializer| deserializer.deserialize_any(Member { except }))
}

/// The text of a string, or a number as written, however large it is. Any other value cannot be a name.
fn text_of(json: &str) -> Option<String> {
    match json.as_bytes() {
        [b'"', ..] => serde_json::from_str(json).ok(),
        [b'-' | b'0'..=b'9', ..] => Some(json.to_owned()),
        _ => None,
    }
}

/// The JSON at a pointer, as written.
pub(crate) fn raw_at<'a>(body: &'a [u8], pointer: &str) -> Result<Option<&'a RawValue>, Ambiguous> {
    let path: Vec<_> = pointer.split('/').skip(1).collect();
    within(body, |deserializer| (Find { path: &path }).deserialize(deserializer))
}

/// Reads a whole body. A body that is not JSON to its end contains nothing.
fn within<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'a>>) -> Result<Option<T>, serde_json::Error>,
) -> Result<Option<T>, Ambiguous> {
    work::spent(body.len());
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match read(&mut deserializer) {
        Ok(found) => Ok(deserializer.end().ok().and(found)),
        Err(error) if error.is_data() => Err(Ambiguous),
        Err(_) => Ok(None),
    }
}

#[derive(Clone, Copy)]
struct Find<'p> {
    path: &'p [&'p str],
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            <&RawValue>::deserialize(deserializer).map(Some)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut seen) = (None, false);
        let (first, rest) = self.path.split_first().ok_or_else(|| A::Error::custom("no path"))?;
        while let Some(here) = map.next_key_seed(Is(first))? {
            if !here {
                map.next_value::<IgnoredAny>()?;
            } else if std::mem::replace(&mut seen, true) {
                return Err(A::Error::custom("ambiguous"));
            } else {
                found = map.next_value_seed(Find { path: rest })?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (first, rest) = self.path.split_first().ok_or_else(|| A::Error::custom("no path"))?;
        let mut left = first.parse::<usize>().ok();
        let mut found = None;
        loop {
            if left == Some(0) {
                match seq.next_element_seed(Find { path: rest })? {
                    Some(value) => found = value,
                    None => return Ok(None),
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            left = left.and_then(|left| left.checked_sub(1));
        }
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether a key equals this one, however it is escaped. Nothing is allocated for other keys.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

struct Member<'p> {
    except: &'p [&'p str],
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if found.is_none() && !self.except.contains(&name.as_str()) {
                found = Some(name);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(body: &str, pointer: &str) -> Option<Option<String>> {
        text_at(body.as_bytes(), pointer).ok()
    }

    #[test]
    fn a_pointer_finds_text_and_numbers_and_skips_the_rest() {
        let body = r#"{"a":[1,{"type":"no"}],"event":{"type":"yes","n":7},"type":null}"#;
        assert_eq!(find(body, "/event/type"), Some(Some("yes".into())));
        assert_eq!(find(body, "/event/n"), Some(Some("7".into())));
        assert_eq!(find(body, "/a/1/type"), Some(Some("no".into())));
        for nothing in ["/type", "/event", "/a", "/a/2", "/a/x", "/a/0/b", "/event/type/x"] {
            assert_eq!(find(body, nothing), Some(None), "{nothing}");
        }
        assert_eq!(find(r#"[{"id":"\u0061"}]"#, "/0/id"), Some(Some("a".into())));
    }

    #[test]
    fn what_is_not_json_holds_nothing() {
        for body in ["", "{", "hello", r#"{"type":"a"} x"#, "\u{feff}{}"] {
            assert_eq!(find(body, "/type"), Some(None), "{body:?}");
        }
    }

    #[test]
    fn r_25_a_repeated_key_on_the_path_is_ambiguous_however_it_is_spelled() {
        assert_eq!(find(r#"{"type":"a","ty\u0070e":"b"}"#, "/type"), None);
        assert_eq!(find(r#"{"x":1,"x":2,"type":"a"}"#, "/type"), Some(Some("a".into())));
    }

    #[test]
    fn the_first_member_that_is_meant_names_the_kind() {
        let body = br#"{"update_id":7,"message":{"text":"hi"},"z":1}"#;
        assert_eq!(member(body, &["update_id"]), Ok(Some("message".into())));
        assert_eq!(member(b"[]", &[]), Err(Ambiguous));
        assert_eq!(member(b"x", &[]), Ok(None));
    }
}
