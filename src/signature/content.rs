//! The JSON inside a body that is not JSON itself, or that some parsers do not read as JSON.

use std::borrow::Cow;

use super::multipart;
use crate::percent;

/// The form field that contains the JSON, as GitHub and Slack name it.
const FORM_FIELD: &str = "payload";

/// The fields of a multipart form that may contain the JSON: Dropbox Sign's name, and the name above.
const PART_FIELDS: [&str; 2] = ["json", FORM_FIELD];

/// The JSON inside of a body, without a byte order mark and taken out of a form field. Each unpaired half of a surrogate pair
/// becomes a replacement character (U+FFFD), because JSON allows such a half and `serde_json` rejects it. `None` if the body itself
/// is the JSON.
pub(crate) fn json_inside(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let inside = match text.trim_ascii_start() {
        [b'{' | b'[' | b'"', ..] => Cow::Borrowed(text),
        [b'-', b'-', ..] => multipart::values(text, &PART_FIELDS)?.into_iter().find_map(alone).map(Cow::Owned)?,
        _ => alone(form_values(text)).map(Cow::Owned)?,
    };
    match (without_lone_surrogates(&inside), inside) {
        (Some(mended), _) => Some(Cow::Owned(mended)),
        (None, Cow::Borrowed(same)) if same.len() == body.len() => None,
        (None, inside) => Some(inside),
    }
}

fn form_values(form: &[u8]) -> Vec<String> {
    let fields = percent::pairs(form).filter(|(name, _)| name == FORM_FIELD);
    fields.map(|(_, value)| value.into_owned()).take(2).collect()
}

/// The value of a field that occurs once. If a field occurred twice, two parsers could read different values (R-25).
fn alone(values: Vec<String>) -> Option<Vec<u8>> {
    let [value] = <[String; 1]>::try_from(values).ok()?;
    let value = value.into_bytes();
    matches!(value.trim_ascii_start(), [b'{' | b'[', ..]).then_some(value)
}

/// The same text with the same number of bytes, in which `\ufffd` replaces every escape of an unpaired surrogate half.
fn without_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(next) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += next;
        match surrogate(json, at) {
            Some(Half::High) if surrogate(json, at + 6) == Some(Half::Low) => at += 12,
            Some(_) => {
                let copy = mended.get_or_insert_with(|| json.to_vec());
                if let Some(escape) = copy.get_mut(at..at + 6) {
                    escape.copy_from_slice(b"\\ufffd");
                }
                at += 6;
            }
            None => at += 2,
        }
    }
    mended
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// Which half of a surrogate pair is escaped at this position.
fn surrogate(json: &[u8], at: usize) -> Option<Half> {
    match json.get(at..at + 6)? {
        [b'\\', b'u', b'd' | b'D', third, low @ ..] if low.iter().all(u8::is_ascii_hexdigit) => match third {
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B' => Some(Half::High),
            b'c'..=b'f' | b'C'..=b'F' => Some(Half::Low),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(body: &str) -> Option<String> {
        json_inside(body.as_bytes()).map(|json| String::from_utf8(json.into_owned()).unwrap())
    }

    #[test]
    fn plain_json_is_all_there_is() {
        for body in ["", "{}", " [1]", "x", "a=1&b=2", "payload=1", "payload={}&payload={}", r#"{"a":"\ud83d\ude00"}"#]
        {
            assert_eq!(inside(body), None, "{body}");
        }
    }

    #[test]
    fn a_mark_a_field_and_half_a_pair_are_dealt_with() {
        let cases = [
            ("\u{feff}{}", "{}"),
            ("payload=%7B%22a%22%3A1%7D", r#"{"a":1}"#),
            ("x=1&payload=%5B%5D", "[]"),
            (r#"{"a":"x\ud83d"}"#, r#"{"a":"x\ufffd"}"#),
            (r#"{"a":"\uD83Dx","b":"\ude00\ud83d\ude00"}"#, r#"{"a":"\ufffdx","b":"\ufffd\ud83d\ude00"}"#),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ufffd\ud83d\ude00"}"#),
            ("payload=%7B%22a%22%3A%22%5Cud83d%22%7D", r#"{"a":"\ufffd"}"#),
        ];
        for (body, wanted) in cases {
            assert_eq!(inside(body).as_deref(), Some(wanted), "{body}");
        }
        assert_eq!(inside(r#"{"a":"\\ud83d"}"#), None, "an escaped backslash is no escape");
    }
}
