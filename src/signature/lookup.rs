//! Several texts of one JSON body, found in one reading.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::work;

/// The value at a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// This text, or this number as it was written.
    Is(String),
    /// The body is JSON, but has no text and no number there.
    Absent,
    /// The body is not JSON to its end, or `serde_json` rejects the text because it contains half a surrogate pair.
    Unread,
    /// A key on the path occurs twice, so two parsers could read different values (R-25).
    Ambiguous,
}

/// The texts at these pointers, in their order.
pub(crate) fn texts_at(body: &[u8], pointers: &[&str]) -> Vec<Text> {
    work::spent(body.len());
    let paths: Vec<Vec<_>> = pointers.iter().map(|pointer| pointer.split('/').skip(1).collect()).collect();
    let wanted: Vec<_> = paths.iter().enumerate().map(|(slot, path)| Wanted { slot, path }).collect();
    let mut slots = vec![Slot::Empty; pointers.len()];
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let found = Find { wanted: &wanted, slots: &mut slots }.deserialize(&mut deserializer);
    let is_json = found.is_ok() && deserializer.end().is_ok();
    let text = |slot| match slot {
        Slot::Twice => Text::Ambiguous,
        _ if !is_json => Text::Unread,
        Slot::Empty => Text::Absent,
        Slot::Raw(raw) => text_of(raw.get()),
    };
    slots.into_iter().map(text).collect()
}

fn text_of(json: &str) -> Text {
    match json.as_bytes() {
        [b'"', ..] => serde_json::from_str(json).map_or(Text::Unread, Text::Is),
        [b'-' | b'0'..=b'9', ..] => Text::Is(json.to_owned()),
        _ => Text::Absent,
    }
}

/// A pointer or the rest of it, and the slot for the value that it leads to.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    slot: usize,
    path: &'p [&'p str],
}

impl<'p> Wanted<'p> {
    fn first(&self) -> Option<&'p str> {
        self.path.first().copied()
    }

    fn rest(&self) -> Self {
        Self { path: self.path.get(1..).unwrap_or_default(), ..*self }
    }
}

#[derive(Clone, Copy)]
enum Slot<'de> {
    Empty,
    Raw(&'de RawValue),
    Twice,
}

struct Find<'w, 'de> {
    wanted: &'w [Wanted<'w>],
    slots: &'w mut [Slot<'de>],
}

impl<'de> Find<'_, 'de> {
    fn put(&mut self, slot: usize, what: Slot<'de>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = what;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Find<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.wanted.iter().all(|it| !it.path.is_empty()) {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let (whole, parts): (Vec<_>, Vec<_>) = self.wanted.iter().partition(|it| it.path.is_empty());
        whole.into_iter().for_each(|it: Wanted<'_>| self.put(it.slot, Slot::Raw(raw)));
        if !parts.is_empty() {
            let mut inside = serde_json::Deserializer::from_str(raw.get());
            Find { wanted: &parts, slots: self.slots }.deserialize(&mut inside).map_err(D::Error::custom)?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Find<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen = vec![false; self.wanted.len()];
        while let Some(first) = map.next_key_seed(Step(self.wanted))? {
            let Some(at) = first else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let key = self.wanted.get(at).and_then(Wanted::first);
            let behind = behind(self.wanted, |text| Some(text) == key);
            if seen.get(at) == Some(&true) {
                behind.iter().for_each(|it| self.put(it.slot, Slot::Twice));
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Find { wanted: &behind, slots: self.slots })?;
            }
            if let Some(seen) = seen.get_mut(at) {
                *seen = true;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let index = |text: &str| text.parse::<usize>().ok();
        let last = self.wanted.iter().filter_map(|it| index(it.first()?)).max();
        for at in 0..=last.unwrap_or_default() {
            let behind = behind(self.wanted, |text| index(text) == Some(at));
            let element = match behind.is_empty() {
                true => seq.next_element::<IgnoredAny>()?.map(drop),
                false => seq.next_element_seed(Find { wanted: &behind, slots: self.slots })?,
            };
            if element.is_none() {
                return Ok(());
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The pointers whose first step fits, each without this step.
fn behind<'w>(wanted: &[Wanted<'w>], is: impl Fn(&str) -> bool) -> Vec<Wanted<'w>> {
    wanted.iter().filter(|it| it.first().is_some_and(&is)).map(Wanted::rest).collect()
}

/// Which of the pointers begins with a key, however the key is escaped. Nothing is allocated for a key that begins none of them.
struct Step<'w>(&'w [Wanted<'w>]);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Step<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|it| it.first() == Some(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::json;

    const POINTERS: [&str; 9] = ["/a", "/a/b", "/a/b/c", "/d", "/d/0", "/d/2/e", "/a/f", "/g", ""];

    /// The result is the same as that of another function that reads the pointers one by one.
    #[test]
    fn together_they_are_found_as_they_are_one_by_one() {
        let bodies = [
            r#"{"a":{"b":{"c":"x"},"f":1},"d":[1,"y",{"e":"z"}],"g":"h"}"#,
            r#"{"g":"\u0068","a":"x","d":{"0":"zero","2":{"e":5}},"z":[1,[2,{"a":1}]]}"#,
            r#"{"a":1,"a":2,"g":3}"#,
            r#"{"a":{"b":1,"b":2,"f":4},"g":true}"#,
            r#"{"a":{"f":1},"a":{"b":2}}"#,
            r#"{"g":1,"d":["\ud800"],"a":null}"#,
            r#"{"d":"\ud800"}"#,
            r#""text""#,
            "17",
            r#"{"g":1"#,
            r#"{"g":1} x"#,
            r#"{"\u0061":7,"g":1,"g":1}"#,
            "",
        ];
        for body in bodies {
            let all = texts_at(body.as_bytes(), &POINTERS);
            for (pointer, found) in POINTERS.iter().zip(all) {
                let found = match found {
                    Text::Is(text) => Ok(Some(text)),
                    Text::Absent | Text::Unread => Ok(None),
                    Text::Ambiguous => Err(json::Ambiguous),
                };
                assert_eq!(found, json::text_at(body.as_bytes(), pointer), "{body} {pointer}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_read() {
        let of = |body: &str| texts_at(body.as_bytes(), &["/a"]).remove(0);
        assert_eq!(of(r#"{"b":1}"#), Text::Absent);
        assert_eq!(of(r#"{"a":true}"#), Text::Absent);
        assert_eq!(of(r#"{"a":"\ud800"}"#), Text::Unread);
        assert_eq!(of("a=1"), Text::Unread);
    }
}
