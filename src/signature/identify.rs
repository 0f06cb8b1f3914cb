//! Reading id and type out of a verified request.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::VerifyError;
use super::scheme::{Place, Scheme};
use super::{EventRef, Received, Reply};

/// Longest id or type kept, in bytes (R-40).
const MAX_NAME_BYTES: usize = 256;

impl Scheme {
    pub(super) fn identify(&self, received: &Received<'_>) -> Result<EventRef, VerifyError> {
        Ok(EventRef {
            id: name(self.id, received, "event id")?,
            event_type: name(self.event_type, received, "event type")?,
            id_authenticated: self.id_authenticated,
        })
    }

    /// The answer, when the request is a handshake.
    pub(super) fn handshake(&self, received: &Received<'_>) -> Result<Option<Reply>, VerifyError> {
        let Some(handshake) = &self.handshake else { return Ok(None) };
        if handshake.at.read(received, "handshake")?.as_deref() != Some(handshake.is) {
            return Ok(None);
        }
        let echo = handshake.echo.read(received, "handshake")?.ok_or(VerifyError::Malformed("handshake"))?;
        Ok(Some(Reply { status: 200, content_type: "text/plain", body: Bytes::from(echo) }))
    }
}

/// What stands in the first place that has anything.
fn name(places: &[Place], received: &Received<'_>, what: &'static str) -> Result<Option<String>, VerifyError> {
    for place in places {
        match place.read(received, what)? {
            Some(text) if text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) => {
                return Err(VerifyError::Malformed(what));
            }
            Some(text) if !text.is_empty() => return Ok(Some(text)),
            _ => {}
        }
    }
    Ok(None)
}

impl Place {
    fn read(&self, received: &Received<'_>, what: &'static str) -> Result<Option<String>, VerifyError> {
        match self {
            Self::Header(name) => header(received, name, what),
            Self::Json(pointer) => json(received.body, pointer).map_err(|Ambiguous| VerifyError::Malformed(what)),
            Self::Form(name) => {
                let mut values = form_urlencoded::parse(received.body).filter(|(field, _)| field == name);
                let value = values.next().map(|(_, value)| value.into_owned());
                if values.next().is_some() { Err(VerifyError::Malformed(what)) } else { Ok(value) }
            }
        }
    }
}

/// The header's one value; a second one would make the event's name ambiguous (R-07).
fn header(received: &Received<'_>, name: &str, what: &'static str) -> Result<Option<String>, VerifyError> {
    let mut values = received.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| VerifyError::Malformed(what))?;
    if values.next().is_some() { Err(VerifyError::Malformed(what)) } else { Ok(Some(text.into())) }
}

/// A key on the way to the pointer's end stands twice: two readers could see two values (R-25).
struct Ambiguous;

/// The text or number at a pointer. Everything beside the path is skipped, not built. A body that is not JSON holds
/// nothing.
fn json(body: &[u8], pointer: &str) -> Result<Option<String>, Ambiguous> {
    let path: Vec<_> = pointer.split('/').skip(1).collect();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match (Find { path: &path }).deserialize(&mut deserializer) {
        Ok(found) => Ok(deserializer.end().ok().and(found)),
        Err(error) if error.is_data() => Err(Ambiguous),
        Err(_) => Ok(None),
    }
}

#[derive(Clone, Copy)]
struct Find<'p> {
    path: &'p [&'p str],
}

impl Find<'_> {
    fn here(self, text: impl FnOnce() -> String) -> Option<String> {
        self.path.is_empty().then(text)
    }
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut seen) = (None, false);
        let Some((first, rest)) = self.path.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
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
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.here(|| text.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.here(|| number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.here(|| number.to_string()))
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

/// Whether a key is this one, however it is escaped; nothing is allocated for those that are not.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn find(body: &str, pointer: &str) -> Option<Option<String>> {
        json(body.as_bytes(), pointer).ok()
    }

    #[test]
    fn a_pointer_finds_text_and_numbers_and_skips_the_rest() {
        let body = r#"{"a":[1,{"type":"no"}],"event":{"type":"yes","n":7},"type":null}"#;
        assert_eq!(find(body, "/event/type"), Some(Some("yes".into())));
        assert_eq!(find(body, "/event/n"), Some(Some("7".into())));
        assert_eq!(find(body, "/type"), Some(None));
        assert_eq!(find(body, "/event"), Some(None));
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
}
